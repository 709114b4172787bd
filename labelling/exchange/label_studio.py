"""Label Studio's JSON export of pairwise tasks, read as answers.

The form was taken from Label Studio's documentation of its export and of the Pairwise tag: a list of tasks, each with
`data` (the values that the labelling configuration shows), `annotations` (one per person: `completed_by`,
`was_cancelled`, `lead_time`, `result`), `drafts` and `predictions`. A result of type "pairwise" has value.selected "left" or
"right", and to_name "LEFT,RIGHT", the names of the two tags that were compared.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from labelling.exchange.import_report import Report
from labelling.exchange.importing import MAX_FILE, NAMESPACE, Answer, ExchangeError, seconds_of
from labelling.exchange.matching import PictureFinder, Unmatched, path_of
from pictures import FileFault, read_json, read_text

_MAX_CONFIG = 1 << 20
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}
_SHA256 = re.compile(r"[0-9a-f]{64}")


def read_label_studio(path: Path, finder: PictureFinder, report: Report, config: Path | None = None) -> list[Answer]:
    """The answers of every annotator; what is no answer is refused in `report`, with its place.

    config: the project's labelling configuration (XML), which says which data field a tag shows; without it to_name is
    looked for among the data fields, else the two fields that hold pictures are taken. Raises ExchangeError.
    """
    try:
        tasks = read_json(path, MAX_FILE, "utf-8-sig")
    except FileFault as error:
        raise ExchangeError(f"{error}; export from Label Studio as JSON") from error
    tasks = [tasks] if isinstance(tasks, dict) else tasks
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise ExchangeError(f"{path} is not a list of tasks; export from Label Studio as JSON")
    if tasks and not any("data" in task for task in tasks):
        raise ExchangeError(f"{path} has tasks without `data`: this may be JSON-MIN; export from Label Studio as JSON")
    tags = {} if config is None else read_config(config)
    answers: list[Answer] = []
    for number, task in enumerate(tasks, start=1):
        place = f"task {task.get('id', f'in place {number}')}"
        _read_task(task, place, tags, finder, answers, report)
    return answers


def read_config(path: Path) -> dict[str, str]:
    """Tag name -> data field, of a labelling configuration: <Image name="a" value="$field"/>. Raises ExchangeError."""
    try:
        text = read_text(path, _MAX_CONFIG)
    except FileFault as error:
        raise ExchangeError(str(error)) from error
    if "<!" in text.replace("<!--", ""):  # no entities: they can grow without bounds
        raise ExchangeError(f"{path} is no labelling configuration: it declares a DOCTYPE or CDATA")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ExchangeError(f"{path} is not readable XML ({error})") from error
    fields = {element.get("name"): element.get("value") or "" for element in root.iter() if element.get("name")}
    return {str(name): value[1:] for name, value in fields.items() if value.startswith("$")}


def _read_task(
    task: Mapping[str, Any],
    place: str,
    tags: Mapping[str, str],
    finder: PictureFinder,
    answers: list[Answer],
    report: Report,
) -> None:
    data, annotations = task.get("data"), task.get("annotations")
    for what, why in (
        ("drafts", "a draft that was not submitted"),
        ("predictions", "a model's prediction, no person's"),
    ):
        found = task.get(what)
        for _ in found if isinstance(found, list) else ():
            report.refuse(place, why)
    if not isinstance(annotations, list) or not annotations:
        report.refuse(place, "a task without annotations")
        return
    for annotation in annotations:
        if not isinstance(annotation, dict) or not isinstance(data, dict):
            report.refuse(place, "a malformed task")
            continue
        here = f"{place} annotation {annotation.get('id', '?')}"
        try:
            answers.append(_read_annotation(task, annotation, data, here, tags, finder, report))
        except (Unmatched, ValueError) as error:
            report.refuse(here, str(error))


def _read_annotation(
    task: Mapping[str, Any],
    annotation: Mapping[str, Any],
    data: Mapping[str, Any],
    place: str,
    tags: Mapping[str, str],
    finder: PictureFinder,
    report: Report,
) -> Answer:
    if annotation.get("was_cancelled"):
        raise ValueError("cancelled (skipped) by the annotator")
    observer = annotator(annotation.get("completed_by"))
    results = annotation.get("result")
    results = (
        [r for r in results if isinstance(r, dict) and r.get("type") == "pairwise"] if isinstance(results, list) else []
    )
    if len(results) != 1:
        raise ValueError("no pairwise answer" if not results else "several pairwise answers in one annotation")
    value = results[0].get("value")
    selected = value.get("selected") if isinstance(value, dict) else None
    if selected not in ("left", "right"):
        raise ValueError(f"selected is {selected!r:.40}, neither left nor right")
    left_field, right_field = _fields(results[0].get("to_name"), data, tags, report)
    left, right = (finder.find(str(data[name])) for name in (left_field, right_field))
    origin = [task.get("project"), task.get("id"), annotation.get("id") or observer]
    return Answer(
        place=place,
        id=str(uuid.uuid5(NAMESPACE, f"label-studio\n{json.dumps(origin)}")),
        first=left,
        second=right,
        left=left,
        preferred=left if selected == "left" else right,
        observer=observer,
        seconds=seconds_of(annotation.get("lead_time")),
    )


def annotator(value: object) -> str:
    """The observer's name: the e-mail address where the export has it, else label-studio-ID. Raises ValueError."""
    if isinstance(value, dict):
        if isinstance(value.get("email"), str) and value["email"].strip():
            return str(value["email"]).strip()
        value = value.get("id")
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise ValueError("no annotator (completed_by is empty)")
    return f"label-studio-{value}"


def _fields(to_name: object, data: Mapping[str, Any], tags: Mapping[str, str], report: Report) -> tuple[str, str]:
    """The data fields that were shown left and right. Raises ValueError."""
    names = to_name if isinstance(to_name, list) else str(to_name or "").split(",")
    fields = [tags.get(str(name).strip(), str(name).strip()) for name in names]
    if len(fields) == 2 and all(isinstance(data.get(field), str) for field in fields):
        return fields[0], fields[1]
    pictures = [name for name, value in data.items() if isinstance(value, str) and _is_picture(value)]
    if len(pictures) != 2:
        listed = ", ".join(map(str, data)) or "none"
        raise ValueError(f"cannot tell which data fields ({listed}) are the two pictures; --config says it")
    left, right = pictures
    if "right" in left.lower() and "left" in right.lower():
        left, right = right, left
    report.note(f"data field {left!r} is taken as the left picture, {right!r} as the right one")
    return left, right


def _is_picture(value: str) -> bool:
    if value.startswith("data:image/"):
        return True
    parts = path_of(value)
    if not parts:
        return False
    file = PurePosixPath(parts[-1].lower())
    return file.suffix in _SUFFIXES or _SHA256.fullmatch(file.stem) is not None
