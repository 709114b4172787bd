"""Enhancement of photos and evaluation of metrics, beside the plain way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from benchmarks.measure import Result, compare
from models.enhancers import create
from models.quality import create as metric
from models.quality.pyiqa_adapter import original
from models.tiling import enhance_tiled
from tasks.config import Params
from tasks.low_light.kind import KIND

METRICS = ("niqe", "brisque", "piqe", "entropy", "psnr", "ssim")
BATCH = 8
SIDE = 256


def enhancement(params: Params, device: str, repeats: int) -> list[Result]:
    """Images a second of a 12-megapixel photo in tiles, beside the whole photo in one tensor."""
    network = params.of(KIND.name).model
    enhancer = create(network.name, **network.options).to(device).requires_grad_(False).eval()
    photo = np.random.default_rng(0).integers(0, 255, (3000, 4000, 3), dtype=np.uint8)

    @torch.no_grad()
    def whole() -> np.ndarray:
        image = torch.from_numpy(photo).to(device).permute(2, 0, 1)[None].float() / 255
        return (enhancer(image)[0].permute(1, 2, 0) * 255 + 0.5).to(torch.uint8).cpu().numpy()

    return [
        compare(
            "enhancement, 12 megapixels, tiles of 1024",
            "images/s",
            lambda: enhance_tiled(enhancer, photo, 1024, device),
            "whole photo in one tensor",
            whole,
            repeats=repeats,
            per_second=1,
        )
    ]


def metrics(device: str, repeats: int) -> list[Result]:
    """Images a second of each metric on a batch, beside pyiqa called image by image."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(BATCH, 3, SIDE // 8, SIDE // 8, generator=generator)
    images = torch.nn.functional.interpolate(noise, SIDE, mode="bicubic").clamp(0, 1)
    images = (images + 0.02 * torch.randn(images.shape, generator=generator)).clamp(0, 1).to(device)
    references = images.flip(0)
    results = []
    for name in METRICS:
        ours, theirs = metric(name, device=device), original(name)
        needs_reference = ours.info.needs_reference

        def one_by_one(call: Callable[..., object], needs: bool) -> object:
            return [call(images[i : i + 1], *([references[i : i + 1]] if needs else [])) for i in range(BATCH)]

        results.append(
            compare(
                f"{name}, {BATCH} images of {SIDE}x{SIDE}",
                "images/s",
                partial(ours, images, references if needs_reference else None),
                "pyiqa image by image",
                partial(one_by_one, theirs, needs_reference),
                repeats=repeats,
                per_second=BATCH,
            )
        )
    return results
