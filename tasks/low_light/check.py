"""What `loupe check` says of the photos, before the dataset is made; see `tasks.kinds.base.Check`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.datasets.looking import Findings, joined, listed, look_at_sample, look_at_sizes
from tasks.low_light.kind import KIND
from tasks.low_light.params import Dataset, LowLight


def look_at(dataset: Dataset, crops: Mapping[str, int], found: Findings) -> None:
    """The photos of the dataset."""
    if dataset.source == "sample":
        look_at_sample(f"{KIND.name}.dataset.sample", dataset.sample, crops, found)
        return
    section, settings = f"{KIND.name}.dataset.folder", dataset.folder
    folders = listed(section, settings, ("inputs", "references", "normal"), found)
    inputs, references = folders.get("inputs"), folders.get("references")
    pairs: Sequence[Sequence[Path]] = []
    if inputs is not None:
        if len(inputs.photos) < 2:
            found.faults.append(
                f"{section}.inputs: {len(inputs.photos)} photo; at least two are needed, one for validation"
            )
        pairs = [(path,) for path in inputs.photos]
    if inputs is not None and references is not None:
        pairs = joined(section, settings, {"inputs": inputs, "references": references}, found, optional=True) or pairs
    look_at_sizes(f"{section}.inputs", pairs, settings.max_side, crops, found)


def look_at_model(section: LowLight, found: Findings) -> Any:
    """The enhancer, the trainings that it shall have, and the photos that it is looked at with elsewhere."""
    from models.enhancers import create
    from tasks.low_light.phases import CannotTrain, planned
    from tasks.training.trying import look_at_network

    if section.evaluate.elsewhere is not None:
        listed(f"{KIND.name}.evaluate.elsewhere", section.evaluate.elsewhere, ("photos",), found)
    network = look_at_network(f"{KIND.name}.model", create, section.model, found)
    if network is not None:
        try:
            planned(network, section.start)
        except CannotTrain as error:
            found.faults += str(error).splitlines()
    return network
