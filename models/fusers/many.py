"""More than two exposures: folded into a fuser of two, or the darkest and the brightest alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch

from models.fusers.base import Fuser, check_sources
from models.fusers.colour import luminance

Rule = Literal["fold", "extremes"]
RULES: tuple[Rule, ...] = ("fold", "extremes")


def brightness(photo: np.ndarray | torch.Tensor) -> float:
    """Mean Y in [0, 1] of a photo (H, W, 3), uint8, uint16 or float in [0, 1], or of pictures (B, 3, H, W) in [0, 1].

    It orders exposures, and tells swapped ones.
    """
    if isinstance(photo, torch.Tensor):
        return float(luminance(photo).mean())
    top = 1 if photo.dtype.kind == "f" else np.iinfo(photo.dtype).max
    red, green, blue = photo.reshape(-1, 3).mean(0, dtype=np.float64) / top
    return float(0.299 * red + 0.587 * green + 0.114 * blue)


def exposure_order(photos: Sequence[np.ndarray] | Sequence[torch.Tensor]) -> list[int]:
    """Places of the photos from the darkest to the brightest by mean Y; equally bright ones keep their order."""
    return sorted(range(len(photos)), key=lambda place: brightness(photos[place]))


def fold(fuser: Fuser, exposures: Sequence[torch.Tensor], rule: Rule = "fold") -> torch.Tensor:
    """Fuse two or more exposures (B, 3, H, W), float in [0, 1], sRGB, in any order: (B, 3, H, W).

    They are sorted from the darkest to the brightest. rule "fold": the darkest with the next, the result with the one after
    it, and so on to the brightest; a `native` fuser takes all at once instead. rule "extremes": the darkest and the brightest
    alone, the others are not used. Raises ValueError: fewer than two, other shapes, another rule.
    """
    check_sources(exposures)
    return fold_ordered(fuser, [exposures[place] for place in exposure_order(exposures)], rule)


def fold_ordered(fuser: Fuser, exposures: Sequence[torch.Tensor], rule: Rule = "fold") -> torch.Tensor:
    """`fold` of exposures that are in the order from the darkest to the brightest already."""
    if rule not in RULES:
        raise ValueError(f"more than two exposures are fused by {' or '.join(RULES)}, not {rule!r}")
    if fuser.native and rule == "fold":
        return fuser.fuse_all(exposures)
    if rule == "extremes":
        return fuser(exposures[0], exposures[-1])
    fused = exposures[0]
    for brighter in exposures[1:]:
        fused = fuser(fused, brighter)
    return fused
