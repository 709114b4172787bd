"""Windowed computations strip by strip: a picture of any size in little memory, with the value of the whole.

A strip is read with the rows and columns that its windows reach, and those beyond the picture's edges are made up as the
whole picture's would be, so no value depends on where the cuts lie (but for the order of the last sums).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

Edge = Literal["reflect", "symmetric", "replicate"]
"""Beyond the edge of a b c: c b | a b c (reflect), b a | a b c (symmetric), a a | a b c (replicate)."""
_ELEMENTS = {"cpu": 2**18}
"""Of a strip: on a CPU as many float64 as its caches hold, which makes it several times quicker than larger strips."""
_ELEMENTS_ELSEWHERE = 2**24


def strip_rows(width: int, device: torch.device) -> int:
    """How many rows of this width a strip has on a device."""
    return max(1, _ELEMENTS.get(device.type, _ELEMENTS_ELSEWHERE) // width)


def cuts(height: int, rows: int) -> Iterator[tuple[int, int]]:
    """First and last row (exclusive) of each strip of a height."""
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


def extended(image: Tensor, dim: int, start: int, stop: int, edge: Edge) -> Tensor:
    """Places start ... stop - 1 along a dimension of an image that goes on beyond its edges; a view where none is needed.

    Raises ValueError where more is asked for than the edge rule can give.
    """
    size = image.shape[dim]
    inner = image.narrow(dim, max(start, 0), min(stop, size) - max(start, 0))
    if start >= 0 and stop <= size:
        return inner
    limit = {"reflect": size - 1, "symmetric": size}.get(edge)
    if limit is not None and (-start > limit or stop - size > limit):
        raise ValueError(f"a side of {size} cannot be continued by {max(-start, stop - size)} places ({edge})")

    def places(first: int, last: int) -> Tensor:
        place = torch.arange(first, last, device=image.device)
        if edge == "replicate":
            return place.clamp(0, size - 1)
        twice = 0 if edge == "reflect" else 1
        return torch.where(place < 0, -place - twice, torch.where(place >= size, 2 * (size - 1) - place + twice, place))

    before = image.index_select(dim, places(min(start, 0), 0))
    after = image.index_select(dim, places(size, max(stop, size)))
    return torch.cat([before, inner, after], dim)


def window_strips(
    image: Tensor, before: int, after: int, edge: Edge, *, stride: int = 1, rows: int | None = None
) -> Iterator[tuple[int, int, Tensor]]:
    """Strips of (..., H, W) for a window that reaches `before` and `after` its centre, both ways, at every stride-th pixel.

    Yields first and last (exclusive) row of the result, which has ceil(H / stride) rows, and what a valid filter of that
    window needs for them. rows: of the result in a strip (as many as `strip_rows` says).
    """
    height, width = image.shape[-2:]
    if rows is None:
        rows = max(1, strip_rows(width, image.device) // stride)
    last_column = -(-width // stride) * stride - stride
    for start, stop in cuts(-(-height // stride), rows):
        strip = extended(image, image.dim() - 2, stride * start - before, stride * (stop - 1) + after + 1, edge)
        yield start, stop, extended(strip, image.dim() - 1, -before, last_column + after + 1, edge)


def map_strips(
    function: Callable[[Tensor], Tensor], image: Tensor, before: int, after: int, edge: Edge, *, stride: int = 1
) -> Tensor:
    """A valid filter of (..., H, W), run over `window_strips`: (..., ceil(H / stride), ceil(W / stride)) in float64."""
    height, width = (-(-side // stride) for side in image.shape[-2:])
    result = torch.empty((*image.shape[:-2], height, width), dtype=torch.float64, device=image.device)
    for start, stop, strip in window_strips(image, before, after, edge, stride=stride):
        result[..., start:stop, :] = function(strip.double())
    return result


def strip_sums(function: Callable[..., Tensor], pictures: Sequence[Tensor], window: int, planes: int = 1) -> Tensor:
    """The sum over strips of function(*strips), a tensor that holds sums over the strip's window positions.

    pictures: (B, C, H, W) each, of one H and W >= window; planes: how many the function keeps at once, beside a few. Only
    valid positions of the window x window neighbourhood count, each in exactly one strip: the value is the whole
    picture's, up to the order of the sum. Gradients flow (and keep what a gradient needs, whatever the strips).
    """
    batch, _, height, width = pictures[0].shape
    rows = strip_rows(batch * width * planes, pictures[0].device)
    parts = [
        function(*(picture[..., top : bottom + window - 1, :] for picture in pictures))
        for top, bottom in cuts(height - window + 1, rows)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
