"""What a GPU makes of it: pictures in half precision beside full, a training step by precision, the memory of fine-tuning
LightenDiffusion at paper scale through its sampler, and exact resume. Not part of `make bench`, which needs no GPU.

python -m benchmarks.gpu [apply training sampler resume ...]
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import yaml

from benchmarks.alignment_cost import Free, grpo, plain
from benchmarks.alignment_cost import crops as thermal_crops
from benchmarks.sampler_memory import VARIANTS, fine_tune, networks
from models.core.storage import load_weights
from models.core.training import Run, Settings
from models.enhancers import create as enhancer
from models.fusers import create as fuser
from models.fusers.visible_colour import VisibleColour
from models.shipped import SHIPPED
from models.tiling import enhance_tiled, fuse_tiled

PRESETS = Path(__file__).resolve().parents[1] / "presets"
HEIGHT, WIDTH = 3000, 4000
"""12 megapixels."""
REPEATS = 5


def settings_of(preset: str, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PRESETS / f"{preset}.yaml").read_text(encoding="utf-8"))[kind]
    return found


def photos(count: int, device: str, size: tuple[int, int]) -> list[np.ndarray]:
    """Smooth scenes with some noise, darker and brighter versions of one."""
    torch.manual_seed(0)
    coarse = torch.rand(1, 3, 24, 32)
    scene = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)
    scene = (scene + 0.02 * torch.randn(scene.shape)).clamp(0, 1)
    return [(scene[0] ** power * 255).byte().permute(1, 2, 0).numpy().copy() for power in (2.5, 0.6, 1.2)[:count]]


def timed(call: Callable[[], object], device: str, repeats: int = REPEATS) -> float:
    """The median of some calls, in seconds, after one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        _wait(device)
        begun = time.perf_counter()
        call()
        _wait(device)
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])


def apply(device: str, size: tuple[int, int]) -> None:
    """Seconds of a 12-megapixel photo, reading and writing apart, and how far half precision is from full."""
    torch.manual_seed(0)
    enhancers: dict[str, Any] = {}
    fusers: dict[str, Any] = {}
    for ours in SHIPPED.values():
        makes = enhancer if ours.name == "local_tone" else fuser
        model = makes(ours.name, **ours.options)
        load_weights(model, ours.path)
        (enhancers if makes is enhancer else fusers)[f"{ours.name} (shipped)"] = model
    enhancers["curve"] = enhancer("curve")
    enhancers["lighten_diffusion (paper)"] = enhancer(
        "lighten_diffusion", **settings_of("paper", "low_light")["model"]["options"]
    )
    for preset in ("demo", "paper"):
        fusers[f"searched ({preset})"] = fuser("searched", **settings_of(preset, "brackets")["model"]["options"])
        model = settings_of(preset, "thermal")["model"]
        fusers[f"{model['name']} ({preset})"] = VisibleColour(fuser(model["name"], **model["options"]))
    dark, bright = photos(2, device, size)
    for name, network in {**enhancers, **fusers}.items():
        network.to(device).requires_grad_(False).eval()
        made, seconds, memory = [], [], []
        for half in (False, True):
            network.fits_half = half

            def once(of: Any = network, enhances: bool = name in enhancers) -> np.ndarray:
                if enhances:
                    return enhance_tiled(of, dark, 1024, device)
                return fuse_tiled(of, [dark, bright], 1024, device)

            try:
                if device != "cpu":
                    torch.cuda.reset_peak_memory_stats()
                seconds.append(timed(once, device))
                made.append(once().astype(int))
                memory.append(_peak(device))
            except torch.cuda.OutOfMemoryError as error:
                print(f"{name}: {str(error).splitlines()[0]}", flush=True)
                break
        else:
            off = np.abs(made[1] - made[0])
            print(
                f"{name:28} full {seconds[0]:.3f} s {memory[0]:.2f} GiB, half {seconds[1]:.3f} s {memory[1]:.2f} GiB "
                f"({seconds[0] / seconds[1]:.2f} times as fast); apart at most {off.max()}/255, "
                f"{(off > 1).mean():.2%} by more than 1",
                flush=True,
            )


