"""Pictures as arrays and as tensors of a batch of one; batches on a device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from models.core.finite import require_finite


def tensor(picture: np.ndarray) -> torch.Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]."""
    # A copy: decoded pictures are read-only, and views may run backwards.
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


def picture_of(image: torch.Tensor) -> np.ndarray:
    """(1, 3, H, W) or (3, H, W) float in [0, 1] -> (H, W, 3) uint8, rounded. Raises `NotFinite`."""
    image = image.squeeze(0) if image.dim() == 4 else image
    return (require_finite(image).clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def on_device(batch: Any, device: torch.device) -> Any:
    """The tensors of a batch, in whatever mappings, tuples and lists, on a device."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        return {key: on_device(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(on_device(value, device) for value in batch)
    return batch
