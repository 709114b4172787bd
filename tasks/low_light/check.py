"""What `loupe check` says of the photos, before the dataset is made; see `tasks.kinds.base.Check`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.datasets.looking import Findings, joined, listed, look_at_sample, look_at_sizes
from tasks.low_light.kind import KIND
from tasks.low_light.params import Dataset, Enhancer


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


def look_at_model(model: Enhancer, found: Findings) -> None:
    """The enhancer, which is built once: its options, what it makes of a picture, its weights, whether it can be aligned."""
    from models.core.storage import WeightsError, check_weights
    from models.enhancers import UnknownEnhancer, create
    from models.own import OwnModelError
    from models.own.enhancers import OwnEnhancer

    place = f"{KIND.name}.model"
    try:
        network = create(model.name, **model.options)
        if isinstance(network, OwnEnhancer) and network.learns_not:
            found.faults.append(f"{place}: {model.name} cannot be aligned: {network.learns_not}")
        if model.weights is not None:
            check_weights(network, Path(model.weights).expanduser())
    except (UnknownEnhancer, OwnModelError) as error:
        found.faults.append(f"{place}: {error}")
    except WeightsError as error:
        found.faults.append(f"{place}.weights: {error}")
