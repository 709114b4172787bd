"""Which modules of a folder outsiders may import: its `__init__`, and those that are named here; the rest is its own affair.

A folder has doors beside its `__init__` where whoever asks for one fact should not pay for all: names without torch (`registry`),
what a model is without any model (`base`).
"""

from __future__ import annotations

from functools import cache

import grimp
import pytest

PACKAGES = ("cli", "flows", "labelling", "models", "pictures", "tasks")
DOORS: dict[str, set[str]] = {
    "labelling.store": {"database.connection", "database.engine", "database.schema", "queries"},
    "labelling.llm": {"pairs"},
    "labelling.web": {"addresses", "language", "reach", "serve"},
    "models.aligners": {"base", "guard", "registry"},
    "models.artifacts": {"agreement"},
    "models.downstream": set(),
    "models.enhancers": {"base", "registry", "local_tone", "parametric", "phases", "predicted", "versions"},
    "models.fusers": {"base", "registry", "many", "layout", "searched", "colour", "dcevo", "visible_colour"},
    "models.genetic": {"objectives", "palette", "search"},
    "models.judges": {"base", "ensemble", "registry"},
    "models.own": {"enhancers", "fusers", "judges", "metrics", "onnx"},
    "models.quality": {"facts", "metric", "fusion.gradient", "fusion.mef_ssim", "fusion.structure"},
    "models.regions": {"base", "registry", "rle"},
    "models.search": {"bilevel", "genotype", "loop", "space", "supernet"},
    "models.weights": {"__main__", "checkpoint"},
    "pictures": {"bursts", "listing"},  # the functions of these names, which `pictures` has
    "tasks.brackets": {"kind"},
    "tasks.config": {"asking", "base", "former", "genetic", "notify", "rounds"},
    "tasks.genetic": {"contact_sheet", "one_photo", "search"},
    "tasks.kinds": {"base", "fusers"},
    "tasks.low_light": {"enhancers", "kind"},
    "tasks.rounds": {"llm", "loop", "names"},
    "tasks.shipping": set(),
    "tasks.thermal": set(),
}
# Of these every module is a tool of its own, and a door.
TOOLBOXES = {
    "labelling.desk", "labelling.exchange", "models.core", "models.losses", "models.preference", "tasks.datasets",
    "tasks.measuring", "tasks.pages", "tasks.stage", "tasks.training",
}  # fmt: skip


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True)


def used(folder: str) -> set[str]:
    """Modules of a folder that others import, also lazily, by their place in it."""
    found = set()
    for module in graph().find_descendants(folder):
        importers = graph().find_modules_that_directly_import(module)
        if any(name != folder and not name.startswith(f"{folder}.") for name in importers):
            found.add(module.removeprefix(f"{folder}."))
    return found


@pytest.mark.parametrize("folder", sorted(DOORS))
def test_outsiders_use_the_doors(folder: str) -> None:
    found = used(folder)
    advice = [f"import it from {folder}, or make it a door: {name}" for name in sorted(found - DOORS[folder])]
    advice += [f"nobody outside uses {name}: no door" for name in sorted(DOORS[folder] - found)]
    assert not advice, f"{folder}:\n" + "\n".join(advice)


def test_every_folder_is_named() -> None:
    second = {name for name in graph().modules if name.count(".") == 1 and graph().find_children(name)}
    assert second | {"pictures"} == set(DOORS) | TOOLBOXES
