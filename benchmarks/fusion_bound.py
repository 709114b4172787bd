"""How well any fuser could do on Qabf and SSIM at once: the pixels of a picture are fitted to both, without a network.

    python -m benchmarks.fusion_bound INFRARED VISIBLE [--pairs N]

On crops of 260 x 200 of pairs with one name in both folders: 150 steps of Adam from the average, by several weights of Qabf
beside SSIM. Prints Qabf and SSIM of average, pyramid and of what was fitted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from models.core.tensors import tensor
from models.fusers import create
from models.losses.infrared import Scene, transfer, weighted
from models.quality import create as metric
from models.quality.fidelity import luma
from pictures import read_uint8
from tasks.stage.mapping import cores

HEIGHT, WIDTH, STEPS = 200, 260, 150
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)


def measured(y: Tensor, sources: tuple[Tensor, Tensor]) -> str:
    rgb, beside = y.clamp(0, 1).repeat(1, 3, 1, 1), tuple(source.repeat(1, 3, 1, 1) for source in sources)
    return ", ".join(f"{name} {float(metric(name)(rgb, sources=beside)):.3f}" for name in ("qabf", "ssim_sources"))


def fitted(sources: tuple[Tensor, Tensor], weight: float) -> Tensor:
    """The picture with the least 1 - SSIM, mean over the sources, plus `weight` times 1 - Qabf."""
    y = (sum(sources) / 2).clone().requires_grad_()  # type: ignore[union-attr]
    optimiser = torch.optim.Adam([y], 0.01)
    for _ in range(STEPS):
        scene = Scene(y, *sources)
        loss, _ = weighted(scene, {"ssim_infrared": 0.5, "ssim_visible": 0.5})
        optimiser.zero_grad()
        (loss + weight * transfer(scene)).backward()
        optimiser.step()
    return y.detach()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("infrared", type=Path)
    parser.add_argument("visible", type=Path)
    parser.add_argument("--pairs", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(cores())
    names = sorted({path.name for path in chosen.infrared.iterdir()} & {path.name for path in chosen.visible.iterdir()})
    for name in [names[(2 * place + 1) * len(names) // (2 * chosen.pairs)] for place in range(chosen.pairs)]:
        rgb = [tensor(read_uint8(folder / name))[..., :HEIGHT, :WIDTH] for folder in (chosen.infrared, chosen.visible)]
        infrared, visible = (luma(picture).reshape(1, 1, *picture.shape[-2:]) / 255 for picture in rgb)
        print(f"{name}: average {measured((infrared + visible) / 2, (infrared, visible))}", flush=True)
        with torch.no_grad():
            pyramid = create("pyramid")(*(y.repeat(1, 3, 1, 1) for y in (infrared, visible)))
            print(f"  pyramid {measured(pyramid[:, :1], (infrared, visible))}", flush=True)
        for weight in WEIGHTS:
            print(
                f"  fitted, {weight:g}: {measured(fitted((infrared, visible), weight), (infrared, visible))}",
                flush=True,
            )


if __name__ == "__main__":
    main()
