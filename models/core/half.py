"""Half precision where a picture is made on a GPU: float16 wherever torch holds it safe, the same picture within 1/255."""

from __future__ import annotations

from collections.abc import Callable

import torch

from models.core.finite import require_finite


def pays(device: str, bits: int) -> bool:
    """Whether pictures of that many bits a value can be made in half precision on the device: of 16 bits it would lose some."""
    return torch.device(device).type == "cuda" and bits == 8


def in_half(make: Callable[[], torch.Tensor], half: bool) -> torch.Tensor:
    """What `make` returns, in float32; made in half precision where that is asked for and its range is enough for it.

    Raises `NotFinite` where it holds values that are not finite in full precision either.
    """
    if half:
        with torch.autocast("cuda", torch.float16):
            made = make().float()
        if bool(torch.isfinite(made).all()):
            return made
    return require_finite(make())
