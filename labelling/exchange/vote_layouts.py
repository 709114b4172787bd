"""Tables that are not one row per vote: HiLLIE's ranking labels, count matrices; and methods whose pictures were compared."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from labelling.exchange.csv_files import CsvError, Table
from labelling.exchange.vote_cells import NOBODY, NOWHERE, Broken, VoteFile
from labelling.exchange.vote_columns import VoteFileError
from labelling.store import restore
from models.preference.comparisons import FIRST, TIE, Comparisons, comparisons_of
from pictures import FileFault, open_regular

_MOST_OF_MATRIX = 20_000_000  # votes


def by_folder(items: Sequence[str], notes: list[str]) -> tuple[np.ndarray, Sequence[str]]:
    """Files of several folders, some names in each of them: outputs of methods, compared by folder."""
    split = [item.rpartition("/") for item in items if item]
    folders, files = {one[0] for one in split}, {one[2] for one in split}
    if not (all(one[0] for one in split) and 2 <= len(folders) < len(split) and len(files) < len(split)):
        return np.arange(len(items)), items
    names = sorted(folders)
    notes.append(f"what is compared are files of {len(names)} folders: each folder is taken as one method")
    place = {name: number for number, name in enumerate(names)}
    return np.array([place.get(item.rpartition("/")[0], 0) for item in items]), names


def ranking_labels(path: Path, table: Table) -> VoteFile:
    """HiLLIE's ranking labels (Sec. 3.2.1): 0 for the better of a pair and 1 for the other; a majority each, no observers."""
    broken = Broken()
    rows = []
    for place, cells in table.rows(broken.add):
        labels = cells.get("label_first", ""), cells.get("label_second", "")
        first, second = cells.get("first", ""), cells.get("second", "")
        if labels not in (("0", "1"), ("1", "0")):
            broken.add(place, f"the labels are {labels[0]!r:.20} and {labels[1]!r:.20}, not 0 and 1")
        elif not first or not second or first == second:
            broken.add(place, "a pair is of two different pictures")
        else:
            rows.append((first, second, "first" if labels[0] == "0" else "second", cells.get("image") or NOWHERE))
    if not rows:
        raise VoteFileError(f"{path} holds no ranking labels that can be read")
    items = sorted({name for row in rows for name in row[:2]})
    found = comparisons_of(items, ((first, second, said, "majority", scene) for first, second, said, scene in rows))
    notes = ["ranking labels: each pair counts once, by its majority; who voted is not known"]
    grouped, names = by_folder(items, notes)
    if (grouped[found.first] == grouped[found.second]).any():  # two files of one folder
        grouped, names = np.arange(len(items)), items
        notes.pop()
    comparisons = Comparisons(
        items=tuple(names), observers=found.observers, scenes=found.scenes, first=grouped[found.first],
        second=grouped[found.second], choice=found.choice, observer=found.observer, scene=found.scene,
    )  # fmt: skip
    return VoteFile(
        layout="ranking labels", comparisons=comparisons, notes=(*table.notes, *notes), broken=tuple(broken.kept),
        refused=broken.count,
    )  # fmt: skip


def count_matrix(path: Path, table: Table) -> VoteFile | None:
    """A count matrix: a header of names, the same names down the first column; None where the file is none."""
    if len(table.columns) < 3:
        return None
    try:
        with open_regular(path) as file:
            head = file.read(1 << 22).decode(table.encoding, errors="replace")
    except FileFault as error:
        raise CsvError(str(error)) from error
    lines = head.splitlines()[table.first_line - 1 :]
    rows = [row for row in csv.reader(lines, delimiter=table.delimiter, skipinitialspace=True) if any(row)]
    names = [restore(cell.strip()) for cell in rows[0][1:]]
    if len(rows) != len(names) + 1 or sorted(restore(row[0].strip()) for row in rows[1:]) != sorted(names):
        return None
    counts = np.zeros((len(names), len(names)))
    for row in rows[1:]:
        i = names.index(restore(row[0].strip()))
        for j, cell in enumerate(row[1 : len(names) + 1]):
            try:
                counts[i, j] = float(cell.strip().replace(",", ".") or 0) if i != j else 0
            except ValueError as error:
                raise VoteFileError(f"{path}: {cell!r} of {names[i]} over {names[j]} is no count") from error
    return VoteFile(
        layout="a count matrix", comparisons=votes_of_counts(path, names, counts),
        notes=(*table.notes, "a count matrix: rows were preferred to columns; who voted about what is not known"),
    )  # fmt: skip


def votes_of_counts(path: Path, names: Sequence[str], counts: np.ndarray) -> Comparisons:
    """Votes of counts (M, M), [i, j] wins of i over j; a half on both sides is a tie. Raises VoteFileError."""
    if len(set(names)) < len(names) or not all(names):
        raise VoteFileError(f"{path}: every row of a count matrix has a name of its own")
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts * 2 % 1).any():
        raise VoteFileError(
            f"{path}: a count matrix holds whole numbers from 0, a tie as a half on both sides; not shares"
        )
    half = counts % 1 > 0
    if (half != half.T).any():
        i, j = np.argwhere(half != half.T)[0]
        raise VoteFileError(
            f"{path}: {names[i]} and {names[j]} have half a vote on one side alone; a tie is a half on both"
        )
    if counts.sum() > _MOST_OF_MATRIX:
        raise VoteFileError(
            f"{path}: {counts.sum():g} votes are more than a count matrix may hold ({_MOST_OF_MATRIX:g})"
        )
    if not counts.any():
        raise VoteFileError(f"{path} holds no votes: every count is 0")
    wins = np.floor(counts).astype(np.int64)
    first, second = (np.repeat(side, wins.ravel()) for side in (side.ravel() for side in np.indices(wins.shape)))
    ties = np.argwhere(np.triu(half))
    first, second = np.concatenate([first, ties[:, 0]]), np.concatenate([second, ties[:, 1]])
    choice = np.concatenate([np.full(int(wins.sum()), FIRST), np.full(len(ties), TIE)])
    zeros = np.zeros(len(first), dtype=np.int64)
    return Comparisons(
        items=tuple(names), observers=(NOBODY,), scenes=(NOWHERE,), first=first, second=second, choice=choice, observer=zeros,
        scene=zeros,
    )  # fmt: skip
