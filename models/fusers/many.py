"""More than two exposures through a fuser of two, and which of them are of use.

A learned fuser is made for one dark and one bright picture. Given the result of a fusion as "dark" again and again (`fold`,
`tree`) it lightens it each time, to white with five exposures or more. Rule `pairs`, the default, gives it exposures only:
each with the one half of the sequence further on, so that all pairs lie about as far apart as those it was taught on. The pairs'
results, which run from dark to bright, are blended as Mertens et al. 2007 blend exposures. docs/fusion.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch

from models.fusers.base import Fuser, check_sources
from models.fusers.classical import LaplacianPyramid
from models.fusers.colour import luminance

Rule = Literal["pairs", "extremes", "tree", "fold"]
RULES: tuple[Rule, ...] = ("pairs", "extremes", "tree", "fold")

CLIPPED_SHARE = 0.99
"""An exposure of which more than this share is black or white shows nothing."""
_BLACK, _WHITE = 2 / 255, 253 / 255


def brightness(photo: np.ndarray | torch.Tensor) -> float:
    """Mean Y in [0, 1] of a photo (H, W, 3), uint8, uint16 or float in [0, 1], or of pictures (B, 3, H, W) in [0, 1].

    It orders exposures, and tells swapped ones.
    """
    if isinstance(photo, torch.Tensor):
        return float(luminance(photo).mean())
    top = 1 if photo.dtype.kind == "f" else np.iinfo(photo.dtype).max
    # Channel by channel: numpy is many times slower along an axis of three.
    red, green, blue = (photo[..., channel].mean(dtype=np.float64) / top for channel in range(3))
    return float(0.299 * red + 0.587 * green + 0.114 * blue)


def exposure_order(photos: Sequence[np.ndarray] | Sequence[torch.Tensor]) -> list[int]:
    """Places of the photos from the darkest to the brightest by mean Y; equally bright ones keep their order."""
    return sorted(range(len(photos)), key=lambda place: brightness(photos[place]))


def clipped(photo: np.ndarray) -> tuple[float, float]:
    """Shares of the pixels of a photo (H, W, 3), uint8, uint16 or float in [0, 1], that are black and that are white.

    All three channels have to be within two levels of 255 of the end: JPEG leaves its traces in clipped areas.
    """
    top = 1.0 if photo.dtype.kind == "f" else float(np.iinfo(photo.dtype).max)
    red, green, blue = (photo[..., channel] for channel in range(3))
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return float((most <= _BLACK * top).mean()), float((least >= _WHITE * top).mean())


def empty(photo: np.ndarray) -> str | None:
    """Why an exposure has nothing to give: "99.8 % of it is white"; None for one that has."""
    black, white = clipped(photo)
    if black + white <= CLIPPED_SHARE:
        return None
    share, name = max((black, "black"), (white, "white"))
    return f"{100 * share:.3g} % of it is {name}"


def fold(fuser: Fuser, exposures: Sequence[torch.Tensor], rule: Rule = "pairs") -> torch.Tensor:
    """Fuse two or more exposures (B, 3, H, W), float in [0, 1], sRGB, in any order: (B, 3, H, W).

    They are sorted from the darkest to the brightest. A `native` fuser takes all at once, under every rule but "extremes".
    rule "pairs": see the module. "extremes": the darkest and the brightest alone, the others are not used. "tree": neighbours,
    then the results of neighbours, to the last two. "fold": the darkest with the next, the result with the one after it, and
    so on to the brightest. Raises ValueError: fewer than two, other shapes, another rule.
    """
    check_sources(exposures)
    return fold_ordered(fuser, [exposures[place] for place in exposure_order(exposures)], rule)


def fold_ordered(fuser: Fuser, exposures: Sequence[torch.Tensor], rule: Rule = "pairs") -> torch.Tensor:
    """`fold` of exposures that are in the order from the darkest to the brightest already."""
    check_rule(rule)
    if paired(fuser, len(exposures), rule):
        return blending().fuse_all(
            [fuser(exposures[dark], exposures[bright]) for dark, bright in pairs(len(exposures))]
        )
    return stepwise(fuser, len(exposures), rule)(exposures)


def paired(fuser: Fuser, count: int, rule: Rule) -> bool:
    """Whether `count` exposures are fused in pairs whose results are blended over the whole photo."""
    return rule == "pairs" and count > 2 and not fuser.native


def stepwise(fuser: Fuser, count: int, rule: Rule) -> Callable[[Sequence[torch.Tensor]], torch.Tensor]:
    """What fuses `count` ordered exposures in one go, tile by tile: every rule but that of `paired` fusion."""
    if rule == "extremes" or count == 2:
        return lambda exposures: fuser(exposures[0], exposures[-1])
    if fuser.native:
        return fuser.fuse_all
    return lambda exposures: (_tree if rule == "tree" else _fold)(fuser, exposures)


def passes(fuser: Fuser, count: int, rule: Rule) -> int:
    """How many fusions follow one another in `stepwise`: each reads what the one before wrote, and its halo adds up."""
    if fuser.native or rule == "extremes" or count == 2:
        return 1
    return (count - 1).bit_length() if rule == "tree" else count - 1


def pairs(count: int) -> list[tuple[int, int]]:
    """Places of the darker and the brighter exposure of each pair, of `count` ordered ones: half of the sequence apart.

    Of five: first and third, second and fourth, third and fifth.
    """
    apart = count // 2
    return [(place, place + apart) for place in range(count - apart)]


def blending() -> LaplacianPyramid:
    """What blends the results of pairs: Mertens' weights in a pyramid of the whole photo, one level of 255 as floor."""
    return LaplacianPyramid(floor=1 / 255)


def check_rule(rule: str) -> None:
    """Raises ValueError for a rule that is none."""
    if rule not in RULES:
        raise ValueError(f"more than two exposures are fused by {', '.join(RULES[:-1])} or {RULES[-1]}, not {rule!r}")


def _fold(fuser: Fuser, exposures: Sequence[torch.Tensor]) -> torch.Tensor:
    fused = exposures[0]
    for brighter in exposures[1:]:
        fused = fuser(fused, brighter)
    return fused


def _tree(fuser: Fuser, exposures: Sequence[torch.Tensor]) -> torch.Tensor:
    while len(exposures) > 1:
        exposures = [
            fuser(*exposures[place : place + 2]) if place + 1 < len(exposures) else exposures[place]
            for place in range(0, len(exposures), 2)
        ]
    return exposures[0]
