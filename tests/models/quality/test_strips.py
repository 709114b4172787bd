"""Filters run over strips against the same filters over the whole picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from models.quality import strips
from models.quality.separable import correlate, separable_terms, shifted_sum
from models.quality.strips import Edge, extended, map_strips, window_strips

NUMPY_MODES: dict[Edge, str] = {"reflect": "reflect", "symmetric": "symmetric", "replicate": "edge"}


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("edge", list(NUMPY_MODES))
@pytest.mark.parametrize(("start", "stop"), [(-3, 11), (-3, 5), (2, 11), (2, 6), (0, 8), (-7, 15)])
def test_a_picture_goes_on_beyond_its_edges(edge: Edge, start: int, stop: int) -> None:
    image = noise(8, 5)
    padded = np.pad(image.numpy(), ((7, 7), (0, 0)), mode=NUMPY_MODES[edge])  # type: ignore[call-overload]
    assert extended(image, 0, start, stop, edge).numpy().tolist() == padded[start + 7 : stop + 7].tolist()


def test_a_side_too_short_to_be_mirrored_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a side of 4 cannot be continued by 4 places \(reflect\)"):
        extended(noise(4, 4), 0, -4, 4, "reflect")
    with pytest.raises(ValueError, match=r"a side of 4 cannot be continued by 5 places \(symmetric\)"):
        extended(noise(4, 4), 1, 0, 9, "symmetric")


@pytest.mark.parametrize("size", [(7, 9), (33, 40), (64, 31)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("elements", [1, 100, 2**18])
def test_strips_give_what_the_whole_gives(
    size: tuple[int, int], stride: int, elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(strips._ELEMENTS, "cpu", elements)
    image, window = noise(*size), noise(5, 5, seed=1)
    terms = separable_terms(window)
    whole = functional.conv2d(
        functional.pad(image[None, None], (2, 2, 2, 2), mode="reflect"), window[None, None], stride=stride
    )[0, 0]
    found = map_strips(lambda strip: correlate(strip, terms, stride), image, 2, 2, "reflect", stride=stride)
    assert found.shape == whole.shape
    assert torch.allclose(found, whole, rtol=0, atol=1e-13)


def test_a_strip_has_the_rows_that_were_asked_for() -> None:
    strips = list(window_strips(noise(10, 6), 1, 2, "replicate", rows=4))
    assert [(start, stop) for start, stop, _ in strips] == [(0, 4), (4, 8), (8, 10)]
    assert [tuple(strip.shape) for _, _, strip in strips] == [(7, 9), (7, 9), (5, 9)]


def test_windows_are_taken_apart_into_as_few_terms_as_their_rank() -> None:
    column, row = noise(7, 1), noise(1, 5, seed=1)
    assert len(separable_terms(column @ row)) == 1
    window = column @ row + noise(7, 1, seed=2) @ noise(1, 5, seed=3)
    terms = separable_terms(window)
    assert len(terms) == 2
    image = noise(20, 23, seed=4)
    whole = functional.conv2d(image[None, None], window[None, None])[0, 0]
    assert torch.allclose(correlate(image, terms), whole, rtol=0, atol=1e-13)


def test_shifted_sums_by_hand() -> None:
    image = torch.tensor([[1.0, 2.0, 4.0, 8.0, 16.0]])
    assert shifted_sum(image, [1.0, 10.0], -1).tolist() == [[21.0, 42.0, 84.0, 168.0]]
    assert shifted_sum(image, [1.0, 10.0], -1, stride=3).tolist() == [[21.0, 168.0]]