def phase_step(
    options: dict[str, Any], number: int, precision: str, device: str, batch: int, crop: int, steps: int
) -> str:
    """A training of LightenDiffusion: seconds a step, memory, the last loss."""
    torch.manual_seed(0)
    model = enhancer("lighten_diffusion", **options)
    phase = model.phases()[number]  # type: ignore[operator]
    for key, parameter in model.named_parameters():
        parameter.requires_grad_(key.partition(".")[0] in phase.trains)

    def pictures(index: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(index)
        drawn = torch.rand(2, batch, 3, crop, crop, generator=generator)
        return {"low": 0.3 * drawn[0], "normal": drawn[1]}

    return f"{phase.name:13} " + _trained(
        model, pictures, lambda of, given: phase.loss(of, given, phase.weights), precision, device, steps
    )


def _trained(model: torch.nn.Module, batches: Any, objective: Any, precision: str, device: str, steps: int) -> str:
    settings = Settings(
        steps=steps, learning_rate=1e-4, precision=precision, clip_norm=1.0, save_every=steps, log_every=1
    )
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        times: list[float] = []
        run = Run(settings, Path(folder), "gpu", device, "gpu", on_log=lambda *_: times.append(time.perf_counter()))
        outcome = run.train(model, batches, objective)
    each = statistics.median(np.diff(times))
    return (
        f"{precision:5} {each * 1000:7.1f} ms a step, {_peak(device):.2f} GiB, loss {outcome.history[0]['loss']:.4f} to "
        f"{outcome.history[-1]['loss']:.4f}"
    )


def training(device: str, size: tuple[int, int]) -> None:
    """The two trainings of LightenDiffusion at paper scale, and a step of region GRPO beside a plain one for DCEvo."""
    small = device == "cpu"
    section = settings_of("paper", "low_light")
    batch, crop, steps = (1, 64, 3) if small else (8, 256, 12)
    for number in (0, 1):
        for precision in ("no", "bf16", "fp16"):
            said = phase_step(section["model"]["options"], number, precision, device, batch, crop, steps)
            print(f"lighten_diffusion, batch {batch}, crop {crop}: {said}", flush=True)
    thermal = settings_of("demo" if small else "paper", "thermal")["model"]
    torch.manual_seed(0)
    network = VisibleColour(fuser(thermal["name"], **thermal["options"]))
    steps, repeats, said = (2, 1, "") if small else (10, 3, "")
    sides: dict[str, Callable[[], object]] = {
        "region GRPO without a judge": lambda: grpo(network, Free(), device, steps),
        "a plain step": lambda: plain(network, thermal_crops, device, steps),
    }
    for name, side in sides.items():
        if not small:
            torch.cuda.reset_peak_memory_stats()
        seconds = timed(side, device, repeats)
        said += f"{name} {seconds / steps * 1000:.0f} ms, {_peak(device):.2f} GiB  "
    print(f"{thermal['name']}, pairs {tuple(thermal_crops(0)[0].shape)}: {said}", flush=True)


def sampler(device: str, size: tuple[int, int]) -> None:
    """`benchmarks.sampler_memory` on the GPU, at sizes beyond the preset's too."""
    shapes = [(64, 1)] if device == "cpu" else [(256, 2), (256, 8), (512, 8)]
    for crop, batch in shapes:
        for variant, options in VARIANTS.items():
            try:
                said = _through_sampler(options, crop, batch, device)
            except torch.cuda.OutOfMemoryError:
                said = "more than there is"
            print(f"sampler, crop {crop}, batch {batch}, {variant:14}: {said}", flush=True)


def _through_sampler(options: Mapping[str, object], crop: int, batch: int, device: str) -> str:
    model, ranker = networks(options, device)
    if device != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    times = fine_tune(model, ranker, crop, batch, device, 2 if device == "cpu" else 4)
    return f"{_peak(device):.2f} GiB, {statistics.median(np.diff(times)):.2f} s a step"


def resume(device: str, size: tuple[int, int]) -> None:
    """Stopped in the middle and continued, against trained in one go: the largest difference of a weight."""
    for precision in ("no", "bf16", "fp16"):
        ends = []
        for stops in ((8,), (5, 8)):
            torch.manual_seed(0)
            model = enhancer("local_tone")
            begun = {key: value.clone() for key, value in model.state_dict().items()}
            with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
                for stop in stops:
                    model.load_state_dict(begun)
                    _until(model, Path(folder), stop, precision, device)
            ends.append(torch.cat([value.detach().flatten().cpu() for value in model.state_dict().values()]))
        print(f"resume, {precision}: weights apart at most {(ends[0] - ends[1]).abs().max().item():.3g}", flush=True)


class _Stop(Exception):
    """The training is broken off here."""


def _until(model: Any, folder: Path, stop: int, precision: str, device: str) -> None:
    weights = {"spatial": 1.0, "exposure": 10.0, "colour": 1.0, "smoothness": 2.0}

    def batches(index: int) -> torch.Tensor:
        if index >= stop:
            raise _Stop
        return 0.4 * torch.rand(4, 3, 128, 128, generator=torch.Generator().manual_seed(index))

    settings = Settings(steps=8, learning_rate=1e-3, precision=precision, ema=0.9, save_every=1, log_every=1)
    with suppress(_Stop):
        Run(settings, folder, "gpu", device, "gpu").train(
            model, batches, lambda of, given: cast(Any, of).pretraining_loss(given, weights, 0.5)
        )


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def _peak(device: str) -> float:
    """GiB that tensors took at most."""
    return 0.0 if device == "cpu" else torch.cuda.max_memory_allocated() / 2**30


PARTS: dict[str, Callable[[str, tuple[int, int]], None]] = {
    "resume": resume, "apply": apply, "training": training, "sampler": sampler,
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="; ".join(PARTS))
    parser.add_argument("--dry", action="store_true", help="on the CPU and small: shows that it runs, and nothing else")
    chosen = parser.parse_args(arguments)
    if not chosen.dry and not torch.cuda.is_available():
        parser.error("torch sees no GPU here")
    device, size = ("cpu", (96, 128)) if chosen.dry else ("cuda", (HEIGHT, WIDTH))
    if not chosen.dry:
        print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)
    for part in chosen.parts or PARTS:
        PARTS[part](device, size)


if __name__ == "__main__":
    main()
