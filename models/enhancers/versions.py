"""Two versions of a picture for people, or a judge, to compare: where one is brighter, the other is darker.

Opposite steps around what a model makes, as simultaneous perturbation takes them (Spall, IEEE Transactions on Automatic Control
37 (3), 1992): which of the two is better says which way the model should go, on a picture that differs enough to be told apart.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from models.enhancers.local_tone import rational_curve


def two_versions(pictures: torch.Tensor, draws: torch.Tensor, tone: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The darker and the brighter version of pictures (B, 3, H, W), float in [0, 1]; brighter on the whole, not everywhere.

    Each goes through Schlick's rational curve with a gain that is smooth over the picture: exp of minus and of plus a field.
    draws: (B, 1, N, N), random numbers that the field goes through, bilinear between; its root mean square is then `tone` and
    its mean is not negative. Black and white stay. Raises ValueError: draws of one picture are all 0.
    """
    size = draws.square().mean((1, 2, 3), keepdim=True).sqrt()
    if bool((size == 0).any()):
        raise ValueError("the draws of a picture are all 0, so its two versions would be one")
    sign = torch.where(draws.mean((1, 2, 3), keepdim=True) < 0, -1.0, 1.0)
    field = F.interpolate(sign * draws / size, size=pictures.shape[-2:], mode="bilinear", align_corners=False)
    return rational_curve(pictures, (-tone * field).exp()), rational_curve(pictures, (tone * field).exp())
