"""What an enhancer or a fuser should not do to a photo: burn out what was not, and colour what was grey.

Both compare with what the picture was made of, of one source or more, and are 0 where nothing was harmed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.quality.colour import lab_of_linear, linear_light
from models.quality.metric import Sources, SourcesCompute

WHOLE, BURNT = 240 / 255, 250 / 255
"""Of the brightest of R, G and B: below, a source's pixel is not clipped; above, the picture's is."""
GREY = 6.0
"""CIELAB chroma under which a pixel is near grey, if it is not only dark: in the dark every colour is of little chroma."""
PALE = 0.1
"""Saturation (1 - min / max of R, G and B) up to which it is."""


def clipped(image: Tensor, sources: Sources) -> Tensor:
    """Per cent (B,) of the pixels of (B, 3, H, W) in [0, 1] over 250 that are under 240 in a source, of levels up to 255."""
    whole = torch.stack([source.amax(1) < WHOLE for source in sources]).any(0)
    return 100 * ((image.amax(1) > BURNT) & whole).double().mean((1, 2))


def cast(image: Tensor, sources: Sources) -> Tensor:
    """How far (B,) the mean a and b (CIELAB, D65) of what is near grey in all sources has moved; (B, 3, H, W) sRGB in [0, 1].

    Near grey is of little chroma and of little saturation, so that a dark blue that was brightened is no cast. A length in the
    plane of a and b, from the mean of the sources; 0 where no pixel is near grey. About 2 is just noticeable.
    """
    ours, others = _chroma(image), torch.stack([_chroma(source) for source in sources])
    pale = torch.stack([source.amin(1) >= (1 - PALE) * source.amax(1) for source in sources])
    grey = ((others.square().sum(2) < GREY**2) & pale).all(0)[:, None]
    moved = torch.where(grey, ours - others.mean(0), 0.0).double().sum((2, 3))
    return (moved / grey.sum((2, 3)).clamp(min=1)).square().sum(1).sqrt()


def _chroma(image: Tensor) -> Tensor:
    return lab_of_linear(linear_light(image.clamp(0, 1)))[:, 1:]


def build_clipped(device: str | torch.device) -> SourcesCompute:
    """The compute function of `clipped`."""
    return clipped


def build_cast(device: str | torch.device) -> SourcesCompute:
    """The compute function of `cast`."""
    return cast
