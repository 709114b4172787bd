"""Says what has happened where `notify:` of params.yaml wants it said; `loupe notify`, and every run of a flow, do so.

Nothing here ends, holds up or changes a run: what cannot be told waits in the outbox for the next one, and a line says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import happenings, params, words
from flows.happenings import Place
from flows.outbox import Outbox
from flows.sending import NotSentError, Target, targets
from flows.words import LabelsStatus
from labelling.desk.project import project_id

if TYPE_CHECKING:
    from tasks.config.notify import Notify

CountLabels = Callable[[str], LabelsStatus | None]


class NotifyError(ValueError):
    """`notify` in params.yaml cannot be used."""


def section(settings: Mapping[str, Any]) -> Notify | None:
    """`notify` of params.yaml, None where it is null. Raises NotifyError."""
    given = settings.get("notify")
    if given is None:
        return None
    from pydantic import ValidationError

    from tasks.config.base import lines_of
    from tasks.config.notify import Notify

    try:
        return Notify.model_validate(given)
    except ValidationError as error:
        raise NotifyError("; ".join(f"notify.{line}" for line in lines_of(error))) from None


def labels_in_store(round: str) -> LabelsStatus | None:
    """The votes of a round in the label store; None where it has no such round."""
    from labelling.store import UnknownRound, labels_status

    try:
        return labels_status(round)
    except UnknownRound:
        return None


def tell(
    root: Path,
    failed: Mapping[str, str] | None = None,
    well: Collection[str] = (),
    count_labels: CountLabels = labels_in_store,
) -> list[str]:
    """Take up what has happened and deliver what waits; returns lines to show, none where all is well.

    failed: what failed just now (`judge@low_light-r01`) -> its last lines; well: what went well, and may have
    failed before. Never raises: the run that calls this has its own work.
    """
    try:
        settings = params.settings(root)
        notify = section(settings)
        return [] if notify is None else send_what_is_due(root, settings, notify, failed or {}, well, count_labels)[0]
    except Exception as error:
        return [f"notify: nothing could be told: {(str(error) or type(error).__name__).splitlines()[0]}"]


def send_what_is_due(
    root: Path,
    settings: Mapping[str, Any],
    notify: Notify,
    failed: Mapping[str, str],
    well: Collection[str],
    count_labels: CountLabels = labels_in_store,
) -> tuple[list[str], bool]:
    """As `tell`; also whether nothing waits any more. Raises what the label store and dvc.lock raise."""
    rounds = happenings.look(happenings.read_lock(root), settings, count_labels)
    where, now = _place(root, settings), happenings.clock()
    remind = None if notify.remind_days is None else timedelta(days=notify.remind_days)
    goes_to = targets(notify)
    outbox = Outbox(root)
    with outbox.changed() as memory:
        found = list(happenings.happened(rounds, memory.told, where, now, notify.events, remind))
        told = memory.told = memory.told or {}
        for what, why in failed.items() if happenings.FAILED in notify.events else ():
            key = happenings.memory_key(happenings.FAILED, what)
            if (again := happenings.is_due(key, told, now, remind)) is not None:
                found.append((key, happenings.failure(key, what, why, where, now, again)))
        for what in well:
            told.pop(happenings.memory_key(happenings.FAILED, what), None)
        for key, event in found:
            told[key] = now.isoformat()
            if event is not None:
                memory.outbox += [(target, event.fields()) for target in goes_to]
    empty = outbox.deliver(goes_to)
    return outbox.lines, empty


def try_out(root: Path, settings: Mapping[str, Any], notify: Notify) -> list[tuple[bool, str]]:
    """Send a trial message to each target: whether it was taken, and what answered."""
    event = happenings.trial(_place(root, settings), happenings.clock()).fields()
    return [_tried(target, event) for target in targets(notify).values()]


def _tried(target: Target, event: Mapping[str, Any]) -> tuple[bool, str]:
    try:
        return True, f"{target.name} {target.send(event)}"
    except NotSentError as error:
        return False, f"{target.name} {error}"


def _place(root: Path, settings: Mapping[str, Any]) -> Place:
    return Place(project_id(root), root, words.label_address(root), happenings.kinds_of_rounds(settings))
