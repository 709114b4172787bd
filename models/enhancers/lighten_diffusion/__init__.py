"""LightenDiffusion (Jiang et al., ECCV 2024), the enhancer of HiLLIE's experiments; docs/lighten_diffusion.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.enhancers.lighten_diffusion.network import LightenDiffusion


def build(
    width: int = 64,
    heads: int = 8,
    unet_width: int = 64,
    multipliers: Sequence[int] = (1, 2, 3, 4),
    blocks: int = 2,
    attention: Sequence[int] = (2,),
    steps: int = 20,
    gradient_steps: int | None = None,
    checkpointing: bool = True,
    seed: int = 0,
    predicts: str = "noise",
) -> LightenDiffusion:
    """The registered constructor; the numbers are the paper's. `LightenDiffusion`, `Decomposition` and `UNet` say what they are.

    Raises ValueError: heads that do not divide width, and what the networks refuse.
    """
    from models.enhancers.lighten_diffusion.decomposition import Decomposition
    from models.enhancers.lighten_diffusion.network import LightenDiffusion
    from models.enhancers.lighten_diffusion.unet import UNet

    if width < 1 or heads < 1:
        raise ValueError(f"width and heads must be at least 1, not {width}, {heads}")
    unet = UNet(unet_width, list(multipliers), blocks, list(attention))
    return LightenDiffusion(Decomposition(width, heads), unet, steps, gradient_steps, checkpointing, seed, predicts)
