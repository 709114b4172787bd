"""What `loupe check` says of the photos, before the dataset is made; see `tasks.kinds.base.Check`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pictures import Listing
from tasks.brackets.kind import KIND, SEARCHED
from tasks.brackets.params import Brackets, Dataset
from tasks.datasets.looking import (
    Findings,
    in_bursts,
    joined,
    listed,
    look_at_sample,
    look_at_sizes,
)
from tasks.datasets.photos import PHOTOS


def look_at(dataset: Dataset, crops: Mapping[str, int], found: Findings) -> None:
    """The photos of the dataset."""
    if dataset.source == "sample":
        settings, place = dataset.sample, f"{KIND.name}.dataset.sample"
        look_at_sample(place, settings, crops, found)
        training = (len(PHOTOS) - min(settings.validation_photos, len(PHOTOS) - 1)) * settings.crops_per_photo
        if training < 2:
            found.faults.append(f"{place}: leaves {training} training scene; the search needs two at least")
        return
    section, folder = f"{KIND.name}.dataset.folder", dataset.folder
    folders = listed(section, folder, ("under", "over", "reference", "natural", "bursts"), found)
    scenes: Sequence[Sequence[Path]] | None = None
    place = f"{section}.bursts" if folder.bursts else f"{section}.under"
    if folder.bursts and "bursts" in folders:
        scenes = in_bursts(place, folders["bursts"], found)
    elif "under" in folders and "over" in folders:
        named: dict[str, Listing] = {name: folders[name] for name in ("under", "over", "reference") if name in folders}
        scenes = joined(section, folder, named, found)
    if scenes is None:
        return
    if len(scenes) < 3:
        found.faults.append(f"{place}: {len(scenes)} scenes; at least three are needed, one of them for validation")
    look_at_sizes(place, scenes, folder.max_side, crops, found)


def look_at_model(section: Brackets, found: Findings) -> Any:
    """A fuser of the user's own."""
    if section.model.name == SEARCHED:
        return None
    from models.fusers import create
    from tasks.training.trying import look_at_network

    return look_at_network(f"{KIND.name}.model", create, section.model, found)
