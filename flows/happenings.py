"""What has happened in a project that people may want to hear of. Read from dvc.lock and the label store; knows no Prefect.

A round needs labels while the store lacks some of those that its questions ask for. It is done when the model is aligned by
a judge that has learnt from its labels. A failure is told by whoever ran the stage: DVC keeps none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from flows import reports, words
from flows.words import LabelsStatus
from pictures import FileFault, read_text

QUESTIONS, LABELS, JUDGE, ALIGN = "questions", "labels", "judge", "align"
NEEDED, DONE, FAILED, TRIAL = "labels_needed", "round_done", "failed", "test"
_LONGEST_LOCK = 1 << 28
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, kw_only=True)
class Event:
    """What is sent, as JSON or as a mail. `id` is the same at a second try; `text` is for people."""

    id: str
    event: str
    time: str
    project: str
    text: str
    kind: str | None = None
    round: str | None = None
    have: int | None = None
    need: int | None = None
    label_address: str | None = None
    report: str | None = None
    reminder: bool = False

    def fields(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class RoundNow:
    """How far a round is. status: of its labels, None where it has not come to them; taken: the content of the labels that
    the aligned model has learnt from, None while it has not."""

    key: str
    kind: str
    label_rev: object
    status: LabelsStatus | None
    taken: str | None


@dataclass(frozen=True)
class Place:
    """What a project's events say beside what happened: its id, where people label, its folder, its rounds (-> their kind)."""

    project: str
    root: Path
    label_address: str | None
    rounds: Mapping[str, str]


def read_lock(root: Path) -> dict[str, Any]:
    """The stages of dvc.lock, by name; {} where there is none. Raises FileFault for one that cannot be read."""
    path = root / "dvc.lock"
    if not path.exists():
        return {}
    try:
        found = yaml.load(read_text(path, _LONGEST_LOCK), _LOADER)
    except yaml.YAMLError as error:
        raise FileFault(path, "is not YAML; another command may be writing it") from error
    stages = found.get("stages") if isinstance(found, dict) else None
    return stages if isinstance(stages, dict) else {}


def labels_taken(lock: Mapping[str, Any], key: str) -> str | None:
    """The md5 of the round's labels, where its judge has learnt from just these and the model is aligned by that judge."""
    labels, judge, align = (lock.get(f"{stage}@{key}") for stage in (LABELS, JUDGE, ALIGN))
    if not labels or not judge or not align or not _follows(judge, labels) or not _follows(align, judge):
        return None
    return next(iter(_contents(labels, "outs").values()))


def _follows(stage: Any, before: Any) -> bool:
    """Whether a stage has read what the one before has written, and all of that as it is now."""
    read, written = _contents(stage, "deps"), _contents(before, "outs")
    shared = read.keys() & written.keys()
    return bool(shared) and all(read[path] == written[path] for path in shared)


def _contents(stage: Any, part: str) -> dict[str, str]:
    found = stage.get(part) if isinstance(stage, Mapping) else None
    entries = [entry for entry in found or () if isinstance(entry, Mapping)]
    return {str(entry.get("path")): str(entry.get("md5")) for entry in entries if entry.get("md5")}


def look(
    lock: Mapping[str, Any], settings: Mapping[str, Any], count_labels: Callable[[str], LabelsStatus | None]
) -> list[RoundNow]:
    """Every round of params.yaml that has asked its questions, in order. count_labels: None where the store has no such round."""
    return [
        RoundNow(key, kind, settings["rounds"][key].get("label_rev", 0), count_labels(key), labels_taken(lock, key))
        for key, kind in kinds_of_rounds(settings).items()
        if f"{QUESTIONS}@{key}" in lock
    ]


def kinds_of_rounds(settings: Mapping[str, Any]) -> dict[str, str]:
    """Round -> its kind, in the order of params.yaml."""
    rounds = settings.get("rounds")
    items = rounds.items() if isinstance(rounds, Mapping) else ()
    return {
        str(key): str(entry.get("kind") or str(key).rpartition("-")[0])
        for key, entry in items
        if isinstance(entry, Mapping)
    }


