"""Reading labelled boxes: YOLO's text files, a file a picture, and COCO's JSON, a file for all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.downstream.base import Boxes
from models.downstream.classes import Classes
from models.downstream.errors import LabelError, refuse
from pictures import name_key, printable, read_json, read_text, stems

Sizes = Mapping[str, tuple[int, int]]
"""Name of a picture, as `pictures.name_key` makes it -> (width, height) in pixels."""

SLACK = 0.002
"""So far, of a side, or one pixel, a box may reach out of its picture: rounding. It is cut off."""
MOST_JSON = 1 << 30
_FIELDS = 5


def read_yolo(
    folder: Path, wanted: Mapping[str, Path], classes: Classes, absent_is_empty: bool = False
) -> dict[str, Boxes]:
    """YOLO's labels of pictures: `folder/NAME.txt`, an object a line, `class x y width height`, class from 0, the rest of the
    sides in [0, 1], x and y of the middle.

    wanted: name of a picture, as `pictures.name_key` makes it -> its file. An empty file: a picture without objects. A picture
    without a file is a fault, unless `absent_is_empty`.

    Raises:
        LabelError: all faults, each with file and line: not five numbers, an unknown class, a box that lies outside, no file.
        FileFault: a file that is no text; two files of one name.
    """
    if not folder.is_dir():
        raise LabelError([f"{printable(folder)}: no such folder; YOLO's labels are a folder of .txt files"])
    files = stems(sorted(path for path in folder.glob("*.txt") if path.name != "classes.txt"))
    if wanted and not files.keys() & wanted.keys():
        example = next(iter(wanted.values())).stem
        raise LabelError([f"{printable(folder)}: no label has the name of a picture; {example}.txt would be one"])
    found: dict[str, Boxes] = {}
    faults: list[str] = []
    for key, picture in wanted.items():
        if key not in files and not absent_is_empty:
            faults.append(
                f"{printable(folder)}: no {picture.stem}.txt for {printable(picture)}; a picture without objects has an empty "
                "file, or say --absent-is-empty"
            )
            continue
        rows = _Rows()
        lines = read_text(files[key], encoding="utf-8-sig").splitlines() if key in files else []
        for number, line in enumerate(lines, start=1):
            if line.strip() and (fault := _yolo(line, classes, rows)):
                faults.append(f"{printable(files[key])}: line {number}: {fault}")
        found[key] = rows.boxes()
    refuse(faults)
    return found


def _yolo(line: str, classes: Classes, rows: _Rows) -> str:
    """Add an object; or what is wrong with its line."""
    parts = line.split()
    try:
        values = [float(part) for part in parts]
    except ValueError:
        return f"{line.strip()[:60]!r} is not five numbers, class x y width height"
    if len(values) != _FIELDS:
        return f"has {len(values)} numbers, and should have five, class x y width height (outlines are not read)"
    number, x, y, width, height = values
    if not number.is_integer():
        return f"the class {parts[0]} is no whole number"
    if not 0 <= number < len(classes.names):
        return f"class {parts[0]} is unknown; there are {len(classes.names)}, from 0: {', '.join(classes.names[:8])}"
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return rows.add(corners, int(number), (SLACK, SLACK))


def read_coco(
    path: Path, wanted: Mapping[str, Path], sizes: Sizes, called: Classes | None = None
) -> tuple[Classes, dict[str, Boxes]]:
    """The classes and boxes of a COCO JSON: `images` with file_name, width and height, `categories`, `annotations` with bbox.

    wanted: as of `read_yolo`; a picture's name is that of `file_name`, without folders and suffix. A picture of `images`
    without annotations has no objects. sizes: of the pictures, which must be those of `images`. called: what the network calls
    categories; those that it does not name keep their names. Classes are the categories in the order of their ids.

    Raises:
        LabelError: all faults: no such structure, a picture that `images` has not, of another size, an unknown category or
            picture of an annotation, a box that lies outside. FileFault: no readable JSON.
    """
    content = read_json(path, MOST_JSON)
    lists = {
        name: content.get(name) if isinstance(content, dict) else None
        for name in ("images", "categories", "annotations")
    }
    missing = [
        name
        for name, value in lists.items()
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value)
    ]
    if missing:
        raise LabelError([f"{printable(path)}: is no COCO JSON: it has no list {', '.join(missing)}"])
    try:
        return _Coco(path, lists).read(wanted, sizes, called)
    except (KeyError, TypeError, AttributeError) as error:
        fault = f"{printable(path)}: an entry lacks, or has of another type, {error}; see COCO's data format"
        raise LabelError([fault]) from error


class _Coco:
    def __init__(self, path: Path, lists: Mapping[str, Any]) -> None:
        self.path, self.images, self.annotations = printable(path), lists["images"], lists["annotations"]
        ordered = sorted(lists["categories"], key=lambda each: each["id"])
        self.names = tuple(str(each["name"]) for each in ordered)
        self.places = {each["id"]: place for place, each in enumerate(ordered)}
        if len(self.places) < len(self.names) or len(set(self.names)) < len(self.names):
            raise LabelError([f"{self.path}: two categories share an id or a name"])

    def read(
        self, wanted: Mapping[str, Path], sizes: Sizes, called: Classes | None
    ) -> tuple[Classes, dict[str, Boxes]]:
        faults = []
        for name in called.names if called else ():
            if name not in self.names:
                faults.append(
                    f"--classes names {name!r}, which is no category of {self.path}: {', '.join(self.names[:12])}"
                )
        by_key: dict[str, Any] = {}
        for image in self.images:
            key = name_key(Path(image["file_name"]))
            if key in by_key and key in wanted:
                faults.append(f"{self.path}: images has two of the name {Path(image['file_name']).stem}")
            by_key[key] = image
        keys: dict[Any, str] = {}
        rows: dict[str, _Rows] = {}
        for key, picture in wanted.items():
            image = by_key.get(key)
            if image is None:
                faults.append(
                    f"{self.path}: images has no {picture.stem} for {printable(picture)}; add it, or take the picture out"
                )
                continue
            size = (image["width"], image["height"])
            if size != sizes[key]:
                faults.append(
                    f"{self.path}: {image['file_name']} is {size[0]} x {size[1]}, but {printable(picture)} is {sizes[key][0]} x "
                    f"{sizes[key][1]}; score pictures of the size that was labelled"
                )
            keys[image["id"]], rows[key] = key, _Rows()
        known = {image["id"] for image in self.images}
        for place, each in enumerate(self.annotations):
            if fault := self._annotation(each, keys, known, rows, sizes):
                faults.append(f"{self.path}: annotation {each.get('id', f'number {place + 1}')}: {fault}")
        refuse(faults)
        return Classes(self.names, called.called if called else {}), {key: found.boxes() for key, found in rows.items()}

    def _annotation(
        self, each: Any, keys: Mapping[Any, str], known: set[Any], rows: Mapping[str, _Rows], sizes: Sizes
    ) -> str:
        """Add an object of a picture that is wanted; or what is wrong with it."""
        if each["image_id"] not in known:
            return f"is of picture {each['image_id']}, which images has not"
        if each["category_id"] not in self.places:
            return f"category {each['category_id']} is unknown; categories has {', '.join(map(str, list(self.places)[:12]))}"
        key = keys.get(each["image_id"])
        if key is None:
            return ""
        try:
            left, top, width, height = (float(value) for value in each["bbox"])
        except ValueError:
            return f"bbox is {each['bbox']}, and should be x, y, width, height in pixels"
        across, down = sizes[key]
        corners = (left / across, top / down, (left + width) / across, (top + height) / down)
        slack = (max(SLACK, 1 / across), max(SLACK, 1 / down))
        return rows[key].add(corners, self.places[each["category_id"]], slack, bool(each.get("iscrowd", 0)))


@dataclass
class _Rows:
    """The objects of a picture so far."""

    corners: list[tuple[float, ...]] = field(default_factory=list)
    classes: list[int] = field(default_factory=list)
    crowd: list[bool] = field(default_factory=list)

    def add(
        self, corners: tuple[float, float, float, float], of: int, slack: tuple[float, float], crowd: bool = False
    ) -> str:
        """Add a box, cut off at the picture; or what is wrong with it. slack: across and down, of the sides."""
        if not all(map(math.isfinite, corners)):
            return "a number is not finite"
        left, top, right, bottom = corners
        if right <= left or bottom <= top:
            return f"the box has no area: {right - left:.4g} wide and {bottom - top:.4g} high, of the picture's sides"
        out = max((-left, right - 1)) > slack[0] or max((-top, bottom - 1)) > slack[1]
        if out:
            return (
                f"the box lies outside the picture: from {left:.4g}, {top:.4g} to {right:.4g}, {bottom:.4g}, of the picture's "
                "sides; is it of this picture, and in the right units?"
            )
        self.corners.append(tuple(min(max(value, 0.0), 1.0) for value in corners))
        self.classes.append(of)
        self.crowd.append(crowd)
        return ""

    def boxes(self) -> Boxes:
        return Boxes(
            np.asarray(self.corners, np.float64).reshape(-1, 4),
            np.asarray(self.classes, np.int64),
            np.asarray(self.crowd, bool),
        )
