"""A step down and up a Gaussian pyramid, as OpenCV's pyrDown and pyrUp; large levels strip by strip.

What is as large as a photo is made once, and what lies between fits the caches: most of the time of a pyramid is memory's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

STRIP, STRIP_ELSEWHERE = 1 << 17, 1 << 21
"""Pixels of a level at a time on a CPU, and on a GPU, which is to be kept busy; where no gradient is wanted."""


def by_strips(make: Callable[[int, int], torch.Tensor], shape: Sequence[int], device: torch.device) -> torch.Tensor:
    """What `make` gives for rows (first, last) of a level (..., H, W) of a shape, strip by strip, in one tensor.

    All rows at once where a gradient is wanted, which keeps what lies between in any case. device: that of the level.
    """
    height, width = shape[-2:]
    rows = max(2, (STRIP if device.type == "cpu" else STRIP_ELSEWHERE) // width)
    if torch.is_grad_enabled() or height <= rows:
        return make(0, height)
    strip = make(0, rows)
    whole = strip.new_empty((*strip.shape[:-2], height, strip.shape[-1]))
    whole[..., :rows, :] = strip
    for first in range(rows, height, rows):
        last = min(height, first + rows)
        whole[..., first:last, :] = make(first, last)
    return whole


def down(x: torch.Tensor) -> torch.Tensor:
    """Blurred by (1 4 6 4 1) / 16 both ways, every second row and column, the first included: (B, C, ceil(H/2), ceil(W/2)).

    Mirrored at the borders without repeating the edge, as OpenCV's pyrDown.
    """
    height, width = x.shape[-2:]

    def rows(first: int, last: int) -> torch.Tensor:
        before = max(0, first - 1)  # a row more at each side, which is wrong at a cut, and left out
        cut = x[..., 2 * before : 2 * last + 1, :]
        return _halved(_halved(cut, -2)[..., first - before : last - before, :], -1)

    return by_strips(rows, (-(-height // 2), -(-width // 2)), x.device)


def up(x: torch.Tensor, shape: Sequence[int], rows: tuple[int, int] | None = None) -> torch.Tensor:
    """Twice as large by the same filter, (1 6 1) / 8 and (1 1) / 2 between, cut to the last two of `shape`.

    Mirrored at the first border and repeated at the last, as OpenCV's pyrUp. rows: (first, last) of the result alone.
    """
    first, last = rows or (0, shape[-2])
    before = max(0, first // 2 - 1)
    cut = x[..., before : (last - 1) // 2 + 2, :]
    return _doubled(_doubled(cut, -2)[..., first - 2 * before : last - 2 * before, :], -1)[..., : shape[-1]]


def put_together(band: torch.Tensor, smaller: torch.Tensor) -> torch.Tensor:
    """A level (..., H, W) of a picture from that of its Laplacian pyramid and the next smaller level of the picture."""
    return by_strips(
        lambda first, last: band[..., first:last, :] + up(smaller, band.shape, (first, last)),
        band.shape,
        band.device,
    )


def _halved(x: torch.Tensor, dim: int) -> torch.Tensor:
    """`down` along one dimension."""
    size = x.shape[dim]
    if size == 1:
        return x
    even, odd = _part(x, dim, 0, size, 2), _part(x, dim, 1, size, 2)
    second, last = min(2, size - 1) // 2, even.shape[dim] - 1 - size % 2
    around = torch.cat([_part(even, dim, second, second + 1), even, _part(even, dim, last, last + 1)], dim)
    beside = torch.cat([_part(odd, dim, 0, 1), odd, *([_part(odd, dim, -1, None)] if size % 2 else [])], dim)
    outer = _part(around, dim, 0, -2) + _part(around, dim, 2, None)
    inner = _part(beside, dim, 0, -1) + _part(beside, dim, 1, None)
    return (outer + 4 * inner + 6 * even) / 16


def _doubled(x: torch.Tensor, dim: int) -> torch.Tensor:
    """`up` along one dimension."""
    more = x.shape[dim] > 1
    before = torch.cat([_part(x, dim, 1, 2) if more else x, _part(x, dim, 0, -1)], dim)
    after = torch.cat([_part(x, dim, 1, None), _part(x, dim, -1, None)], dim)
    both = torch.stack([(before + 6 * x + after) / 8, (x + after) / 2], dim)
    return both.flatten(dim - 1, dim)


def _part(x: torch.Tensor, dim: int, start: int, stop: int | None, step: int = 1) -> torch.Tensor:
    """x[start:stop:step] along a dimension counted from the last."""
    return x[(..., slice(start, stop, step), *(slice(None) for _ in range(-dim - 1)))]
