"""What a study's pictures are: which method made which, of which photo. Kept beside the label store, never in it.

The store is blind: it knows pictures by their content only, so whoever labels, and whoever reads the store, cannot tell the
methods apart. The manifest lies in `.loupe/studies/NAME/manifest.json` of the project and is read for the results.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from labelling.store import project_root
from pictures import AbsentFile, FileFault, read_json, shortened

VERSION = 1
MAX_BYTES = 256 << 20
"""Of a manifest: a hundred thousand pictures and their pairs."""
Task = Literal["pairs", "ratings"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
# Rounds of the pipeline are called KIND-rNN and KIND-validation.
_PIPELINE = re.compile(r"([a-z][a-z0-9_]*)-(r\d{2,}|validation)")


class StudyError(ValueError):
    """A study cannot be made, found or read; the message says why and what to do."""


@dataclass(frozen=True)
class StudyPicture:
    """A method's picture of a photo; `file` is where it was read from."""

    sha256: str
    method: str
    photo: str
    file: str


@dataclass(frozen=True)
class StudyPair:
    """Two methods' pictures of a photo, and the key of the pair in the store."""

    key: str
    photo: str
    first_method: str
    first_sha256: str
    second_method: str
    second_sha256: str


@dataclass(frozen=True)
class Manifest:
    """A study: `task` "pairs" (`pairs` are compared) or "ratings" (`pictures` are rated).

    `identical` are pairings whose two pictures are the same bytes, so that there is nothing to compare.
    """

    name: str
    task: Task
    question: str
    methods: tuple[str, ...]
    pictures: tuple[StudyPicture, ...]
    pairs: tuple[StudyPair, ...] = ()
    identical: tuple[StudyPair, ...] = ()

    def save(self) -> Path:
        """Write the manifest, whole or not at all, and return where. Raises StudyError where that is impossible."""
        from pictures import write_json

        path = place(self.name)
        try:
            write_json(path, {"version": VERSION, **asdict(self)})
        except OSError as error:
            raise StudyError(f"{path} cannot be written ({error.strerror}); is .loupe writable?") from error
        return path


def is_validation(round: str) -> bool:
    """Whether people judge the validation pictures of a kind in this round; no run waits for it."""
    found = _PIPELINE.fullmatch(round)
    return found is not None and found[2] == "validation"


def flow_of(round: str) -> str:
    """The Prefect flow that goes on when the labels of a round of the pipeline are in: low_light-r01 -> low-light."""
    found = _PIPELINE.fullmatch(round)
    return (found[1] if found else round).replace("_", "-")


def check_study_name(name: str) -> None:
    """Raise StudyError unless `name` can name a study: it becomes a round of the store, and a folder."""
    if not _NAME.fullmatch(name):
        raise StudyError(f"a study is called by letters, digits, '-', '_' and '.', not {name!r:.120}")
    if _PIPELINE.fullmatch(name):
        raise StudyError(f"{name!r} is a round of the pipeline; choose another name for the study")


def place(name: str) -> Path:
    """Where the manifest of a study is. Raises StudyError for a name that no study can have."""
    check_study_name(name)
    return _place(name)


def _place(name: str) -> Path:
    return project_root() / ".loupe" / "studies" / name / "manifest.json"


def find(name: str) -> Manifest | None:
    """The manifest of the study called `name`, None where there is none. Raises StudyError for a damaged one."""
    if not _NAME.fullmatch(name):
        return None
    path = _place(name)
    try:
        values = read_json(path, MAX_BYTES)
    except AbsentFile:
        return None
    except FileFault as error:
        raise StudyError(f"{error}; restore it from a copy, or create the study again") from error
    return _manifest(path, values)


def load(name: str, task: Task) -> Manifest:
    """The manifest of the study `name`. Raises StudyError where there is none or it is of the other task."""
    found = find(name)
    command = {"pairs": "loupe study create", "ratings": "loupe ratings create"}
    if found is None:
        raise StudyError(f"no study is called {name!r} (looked for {place(name)}); make one with `{command[task]}`")
    if found.task != task:
        raise StudyError(f"{name!r} was made with `{command[found.task]}`; use the commands beside it")
    return found


def _manifest(path: Path, values: Any) -> Manifest:
    try:
        if values["version"] != VERSION:
            raise StudyError(
                f"{path} is of version {shortened(values['version'])}, and this Loupe reads {VERSION}; update Loupe"
            )
        return Manifest(
            name=values["name"],
            task=values["task"],
            question=values["question"],
            methods=tuple(values["methods"]),
            pictures=tuple(StudyPicture(**picture) for picture in values["pictures"]),
            pairs=tuple(StudyPair(**pair) for pair in values["pairs"]),
            identical=tuple(StudyPair(**pair) for pair in values["identical"]),
        )
    except (KeyError, TypeError) as error:
        raise StudyError(
            f"{path} is no manifest of a study ({shortened(error, 200)}); restore it, or create the study again"
        ) from error
