"""Rules for more than two exposures beside Mertens of all of them, on sequences whose truth is known.

    python -m benchmarks.brackets_rules --weights data/brackets/start/model.safetensors [--photos FILE ...]

Sequences of 3, 5, 7 and 9 exposures from -4 to +4 stops are made of public sample photographs; `--photos` adds one of your own
exposures. Prints a markdown table: mean level of 255, MEF-SSIM, PSNR to the truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from skimage import data

from models.degradation import expose
from models.fusers import create
from models.fusers.many import RULES, exposure_order
from models.fusers.searched import load
from models.quality import create as metric
from models.tiling import fuse_tiled
from pictures import quantise, read_uint8

COUNTS = (3, 5, 7, 9)
STOPS = 4.0
SIDE = 128
PHOTOGRAPHS = ("astronaut", "coffee")

Photos = Sequence[np.ndarray]


def sequence(truth: np.ndarray, count: int) -> list[np.ndarray]:
    """`count` exposures (H, W, 3) uint8 of truth (H, W, 3) float in [0, 1], evenly from -4 to +4 stops, noise seeded."""
    generator = np.random.default_rng(count)
    return [
        quantise(expose(truth, stops, 0.0003, 0.001, generator), 8)
        for stops in np.linspace(-STOPS, STOPS, count).tolist()
    ]


def ways(weights: Path) -> dict[str, Callable[[Photos], np.ndarray]]:
    """Name -> what fuses exposures in the order from dark to bright."""
    fuser = load(weights)
    found: dict[str, Callable[[Photos], np.ndarray]] = {
        f"searched, {rule}": partial(fuse_tiled, fuser, rule=rule) for rule in RULES
    }
    return found | {"Mertens of all": partial(fuse_tiled, create("mertens"))}


def _tensor(photo: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(photo.astype(np.float32) / 255).permute(2, 0, 1)[None]


def row(fuse: Callable[[Photos], np.ndarray], photos: Photos, truth: np.ndarray | None) -> tuple[float, float, float]:
    """Mean level, MEF-SSIM to the exposures and PSNR in dB to the truth (NaN where there is none)."""
    fused = fuse(photos)
    score = float(metric("mef_ssim")(_tensor(fused), sources=tuple(_tensor(photo) for photo in photos)))
    psnr = float("nan") if truth is None else float(-10 * np.log10(np.mean((fused / 255 - truth) ** 2)))
    return float(fused.mean()), score, psnr


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.brackets_rules", description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--photos", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    truths = [
        cv2.resize(getattr(data, name)(), (SIDE, SIDE), interpolation=cv2.INTER_AREA) / np.float32(255)
        for name in PHOTOGRAPHS
    ]
    scenes = {f"{count} made": [(sequence(truth, count), truth) for truth in truths] for count in COUNTS}
    if arguments.photos:
        photos = [read_uint8(path) for path in arguments.photos]
        own = [photos[place] for place in exposure_order(photos)]
        scenes[f"{len(own)} of yours"] = [(own, None)]
    print("| exposures | way | mean of 255 | MEF-SSIM | PSNR to the truth |\n|---|---|---|---|---|")
    for label, group in scenes.items():
        for name, fuse in ways(arguments.weights).items():
            mean, score, psnr = np.mean([row(fuse, photos, truth) for photos, truth in group], axis=0)
            print(
                f"| {label} | {name} | {mean:.0f} | {score:.3f} | {'' if np.isnan(psnr) else f'{psnr:.1f}'} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