def memory_key(*parts: object) -> str:
    """Under what it is remembered that something was told."""
    return " ".join(map(str, parts))


def happened(
    rounds: Sequence[RoundNow],
    told: Mapping[str, str] | None,
    place: Place,
    now: datetime,
    wanted: Collection[str],
    remind: timedelta | None,
) -> Iterator[tuple[str, Event | None]]:
    """What has to be remembered, and sent where there is an event with it.

    told: when each thing was told, ISO 8601; None at the first look, when what was done before is only remembered.
    """
    before = told or {}
    for each in rounds:
        if each.taken is not None and (key := memory_key(DONE, each.key, each.label_rev, each.taken)) not in before:
            silent = told is None or DONE not in wanted
            yield key, None if silent else _done(each, key, place, now)
        if each.status is not None and not each.status.complete and NEEDED in wanted:
            key = memory_key(NEEDED, each.key, each.label_rev, getattr(each.status, "batch", ""))
            if (again := is_due(key, before, now, remind)) is not None:
                yield key, _needed(each, each.status, key, place, now, again)


def is_due(key: str, told: Mapping[str, str], now: datetime, remind: timedelta | None) -> bool | None:
    """False: to be told for the first time; True: again, as a reminder; None: not now."""
    if key not in told:
        return False
    return True if remind is not None and now - datetime.fromisoformat(told[key]) >= remind else None


def failure(key: str, what: str, why: str, place: Place, now: datetime, again: bool) -> Event:
    """what: `judge@low_light-r01`; why: its last lines, of which the first and the last are told."""
    lines = [line.strip() for line in why.splitlines() if line.strip()]
    short = "\n".join(line[:500] for line in dict.fromkeys((*lines[:1], *lines[-1:])))
    round = what.rpartition("@")[2]
    known = round if round in place.rounds else None
    return Event(
        id=_id(key, now), event=FAILED, time=now.isoformat(), project=place.project, reminder=again,
        kind=place.rounds.get(round), round=known, text=f"{'Reminder: ' if again else ''}{place.project}: {short}",
    )  # fmt: skip


def trial(place: Place, now: datetime) -> Event:
    """A message that says nothing, to see whether it arrives."""
    text = f"A trial message of {place.project}: it would be told here."
    return Event(id=_id(TRIAL, now), event=TRIAL, time=now.isoformat(), project=place.project, text=text)


def _needed(each: RoundNow, status: LabelsStatus, key: str, place: Place, now: datetime, again: bool) -> Event:
    how = words.how_to_label(each.key, place.label_address)
    if status.kind == words.LLM:
        how = "the log of its labels stage says why the others are not"
    return Event(
        id=_id(key, now), event=NEEDED, time=now.isoformat(), project=place.project, kind=each.kind, round=each.key,
        have=status.have, need=status.need, label_address=place.label_address, reminder=again,
        text=f"{'Reminder: ' if again else ''}{words.known(each.key, status)} ({place.project}). To go on, {how}.",
    )  # fmt: skip


def _done(each: RoundNow, key: str, place: Place, now: datetime) -> Event:
    last = [key for key, kind in place.rounds.items() if kind == each.kind][-1:] == [each.key]
    page = reports.page_of(f"{reports.REPORT}@{each.kind}") if last else None
    report = reports.link(place.root, page) if page and (place.root / page).is_file() else None
    parts = [f"{words.subject(each.key)} is done ({place.project}): its labels are taken and the model is aligned."]
    if page and report:
        parts.append(f"{reports.headline(place.root, page)} The report: {report}".strip())
    return Event(
        id=_id(key, now), event=DONE, time=now.isoformat(), project=place.project, kind=each.kind, round=each.key,
        have=each.status.have if each.status else None, need=each.status.need if each.status else None,
        report=report, text=" ".join(parts),
    )  # fmt: skip


def _id(key: str, now: datetime) -> str:
    return hashlib.sha256(f"{key} {now.isoformat()}".encode()).hexdigest()[:32]


def clock() -> datetime:
    """Now, in whole seconds of UTC."""
    return datetime.now(UTC).replace(microsecond=0)
