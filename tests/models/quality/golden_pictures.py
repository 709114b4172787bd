"""Small pictures that any program can make again: whole numbers only, so every platform gets the same bytes."""

from __future__ import annotations

import numpy as np
import torch

HEIGHT, WIDTH = 181, 200
"""Odd and even, and large enough for five scales of an 11-pixel window."""


def triangle(positions: np.ndarray, period: int) -> np.ndarray:
    """A triangle wave in 0 ... 255 of whole numbers."""
    return np.abs(positions % period * 2 - period) * 255 // period


def noise(seed: int) -> np.ndarray:
    """(H, W, 3) in 0 ... 255 by a linear congruence of position and seed (Knuth's constants), its upper byte."""
    state = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint64) + np.uint64(seed * 1_000_003)
    for _ in range(3):
        state = (state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)) ^ (state >> np.uint64(29))
    return (state >> np.uint64(56)).astype(np.int64).reshape(HEIGHT, WIDTH, 3)


def pictures() -> dict[str, np.ndarray]:
    """Name -> (H, W, 3) uint8: a scene, what may become of it, and two exposures with their fusions."""
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    waves = [triangle(down + across, 61), triangle(across * 2 - down, 97), triangle(down * down // 40 + across, 53)]
    scene = (np.stack(waves, -1) * 3 + triangle(across, 23)[..., None] * 2 + noise(1)) // 6
    dim = scene * 2 // 5 + 3
    edge = np.where(across[..., None] < WIDTH // 2, scene, 255 - scene)
    under, over = np.clip(scene * 4 // 3 - 90, 0, 255), np.clip(scene * 4 // 3 + 30, 0, 255)
    sparse = (noise(2) < 2).astype(np.int64)
    found = {
        "scene": scene,
        "noisy": np.clip(scene + (noise(3) - 128) // 3, 0, 255),
        "dim": dim,
        "half_reversed": edge,
        "reversed": 255 - scene,
        "one_level": np.clip(scene + sparse, 0, 255),
        "under": under,
        "over": over,
        "average": (under + over + 1) // 2,
        "maximum": np.maximum(under, over),
        "infrared": np.broadcast_to((255 - scene.sum(-1, keepdims=True) // 3) * 2 // 3, scene.shape),
    }
    return {name: np.ascontiguousarray(picture, dtype=np.uint8) for name, picture in found.items()}


def tensor(picture: np.ndarray) -> torch.Tensor:
    """(1, 3, H, W) float32 in [0, 1] of (H, W, 3) or grey (H, W) uint8."""
    colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, -1)
    return torch.from_numpy(colour.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous()
