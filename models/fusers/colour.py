"""Y, Cb and Cr, and how the sources' colours are fused (full-range BT.601 as in JPEG)."""

from __future__ import annotations

import torch

NEUTRAL = 128 / 255
"""Cb and Cr of grey: 128 of 255."""
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114


def luminance(image: torch.Tensor) -> torch.Tensor:
    """Y (B, 1, H, W) in [0, 1] of (B, 3, H, W) in [0, 1], sRGB."""
    red, green, blue = image.split(1, 1)
    return _RED * red + _GREEN * green + _BLUE * blue


def rgb_to_ycbcr(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Y, Cb, Cr, each (B, 1, H, W), of (B, 3, H, W) in [0, 1], sRGB. Y is in [0, 1]; Cb and Cr are NEUTRAL -+ 0.5 at most."""
    y = luminance(image)
    return (
        y,
        NEUTRAL + (image[:, 2:] - y) / (2 * (1 - _BLUE)),
        NEUTRAL + (image[:, :1] - y) / (2 * (1 - _RED)),
    )


def compose(y: torch.Tensor, cb: torch.Tensor, cr: torch.Tensor) -> torch.Tensor:
    """sRGB (B, 3, H, W) of Y, Cb, Cr (B, 1, H, W), clipped to [0, 1]: not every Y goes with every colour."""
    blue = y + 2 * (1 - _BLUE) * (cb - NEUTRAL)
    red = y + 2 * (1 - _RED) * (cr - NEUTRAL)
    green = (y - _RED * red - _BLUE * blue) / _GREEN
    return torch.cat([red, green, blue], 1).clamp(0, 1)


def fuse_chroma(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Each pixel's Cb or Cr (B, 1, H, W) as the mean of two, weighted by |C - 128| (Prabhakar 2017, Eq. 8).

    The more colourful source counts more; NEUTRAL where both are grey.
    """
    first, second = (one - NEUTRAL).abs(), (other - NEUTRAL).abs()
    # C = 128 + d: the weighted mean is 128 + (|d1| d1 + |d2| d2) / (|d1| + |d2|), and its numerator is 0 where both are grey.
    weighted = first * (one - NEUTRAL) + second * (other - NEUTRAL)
    return NEUTRAL + weighted / (first + second).clamp(min=1e-8)
