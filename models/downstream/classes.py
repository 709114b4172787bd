"""The classes of labels, and what a network calls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import yaml

from models.downstream.errors import DownstreamError, LabelError, refuse
from pictures import folded, printable, read_text

LEFT_OUT = "-"
_YAML = (".yaml", ".yml")


@dataclass(frozen=True)
class Classes:
    """names: of the labels' classes, by id. called: what the network calls a class, if otherwise; None: it is not scored."""

    names: tuple[str, ...]
    called: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def scored(self) -> list[int]:
        """The places of the classes that are scored."""
        return [place for place, name in enumerate(self.names) if self.called.get(name, name) is not None]


def read_classes(path: Path) -> Classes:
    """The classes of labels, in the order of their ids from 0.

    path: text, one name a line (YOLO's classes.txt, obj.names), or YAML with `names`, a list or ids with names (data.yaml).
    A name may be followed by what the network calls it, `People = person`, or by `= -`: that class is not scored.

    Raises:
        LabelError: an empty or doubled name, ids that are not 0, 1, 2, ..., no names at all. FileFault: no readable text.
    """
    text = read_text(path, encoding="utf-8-sig")
    lines = _of_yaml(path, text) if path.suffix.lower() in _YAML else text.rstrip().splitlines()
    names: list[str] = []
    called: dict[str, str | None] = {}
    faults = []
    for number, line in enumerate(lines, start=1):
        name, equals, other = (part.strip() for part in line.partition("="))
        if not name or (equals and not other):
            faults.append(
                f"{printable(path)}: line {number}: a name is missing; each line is NAME or NAME = THE NETWORK'S NAME"
            )
        elif name in names:
            faults.append(
                f"{printable(path)}: line {number}: {name!r} is there already, in line {names.index(name) + 1}"
            )
        names.append(name)
        if equals:
            called[name] = None if other == LEFT_OUT else other
    if not lines:
        faults.append(f"{printable(path)}: no class is named; write one name a line, in the order of the ids")
    refuse(faults)
    return Classes(tuple(names), called)


def _of_yaml(path: Path, text: str) -> list[str]:
    way = "it should have `names`, a list or a mapping of ids (0, 1, 2, ...) to names"
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise LabelError([f"{printable(path)}: is no YAML ({str(error).splitlines()[0]}); {way}"]) from error
    names = content.get("names") if isinstance(content, Mapping) else None
    if isinstance(names, Mapping):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise LabelError([f"{printable(path)}: the ids of `names` are {', '.join(map(str, names))}; {way}"])
        names = [names[place] for place in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise LabelError([f"{printable(path)}: has no list of names; {way}"])
    return names


def translation(classes: Classes, known: Sequence[str]) -> np.ndarray:
    """(M,) int64: for each class that a network knows its place in the labels' classes, -1 where the labels have none.

    Names are compared with case folded, and `_` as a space. Raises `DownstreamError`: a class that is scored is none that the
    network knows, or two are called the same.
    """
    places = {_plain(name): place for place, name in reversed(list(enumerate(known)))}
    found = np.full(len(known), -1, np.int64)
    unknown = []
    for place in classes.scored:
        name = classes.names[place]
        # A network of the user's own classes knows them by their own names.
        there = places.get(_plain(classes.called.get(name) or name), places.get(_plain(name)))
        if there is None:
            unknown.append(name)
        elif found[there] >= 0:
            raise DownstreamError(
                f"the classes {classes.names[found[there]]!r} and {name!r} would both be the network's {known[there]!r}: "
                "give the labels one class for them, or leave one out (NAME = - in --classes)"
            )
        else:
            found[there] = place
    if unknown:
        raise DownstreamError(_advice(unknown, known))
    return found


def _advice(unknown: Sequence[str], known: Sequence[str]) -> str:
    plain = {_plain(name): name for name in known}
    near = [plain[each] for name in unknown for each in get_close_matches(_plain(name), plain, 1)]
    shown = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
    example = f"{unknown[0]} = {near[0] if near else known[-1]}"
    return (
        f"the network does not know {', '.join(map(repr, unknown))}; it knows {shown}. In the file of --classes say what "
        f"it calls them, a line each ({example}), or that they are not to be scored ({unknown[0]} = {LEFT_OUT})"
    )


def _plain(name: str) -> str:
    return folded(name).replace("_", " ").strip()
