"""Multi-exposure fusion: seconds a step of search and training and their peak memory, megapixels a second of fusing."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measure import Result, compare, peak_memory
from benchmarks.training import bare_loop, engine
from models.core.features import load_vgg16_layers
from models.degradation import expose
from models.fusers import create
from models.fusers.searched import build, calibrate
from models.losses.fusion import LOSSES, usable
from models.search.bilevel import SearchBatch
from models.search.genotype import balanced
from models.search.loop import search
from models.search.supernet import Supernet
from models.tiling import fuse_tiled
from pictures import quantise, read_image
from tasks.brackets.kind import KIND
from tasks.brackets.search import settings_of
from tasks.brackets.start import objective_of
from tasks.config import Params, load_whole
from tasks.datasets.photos import PHOTOS, locate

STEPS = 4
SIDE = 1024


def pictures(batch: int, crop: int, device: str) -> dict[str, torch.Tensor]:
    """A batch of noise, as large as the params'."""
    parts = ("under", "over", "reference", "natural")
    generator = torch.Generator().manual_seed(0)
    return {part: torch.rand(batch, 3, crop, crop, generator=generator).to(device) for part in parts}


def search_steps(params: Params, device: str, upper_every: int | None = None) -> Callable[[], object]:
    """A call that makes STEPS steps of a fresh search, without warm-up."""
    kind = params.of(KIND.name)
    section = kind.search
    features = load_vgg16_layers(section.layers, device)
    batch = SearchBatch(**pictures(section.batch, section.crop, device))
    changed = {"steps": STEPS, "epoch": STEPS, "warmup": 0, "save_every": STEPS}
    changed |= {} if upper_every is None else {"upper_every": upper_every}
    settings = settings_of(section.model_copy(update=changed), params.seed)

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
            search(
                Supernet(section.width, kind.model.options["unrolled"]), lambda _: batch, lambda _: batch, features, settings,
                folder=Path(folder), identity="bench", device=device,
            )  # fmt: skip

    return run


def training_case(params: Params, device: str) -> tuple[Any, Any, Any]:
    """(network, batch, objective) of the fuser's training."""
    kind = params.of(KIND.name)
    section = kind.start
    batch = pictures(section.batch, section.crop, device)
    batch.pop("natural")
    network = build(balanced(), kind.model.options["width"], kind.model.options["unrolled"]).to(device)
    calibrate(network, [(batch["under"], batch["over"])])
    beta = torch.zeros(len(LOSSES), device=device)
    return network, batch, objective_of(beta, load_vgg16_layers(kind.search.layers, device), usable(True))


def training_steps(params: Params, device: str) -> Callable[[], object]:
    """A call that makes ten steps of training in the engine."""
    return partial(engine, *training_case(params, device), 1e-4, device)


def search_once(device: str) -> None:
    """For `peak_memory`: a few steps at the sizes of params.yaml."""
    search_steps(load_whole(), device)()


def train_once(device: str) -> None:
    training_steps(load_whole(), device)()


def megapixel_pair() -> list[np.ndarray]:
    """Two exposures (SIDE, SIDE, 3) uint8 of a sample photograph."""
    photo = read_image(locate(next(photo for photo in PHOTOS if photo.name == "astronaut")))
    large = np.tile(photo, (-(-SIDE // photo.shape[0]), -(-SIDE // photo.shape[1]), 1))[:SIDE, :SIDE]
    random = np.random.default_rng(0)
    return [quantise(expose(large, stops, 0.0003, 0.001, random), 8) for stops in (-2.5, 2.0)]


def fusing(params: Params, device: str, repeats: int) -> list[Result]:
    """Megapixels a second of each fuser on one megapixel, beside OpenCV's Mertens."""
    photos, rows = megapixel_pair(), []
    network = params.of(KIND.name).model
    fusers = {
        "searched": build(balanced(), network.width, network.unrolled).eval().to(device),
        "learned_pyramid": create("learned_pyramid").eval().to(device),
        "laplacian": create("laplacian").to(device),
        "average": create("average").to(device),
    }
    other = partial(fuse_tiled, create("mertens"), photos)
    for name, fuser in fusers.items():
        ours = partial(fuse_tiled, fuser, photos, device=device)
        rows.append(
            compare(
                f"fusion by {name}", "MP/s", ours, "OpenCV's Mertens", other, repeats=repeats, per_second=SIDE**2 / 1e6
            )
        )
    return rows


def results(device: str, repeats: int) -> list[Result]:
    params = load_whole()
    rows = [
        compare(
            "search step, all three levels", "s/step", search_steps(params, device, 1), "the weights alone",
            search_steps(params, device, STEPS + 1), repeats=repeats, each=STEPS,
        ),
        compare(
            "training step, fuser", "s/step", training_steps(params, device), "bare PyTorch loop",
            partial(bare_loop, *training_case(params, device), 1e-4), repeats=repeats, each=10,
        ),
    ]  # fmt: skip
    for name, label in (("search_once", "search"), ("train_once", "fuser's training")):
        peak, before = peak_memory("benchmarks.fusion", name, device)
        rows.append(Result(f"peak memory, {label}", peak, "MB", before, "once imported", peak / before))
    return [*rows, *fusing(params, device, repeats)]
