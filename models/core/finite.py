"""Values that are no picture: a model that diverged is named, and its NaN never become black pixels."""

from __future__ import annotations

import torch


class NotFinite(ValueError):
    """A model made values that are not finite; no picture can be written of them."""


def require_finite(image: torch.Tensor) -> torch.Tensor:
    """The same tensor. Raises `NotFinite` where it holds NaN or an infinity."""
    # A sum is finite only of what is, and takes a tenth of the time.
    if not bool(torch.isfinite(image.sum())) and not bool(torch.isfinite(image).all()):
        broken = int((~torch.isfinite(image)).sum())
        raise NotFinite(
            f"the model made values that are not finite ({broken} of {image.numel()}): its weights are broken or its "
            "training diverged, so train it anew or take another round's"
        )
    return image
