"""Run lengths of masks."""

from __future__ import annotations

import numpy as np
import pytest

from models.regions.rle import decode, encode

MASKS = {
    "random": np.random.default_rng(0).random((7, 5)) < 0.5,
    "first pixel set": np.array([[True, False], [False, True]]),
    "empty": np.zeros((3, 4), bool),
    "full": np.ones((3, 4), bool),
    "one row": np.array([[False, True, True, False]]),
    "one pixel": np.array([[True]]),
}


@pytest.mark.parametrize("name", MASKS)
def test_round_trip_and_the_counts_of_segment_anything(name: str) -> None:
    import torch
    from segment_anything.utils.amg import mask_to_rle_pytorch

    mask = MASKS[name]
    counts = encode(mask)
    assert counts == mask_to_rle_pytorch(torch.from_numpy(mask)[None])[0]["counts"]
    assert all(isinstance(count, int) for count in counts)
    assert np.array_equal(decode(counts, *mask.shape), mask)


def test_columns_come_first() -> None:
    assert encode(np.array([[False, True, True], [False, False, True]])) == [2, 1, 1, 2]


@pytest.mark.parametrize("counts", [[3, 2], [], [-1, 7], [6, 1]])
def test_counts_that_do_not_fill_the_mask_are_refused(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="and the picture has 6"):
        decode(counts, 2, 3)
