"""The rule by which masks become regions."""

from __future__ import annotations

import numpy as np
import pytest

from models.regions.base import regions_of


def drawn(*rows: str) -> dict[str, np.ndarray]:
    """Letter -> mask, from a picture of letters."""
    letters = np.array([list(row) for row in rows])
    return {letter: letters == letter for letter in np.unique(letters)}


def shown(labels: np.ndarray) -> list[str]:
    return ["".join(map(str, row)) for row in labels.tolist()]


def box(height: int, width: int, top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_the_smaller_of_two_lies_on_top_in_either_order() -> None:
    large, small = box(4, 6, 0, 0, 4, 4), box(4, 6, 1, 2, 3, 5)
    for masks in ([large, small], [small, large]):
        labels = regions_of(masks, 4, 6, 0.0)
        assert labels.dtype == np.int32
        assert shown(labels) == ["000011", "002221", "002221", "000011"]


def test_without_masks_the_picture_is_one_region() -> None:
    nothing = np.zeros((2, 3), bool)
    for masks in ([], [nothing], [~nothing], [~nothing, nothing, ~nothing]):
        assert shown(regions_of(masks, 2, 3, 0.1)) == ["000", "000"]


def test_a_tiny_mask_belongs_to_what_lies_below_it() -> None:
    large, tiny = box(10, 10, 0, 0, 10, 5), box(10, 10, 0, 0, 1, 2)
    labels = regions_of([large, tiny], 10, 10, 0.05)
    assert shown(labels) == ["0000011111"] * 10


def test_what_remains_visible_counts_and_the_smallest_goes_first() -> None:
    # The middle one shows 2 pixels beside the small one on top of it: it goes, and they are the large one's.
    large, middle, small = box(10, 10, 0, 0, 10, 10), box(10, 10, 0, 0, 1, 8), box(10, 10, 0, 0, 1, 6)
    assert shown(regions_of([large, middle, small], 10, 10, 0.05)) == ["0000001111"] + ["1111111111"] * 9
    # The lower one shows 3 pixels: enough, or not.
    lower, upper, top = box(10, 10, 0, 0, 1, 7), box(10, 10, 0, 3, 1, 9), box(10, 10, 0, 8, 1, 10)
    assert shown(regions_of([lower, upper, top], 10, 10, 0.02)) == ["0001111122"] + ["3333333333"] * 9
    assert shown(regions_of([lower, upper], 10, 10, 0.04)) == ["0001111110"] + ["0000000000"] * 9


def test_the_rest_is_a_region_or_goes_to_the_nearest() -> None:
    masks = drawn("aaa.bb", "aaa.bb")
    left, right = masks["a"], masks["b"]
    assert shown(regions_of([left, right], 2, 6, 0.1)) == ["000122", "000122"]
    labels = regions_of([left, right], 2, 6, 0.25)
    assert labels.max() == 1
    assert (labels[left] == 0).all()
    assert (labels[right] == 1).all()


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="a mask is 3 x 2, and its picture 4 x 2"):
        regions_of([np.ones((2, 3), bool)], 2, 4, 0.0)


def painted_again(masks: list[np.ndarray], fewest: int) -> np.ndarray:
    """The rule in its plainest form: paint all, drop the smallest that is too small, begin anew. 0: of none."""
    kept = sorted((mask for mask in masks if mask.sum() >= fewest), key=lambda mask: -int(mask.sum()))
    while True:
        found = np.zeros(masks[0].shape, int)
        for number, mask in enumerate(kept, 1):
            found[mask] = number
        sizes = np.bincount(found.ravel(), minlength=len(kept) + 1)
        small = [number for number in range(1, len(kept) + 1) if sizes[number] < fewest]
        if not small:
            return found
        del kept[min(small, key=lambda number: (sizes[number], number)) - 1]


@pytest.mark.parametrize("seed", range(40))
def test_every_pixel_is_of_one_region_that_is_large_enough(seed: int) -> None:
    generator = np.random.default_rng(seed)
    height, width = (int(side) for side in generator.integers(6, 30, 2))
    least = float(generator.choice([0.0, 0.01, 0.05, 0.2]))
    masks = []
    for _ in range(int(generator.integers(1, 14))):
        top, left = int(generator.integers(height)), int(generator.integers(width))
        tall, wide = (int(side) for side in generator.integers(0, 15, 2))
        masks.append(box(height, width, top, left, top + tall, left + wide) & (generator.random((height, width)) < 0.9))
    labels = regions_of(masks, height, width, least)
    numbers, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    assert labels.shape == (height, width)
    assert numbers.tolist() == list(range(len(numbers)))
    assert (np.diff(first) > 0).all(), "numbered in the order of first pixels"
    assert sizes.min() >= least * height * width
    plain = painted_again(masks, max(1, int(np.ceil(least * height * width))))
    covered = plain > 0
    pairs = set(zip(plain[covered].tolist(), labels[covered].tolist(), strict=True))
    assert len(pairs) == len({number for number, _ in pairs}) == len({label for _, label in pairs})
