"""A step of region GRPO beside a plain fine-tuning step of the same network, and what finding regions takes a picture."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.measure import Result, compare, peak_memory, seconds_of
from benchmarks.training import bare_loop
from models.aligners import create as aligner
from models.aligners.base import Crops, Material
from models.aligners.rollout import LEAST_REGION
from models.core.training import Run, Settings
from models.fusers import create as fuser
from models.fusers.visible_colour import VisibleColour
from models.judges import create as judge_of
from models.judges.base import Judge
from models.regions import create as segmenter
from models.weights import WeightUnavailable
from pictures import as_uint8
from tasks.config import Params
from tasks.thermal.kind import KIND

# A step takes one to three seconds, each side a run to warm up; two in turns say enough.
STEPS, JUDGED, BATCH, CROP, TURNS = 3, 2, 2, 192, 2
OPTIONS: dict[str, Any] = {"samples": 8, "regions": 4, "explore": {"scale": 0.02}, "side": 96}
ROWS = COLUMNS = 2


class Free(Judge):
    """Says something at once."""

    higher_is_better = True

    def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        return pictures[:, 0, ::8, ::8].mean((1, 2))


def crops(index: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(index)
    return tuple(torch.rand(BATCH, 3, CROP, CROP, generator=generator) for _ in range(2))


def labels(index: int) -> torch.Tensor:
    place = torch.arange(CROP) * ROWS // CROP
    assert 1 / (ROWS * COLUMNS) > LEAST_REGION
    return (place[:, None] * COLUMNS + place).expand(BATCH, -1, -1)


def network(params: Params) -> nn.Module:
    model = params.of(KIND.name).model
    torch.manual_seed(0)
    return VisibleColour(fuser(model.name, **model.options))


def grpo(model: nn.Module, judge: Judge, device: str, steps: int = STEPS, view: str = "regions") -> None:
    settings = Settings(steps=steps, learning_rate=1e-5, log_every=steps, save_every=steps)
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        run = Run(settings, Path(folder), "bench", device, "bench")
        aligner("grpo", **OPTIONS, view=view).align(model, judge, Material(crops, labels), run)


def plain(model: nn.Module, given: Crops, device: str, steps: int = STEPS) -> None:
    sources = tuple(source.to(device) for source in given(0))
    target = sources[1]
    bare_loop(
        model.to(device).train(), sources, lambda module, batch: (F.mse_loss(module(*batch), target), {}), 1e-5, steps
    )


def reward(params: Params, device: str) -> Judge:
    return judge_of("reward", **params.of(KIND.name).judge.options).to(device).requires_grad_(False).eval()


def one_run(name: str) -> None:
    """For the memory: a run of one of both."""
    from tasks.config import load_whole

    params = load_whole()
    if name == "grpo":
        grpo(network(params), reward(params, "cpu"), "cpu", 2)
    else:
        plain(network(params), crops, "cpu")


def results(params: Params, device: str, repeats: int) -> list[Result]:
    repeats = min(repeats, TURNS)
    model, judge = network(params), reward(params, device)
    what = f"{BATCH} pairs of {CROP} x {CROP}"

    @torch.no_grad()
    def judged(versions: torch.Tensor, sources: Sequence[torch.Tensor]) -> None:
        for _ in range(JUDGED):
            for part in (*versions.split(64), *sources):
                judge.features(part)  # type: ignore[operator]

    def beside(view: str, count: int, side: int) -> Result:
        pictures = torch.rand(OPTIONS["samples"] * count, 3, side, side, device=device)

        def both() -> None:
            plain(deepcopy(model), crops, device, JUDGED)
            judged(pictures, [pictures[:count]] * 2)

        return compare(f"region-GRPO step, {len(pictures)} {view} judged", "s",
                       lambda: grpo(deepcopy(model), judge, device, JUDGED, "regions" if view == "regions" else "local"),
                       "plain step + judge", both, repeats=repeats, each=JUDGED)  # fmt: skip

    rows = [
        compare(f"region-GRPO step without a judge, {what}", "s", lambda: grpo(deepcopy(model), Free(), device),
                "plain fine-tuning step", lambda: plain(deepcopy(model), crops, device), repeats=repeats, each=STEPS),
        beside("samples", BATCH, CROP),
        beside("regions", BATCH * ROWS * COLUMNS, OPTIONS["side"]),
    ]  # fmt: skip
    if device == "cpu":
        first, second = (peak_memory(__name__, "one_run", name)[0] for name in ("grpo", "plain"))
        rows.append(Result("region-GRPO, peak memory", first, "MB", second, "plain fine-tuning", first / second))
    return rows + segmenting()


def segmenting() -> list[Result]:
    """Seconds to find the regions of a picture of 640 x 480."""
    generator = torch.Generator().manual_seed(0)
    coarse = F.interpolate(torch.rand(1, 3, 30, 40, generator=generator), (480, 640), mode="bicubic").clamp(0, 1)
    picture = as_uint8((coarse[0].permute(1, 2, 0) * 255).byte().numpy())
    superpixels: Callable[[], object] = lambda: segmenter("superpixels").masks(picture)  # noqa: E731
    try:
        mobile = segmenter("mobile_sam")
        # Over half a minute on one core: once each says enough.
        ours, other = seconds_of(lambda: mobile.masks(picture)), seconds_of(superpixels)
    except WeightUnavailable as error:
        print(f"MobileSAM is not measured: {error}")
        return []
    return [Result("regions of 640 x 480 by MobileSAM", ours, "s", other, "superpixels", ours / other)]
