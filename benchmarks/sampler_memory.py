"""Peak memory and time of one step of fine-tuning LightenDiffusion at paper scale through its sampler, on the CPU.

python -m benchmarks.sampler_memory [--crop 256] [--batch 2] [plain checkpointing last ...]: each in a process of its own, with
the ranker and the losses of presets/paper.yaml, Adam, and the frozen f(n) beside. Measured is the largest resident set.
"""

from __future__ import annotations

import argparse
import io
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from torch import nn

    from models.judges.base import Judge

PRESET = Path(__file__).resolve().parents[1] / "presets" / "paper.yaml"
VARIANTS: dict[str, dict[str, object]] = {
    "checkpointing": {"checkpointing": True},
    "plain": {"checkpointing": False},
    "last": {"checkpointing": False, "gradient_steps": 3},
}


def networks(options: Mapping[str, object], device: str = "cpu") -> tuple[nn.Module, Judge]:
    """LightenDiffusion of presets/paper.yaml with these options besides, and its ranker, freshly initialised."""
    import torch

    from models.enhancers import create as enhancer
    from models.judges import create as judge

    torch.manual_seed(0)
    model, ranker = section()["model"]["options"], section()["judge"]
    fresh = judge(ranker["name"], **ranker["options"]).to(device).requires_grad_(False).eval()
    return enhancer("lighten_diffusion", **{**model, **options}), fresh


def fine_tune(
    model: nn.Module, ranker: Judge, crop: int, batch: int, device: str = "cpu", steps: int = 1
) -> list[float]:
    """Some steps of fine-tuning through the sampler as the preset has it; returns when each was done, in seconds."""
    import torch

    from models.aligners import create as aligner
    from models.aligners.base import Material, one_region
    from models.core.training import Run, Settings

    def crops(index: int) -> tuple[torch.Tensor, ...]:
        return (0.3 * torch.rand(batch, 3, crop, crop, generator=torch.Generator().manual_seed(index)),)

    done: list[float] = []
    settings = Settings(steps=steps, learning_rate=1e-5, save_every=max(steps, 10), log_every=1)
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        run = Run(settings, Path(folder), "benchmark", device, on_log=lambda *_: done.append(time.perf_counter()))
        aligner("ranker_loss", **section()["align"]["options"]).align(
            model, ranker, Material(crops, one_region(crops)), run
        )
    return done


def section() -> dict[str, Any]:
    """`low_light` of presets/paper.yaml."""
    found: dict[str, Any] = yaml.safe_load(PRESET.read_text(encoding="utf-8"))["low_light"]
    return found


def one(variant: str, crop: int, batch: int) -> None:
    """A step of the variant in this process."""
    model, ranker = networks(VARIANTS[variant])
    before = _peak()
    begun, used = time.monotonic(), time.process_time()
    fine_tune(model, ranker, crop, batch)
    print(
        f"{variant:14} crop {crop} batch {batch}: at most {_peak():.2f} GiB (with networks alone {before:.2f}), "
        f"{time.process_time() - used:.0f} s of one core, {time.monotonic() - begun:.0f} s",
        flush=True,
    )


def _peak() -> float:
    """GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variants", nargs="*", help="; ".join(VARIANTS))
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--here", action="store_true", help="in this process: one variant alone")
    chosen = parser.parse_args()
    if chosen.here:
        one(chosen.variants[0], chosen.crop, chosen.batch)
        return
    for variant in chosen.variants or VARIANTS:
        size = ["--crop", str(chosen.crop), "--batch", str(chosen.batch)]
        subprocess.run([sys.executable, "-m", "benchmarks.sampler_memory", variant, "--here", *size], check=True)


if __name__ == "__main__":
    main()
