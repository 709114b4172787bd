"""A step down and up a Gaussian pyramid, as OpenCV's pyrDown and pyrUp."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def down(x: torch.Tensor) -> torch.Tensor:
    """Blurred by (1 4 6 4 1) / 16 both ways, every second row and column, the first included: (B, C, ceil(H/2), ceil(W/2)).

    Mirrored at the borders without repeating the edge, as OpenCV's pyrDown.
    """
    return _down_last(_down_last(x).transpose(-1, -2)).transpose(-1, -2)


def _down_last(x: torch.Tensor) -> torch.Tensor:
    size = x.shape[-1]
    places = torch.arange(-2, size + 2, device=x.device)
    if size > 1:
        places = places.remainder(2 * size - 2)
        places = torch.minimum(places, 2 * size - 2 - places)
    x = x.index_select(-1, places.clamp(0, size - 1))
    return (x[..., :-4] + x[..., 4:] + 4 * (x[..., 1:-3] + x[..., 3:-1]) + 6 * x[..., 2:-2])[..., ::2] / 16


def up(x: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Twice as large by the same filter, (1 6 1) / 8 and (1 1) / 2 between, cut to the last two of `shape`.

    Mirrored at the first border and repeated at the last, as OpenCV's pyrUp.
    """
    x = _up_last(_up_last(x).transpose(-1, -2)).transpose(-1, -2)
    return x[..., : shape[-2], : shape[-1]]


def _up_last(x: torch.Tensor) -> torch.Tensor:
    before = torch.cat([x[..., 1:2] if x.shape[-1] > 1 else x, x[..., :-1]], -1)
    after = torch.cat([x[..., 1:], x[..., -1:]], -1)
    return torch.stack([(before + 6 * x + after) / 8, (x + after) / 2], -1).flatten(-2)
