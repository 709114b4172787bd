"""Sums over all window positions of large pictures, strip by strip, so that memory does not grow with the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

POSITIONS = 2**18
"""Window positions of a strip, all pictures of the batch together: 2 MB a plane in float64."""


def strip_sums(
    function: Callable[..., Tensor], pictures: Sequence[Tensor], window: int, positions: int = POSITIONS
) -> Tensor:
    """The sum over horizontal strips of function(*strips), a tensor that holds sums over the strip's window positions.

    pictures: (B, C, H, W) each, of one H and W >= window. Neighbouring strips share window - 1 rows, so that every valid
    position of a window x window neighbourhood lies in exactly one of them: the value is the whole picture's, up to the
    order of the sum. Gradients flow (and keep what a gradient needs, whatever the strips).
    """
    batch, _, height, width = pictures[0].shape
    count = height - window + 1
    rows = max(1, positions // (batch * width))
    parts = [
        function(*(picture[..., top : min(top + rows, count) + window - 1, :] for picture in pictures))
        for top in range(0, count, rows)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
