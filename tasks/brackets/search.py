"""The `search` stage: the network and the loss of the fuser, searched together (HSDS-MEF, Algorithm 1).

Reads data/brackets/pictures; writes data/brackets/search: genotype.json, loss_weights.json, history.parquet (alphas and betas
after each epoch), alphas.png and betas.png (the same over time). An interrupted search goes on where its last state was saved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from models.core.features import load_vgg16_layers
from models.core.training import make_deterministic, step_seed
from models.fusers.searched import PAPER_WIDTH, build, describe_size
from models.search.bilevel import SearchBatch
from models.search.loop import Epoch, SearchOutcome, SearchSettings, halves, search
from models.search.space import NODES, OPERATIONS
from models.search.supernet import Supernet
from pictures import atomic_path, fresh_folder, write_json, write_png
from tasks.brackets.kind import KIND
from tasks.brackets.scenes import Batch, Scenes
from tasks.brackets.search_pictures import alphas_picture, betas_picture
from tasks.config import View
from tasks.stage import tables
from tasks.stage.places import Places
from tasks.stage.runtime import STATE, device, identity, stage

PARAMS = ("seed", "{kind}.search", "{kind}.model.options.unrolled")
OUT = Places(KIND.name).search


class NoPositives(ValueError):
    """The constraint has nothing to draw fused pictures towards."""


def check_positives(constraint: str, has_reference: bool, has_natural: bool) -> None:
    """Raise `NoPositives` where the dataset lacks what the constraint needs."""
    there = {"reference": has_reference, "natural": has_natural}
    wanted = ("reference", "natural") if constraint == "both" else (constraint,)
    if constraint != "none" and not any(there[name] for name in wanted):
        lacking = " or ".join(
            "a reference for every training scene" if n == "reference" else "natural images" for n in wanted
        )
        raise NoPositives(
            f"brackets.search.constraint is {constraint!r}, but {Places(KIND.name).pictures} lacks {lacking}; name "
            "brackets.dataset.folder.natural, or set the constraint to none"
        )


def settings_of(section: Any, seed: int) -> SearchSettings:
    """The loop's settings in the section of params.yaml."""
    names = SearchSettings.__dataclass_fields__
    return SearchSettings(seed=seed, **{name: value for name, value in section.model_dump().items() if name in names})


def search_batches(batches: Callable[[int], Batch]) -> Callable[[int], SearchBatch]:
    """The batches as the search takes them."""
    return lambda step: SearchBatch(**batches(step))


def fresh_supernet(width: int, unrolled: int, seed: int) -> Supernet:
    """The supernet, initialised from the seed."""
    make_deterministic()
    torch.manual_seed(step_seed(seed, 0, "supernet"))
    return Supernet(width, unrolled)


def history_rows(history: Sequence[Epoch]) -> list[dict[str, Any]]:
    """The history as rows of the search table."""
    rows: list[dict[str, Any]] = []
    for entry in history:
        at = {"epoch": entry.epoch, "step": entry.step}
        for node, weights in zip(NODES, entry.alphas, strict=True):
            for name, weight in zip(OPERATIONS, weights, strict=True):
                rows.append({**at, "kind": "alpha", "node": node, "name": name, "value": weight})
        for kind, values in (("beta", entry.betas), ("mean", entry.values)):
            rows += [{**at, "kind": kind, "node": "", "name": name, "value": value} for name, value in values.items()]
    return rows


def run(params: View) -> None:
    section = params.search
    to = device(params)
    scenes = Scenes(section.crop, section.batch, params.seed)
    check_positives(section.constraint, scenes.has_reference, scenes.has_natural)
    training, validation = halves(len(scenes), params.seed)
    network = fresh_supernet(section.width, params.model.options.unrolled, params.seed)
    outcome = search(
        network,
        search_batches(scenes.batches(training, "search training")),
        search_batches(scenes.batches(validation, "search validation", natural=True)),
        load_vgg16_layers(section.layers, to),
        settings_of(section, params.seed),
        folder=STATE / "search",
        identity=identity(
            scenes.identity, section.model_dump_json(exclude={"accumulate"}), params.model.options.unrolled
        ),
        device=to,
    )
    write(outcome)
    outcome.discard_state()
    print(f"this genotype at the paper's width: {describe_size(build(outcome.genotype, PAPER_WIDTH))}")
    heaviest = sorted(outcome.loss_weights.items(), key=lambda entry: -entry[1])[:5]
    print("heaviest losses: " + ", ".join(f"{name} {weight:.3f}" for name, weight in heaviest))


def write(outcome: SearchOutcome) -> None:
    """Everything that the stage leaves, whole or not at all."""
    with fresh_folder(OUT) as folder:
        with atomic_path(folder / "genotype.json") as temporary:
            temporary.write_text(outcome.genotype.to_json(), encoding="utf-8")
        write_json(folder / "loss_weights.json", outcome.loss_weights)
        tables.write("search", history_rows(outcome.history), folder / "history.parquet")
        write_png(folder / "alphas.png", alphas_picture(outcome.history))
        write_png(folder / "betas.png", betas_picture(outcome.history))


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, kind=KIND.name, trains=("search",))
