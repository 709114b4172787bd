"""What `loupe check` says of the pictures, before the dataset is made; see `tasks.kinds.base.Check`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.datasets.looking import Findings, joined, listed, look_at_sample, look_at_sizes
from tasks.thermal.kind import KIND
from tasks.thermal.params import Dataset, Thermal


def look_at(dataset: Dataset, crops: Mapping[str, int], found: Findings) -> None:
    """The pictures of the dataset."""
    if dataset.source == "sample":
        look_at_sample(f"{KIND.name}.dataset.sample", dataset.sample, crops, found)
        return
    section, settings = f"{KIND.name}.dataset.folder", dataset.folder
    folders = listed(section, settings, ("infrared", "visible"), found)
    if len(folders) < 2:
        return
    pairs = joined(section, settings, folders, found)
    if pairs is None:
        return
    if len(pairs) < 2:
        found.faults.append(f"{section}.infrared: {len(pairs)} pairs; at least two are needed, one for validation")
    look_at_sizes(f"{section}.infrared", pairs, settings.max_side, crops, found)


def look_at_model(section: Thermal, found: Findings) -> Any:
    """The fuser."""
    from models.fusers import create
    from tasks.training.trying import look_at_network

    return look_at_network(f"{KIND.name}.model", create, section.model, found)
