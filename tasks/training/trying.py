"""What `loupe check` finds out by building what the stages will train: models, judges, aligners."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.core.storage import WeightsError, check_weights
from models.own import OwnModelError
from models.weights import WeightUnavailable
from tasks import kinds
from tasks.datasets.looking import Findings
from tasks.training.kept import UnknownLoss, kept_losses


def look_at_network(place: str, create: Callable[..., Any], model: Any, found: Findings) -> Any:
    """A model, which is built once: its options, what it makes of a picture, its weights; returns it, or None with a fault.

    place: the path of the section `model`, which has `name`, `options` and `weights`.
    """
    try:
        network = create(model.name, **model.options)
        if model.weights is not None:
            check_weights(network, Path(model.weights).expanduser())
    except WeightsError as error:
        found.faults.append(f"{place}.weights: {error}")
    except (OwnModelError, ValueError) as error:
        found.faults.append(f"{place}: {error}")
    else:
        reason, given = getattr(network, "learns_not", None), model.weights is not None or Path(model.name).is_file()
        if not reason or (given and list(network.parameters())):
            return network  # one that comes with weights is not trained before an aligner sees it
        found.faults.append(f"{place}: {model.name} cannot be aligned: {reason}")
    return None


def look_at_judging(kind: str, section: Any, network: Any, found: Findings) -> None:
    """The judge and the aligner of a kind's section of params.yaml: each for itself, and whether they go together.

    network: the model that they are for, if it is a user's own.
    """
    from models.aligners import create as create_aligner
    from models.judges import create as create_judge
    from models.quality import MetricUnavailable

    judge = aligner = None
    try:
        judge = create_judge(section.judge.name, **section.judge.options)
        if judge.learns is None and section.judge.start is not None:
            found.faults.append(f"{kind}.judge: {section.judge.name} learns nothing, so start and rounds must be null")
        start = section.judge.start
        if judge.learns == "ratings" and kinds.named(kind).rated is None and start is not None and start.variants:
            found.faults.append(
                f"{kind}.judge: {section.judge.name} learns from ratings, and {kind} has no corruptions with a known truth to "
                "start it with: let it start from NIQE's ranking (crop and margin in place of variants in judge.start), or take "
                "another judge"
            )
        if judge.learns is not None and section.judge.start is None:
            found.faults.append(
                f"{kind}.judge: {section.judge.name} learns from {judge.learns}; start and rounds have to say how (null now)"
            )
    except (OwnModelError, MetricUnavailable, WeightUnavailable, ValueError) as error:
        found.faults.append(f"{kind}.judge: {error}")
    if judge is not None and judge.members == 1 and section.pairs.strategy == "information":
        found.faults.append(
            f"{kind}.pairs.strategy: information asks where a judge's members disagree, and {section.judge.name} has one opinion "
            "(judge.name: ensemble has several)"
        )
    try:
        aligner = create_aligner(section.align.name, **section.align.options)
    except ValueError as error:
        found.faults.append(f"{kind}.align: {error}")
    if judge is not None and aligner is not None and (fault := aligner.fault(judge, network)):
        named = getattr(judge, "metric", None) or section.judge.name
        found.faults.append(
            f"{kind}.align: {section.align.name} cannot work with the judge {named} and the model of {kind}: {fault}"
        )
    if aligner is not None and aligner.uses_regions and section.regions is not None:
        look_at_segmenter(kind, section.regions, found)
    try:
        kept_losses(kind, section.align.keep)
    except UnknownLoss as error:
        found.faults.append(str(error))
    guarded = section.align.guard is not None
    if judge is not None and aligner is not None and (advice := aligner.advice(judge, guarded)):
        found.counts.append(f"{kind}.align: {section.align.name}: {advice}")


def look_at_segmenter(kind: str, section: Any, found: Findings) -> None:
    """A segmenter: its options, its checkpoint, its weights."""
    from models.regions import create

    try:
        create(section.name, **section.options)
    except (WeightUnavailable, ValueError) as error:
        found.faults.append(f"{kind}.regions: {error}")
