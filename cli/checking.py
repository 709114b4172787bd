"""`loupe check`: params.yaml, and what it names outside of itself: folders, their photos, the label store, weights.

Quick: folders are listed, and of the first dozen photos of each the headers are read. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from pictures import some
from tasks import kinds
from tasks.config import PARAMS_FILE, ConfigError, Params, read_yaml, validate
from tasks.config.former import former_keys
from tasks.datasets.looking import Findings


def check() -> int:
    """Check all that can be, print one line for each finding, and return 0.

    Raises `ConfigError` that lists every fault with the path of its key.
    """
    values = read_yaml(PARAMS_FILE)
    if former_keys(values):
        validate(values)  # of a version before: nothing else can be said of it
    found = Findings()
    wrong: ConfigError | None = None
    try:
        params = validate(values)
    except ConfigError as error:
        wrong = error
        look_at_parts(values, found)
    else:
        from tasks.training.trying import look_at_judging

        for name in params.kinds:
            kind = kinds.named(name)
            kind.check.look_at(params.of(name).dataset, training_crops(params, kind), found)
            look_at_model = getattr(kind.check, "look_at_model", None)
            network = look_at_model(params.of(name), found) if look_at_model else None
            look_at_judging(name, params.of(name), network, found)
        look_at_notify(params, found)
    look_at_store(found)
    look_at_weights(found)
    look_at_entry_points(found)
    if wrong is not None:
        raise all_at_once([*str(wrong).splitlines()[1:], *(f"  {fault}" for fault in found.faults)])
    for line in (*found.counts, *(f"warning: {line}" for line in found.warnings)):
        print(line)
    if found.faults:
        raise all_at_once([f"  {fault}" for fault in found.faults])
    rounds = [
        f"{name} {entry.rounds}, labels from {params.of(name).labels.source}" for name, entry in params.kinds.items()
    ]
    print(f"{PARAMS_FILE} is valid (scale {params.scale}; rounds: {'; '.join(rounds)})")
    return 0


def all_at_once(lines: Sequence[str]) -> ConfigError:
    """One error of a line for each fault."""
    count = f"{len(lines)} fault" + ("s" if len(lines) > 1 else "")
    return ConfigError("\n".join([f"{PARAMS_FILE} has {count}:", *lines]))


def look_at_parts(values: Mapping[str, object], found: Findings) -> None:
    """The folders of a file that is faulty elsewhere, where what it says of them is sound."""
    for kind in kinds.every():
        section = values.get(kind.name)
        dataset = section.get("dataset") if isinstance(section, Mapping) else None
        with suppress(ValidationError):
            shape: Any = kind.section.model_fields["dataset"].annotation
            kind.check.look_at(shape.model_validate(dataset), {}, found)


def training_crops(params: Params, kind: kinds.Kind) -> dict[str, int]:
    """Sides of the crops that the trainings of a kind cut, by the path of their key."""
    section = params.of(kind.name)
    sides = {
        **kind.crops(section),
        **section.judge.crops,
        "align.crop": section.align.crop,
    }
    return {f"{kind.name}.{key}": side for key, side in sides.items()}


def look_at_store(found: Findings) -> None:
    """Whether the label store answers, or could be made; it is neither made nor changed."""
    from labelling.store import StoreUnavailable
    from labelling.web.reach import fault_of_store

    try:
        fault = fault_of_store()
    except StoreUnavailable as error:
        fault = str(error)
    if fault:
        found.faults.append(f"LOUPE_LABELS: {fault}")


def look_at_notify(params: Params, found: Findings) -> None:
    """What `notify` leaves to the environment, and is not there: whoever tells may have it."""
    from flows.sending import missing

    if params.notify is not None:
        found.warnings += [
            f"notify: {name} is not set here; where it is not, what is to be told waits"
            for name in missing(params.notify)
        ]


def look_at_entry_points(found: Findings) -> None:
    """Models, judges and metrics of installed packages that can be had by no name of theirs."""
    from models import enhancers, fusers, judges, quality
    from models.own import shadowed

    ours: dict[str, Collection[str]] = {
        enhancers.GROUP: enhancers.ENHANCERS, fusers.GROUP: fusers.FUSERS, judges.GROUP: judges.JUDGES,
        quality.GROUP: quality.names(),
    }  # fmt: skip
    found.warnings += [
        f"entry point {point.name!r} of {group} ({point.value}) has the name of one of Loupe's own, which is used; name it as "
        f"{point.value}"
        for group, registered in ours.items()
        for point in shadowed(registered, group)
    ]


def look_at_weights(found: Findings) -> None:
    """Which weights a first run would fetch."""
    from models import weights

    absent = [name for name in weights.names() if not weights.origin(name)]
    if absent:
        found.warnings.append(
            f"weights: {some(absent)} not fetched yet; `loupe weights` fetches them, or the first run that needs them"
        )
