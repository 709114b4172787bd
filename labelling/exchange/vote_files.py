"""Tables of votes as other tools and papers keep them, as comparisons: any column names, a million rows in seconds.

One row per vote (ours, pwcmp's, any), HiLLIE's ranking labels, or a count matrix. No pictures are needed, and nothing is
dropped silently: a line that says nothing usable is named with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from labelling.exchange.csv_files import CsvError, open_table
from labelling.exchange.vote_cells import (
    NAMED,
    NOBODY,
    NOWHERE,
    Broken,
    Coded,
    Columns,
    VoteFile,
    careful_cells,
    fast_cells,
    parquet_cells,
)
from labelling.exchange.vote_columns import COLUMNS, VoteFileError, meanings, roles_of
from labelling.exchange.vote_layouts import by_folder, count_matrix, ranking_labels
from models.preference.comparisons import FIRST, SECOND, TIE, UNKNOWN, Comparisons


class _NoVotes(VoteFileError):
    """Hardly a line is a vote."""


def read_votes(path: Path, columns: Mapping[str, str] | None = None, choices: Sequence[str] = ()) -> VoteFile:
    """columns: role (observer, scene, first, second, choice, left) -> its column; choices: see `vote_columns.meanings`.

    .parquet, else CSV. Raises VoteFileError: not readable, a column that is missing, no vote at all, or mostly no votes.
    """
    said = dict(columns or {})
    if path.suffix == ".parquet":
        names, read = parquet_cells(path)
        return _long(path, names, read, said, choices, (), Broken(), None)
    try:
        table = open_table(path, COLUMNS)
        if not said and not choices and (matrix := count_matrix(path, table)) is not None:
            return matrix
        if not said and {"label_first", "label_second"} <= set(table.columns):
            return ranking_labels(path, table)
        fast = fast_cells(path, table)
        if fast is not None:
            with suppress(_NoVotes):
                found = _long(path, table.columns, fast, said, choices, table.notes, Broken(), None)
                if not found.refused:
                    return found
        # A line is broken somewhere: the careful way, which knows the number of every line.
        broken = Broken()
        cells, places = careful_cells(table, broken)
        return _long(path, table.columns, cells, said, choices, table.notes, broken, places)
    except CsvError as error:
        raise VoteFileError(str(error)) from error


# One row per vote


def _long(
    path: Path, names: Sequence[str], cells: Columns, said: Mapping[str, str], choices: Sequence[str],
    notes: Sequence[str], broken: Broken, places: np.ndarray | None,
) -> VoteFile:  # fmt: skip
    roles = roles_of(str(path), names, said)
    columns, notes = roles.columns, [*notes, *roles.notes]
    first, second, choice = (cells[columns[role]] for role in ("first", "second", "choice"))
    rows = len(first.codes)
    items = sorted(set(first.names) | set(second.names))
    place = {item: number for number, item in enumerate(items)}
    one, two = (np.array([place[name] for name in side.names], dtype=np.int64)[side.codes] if rows else side.codes
                for side in (first, second))  # fmt: skip
    answer, more = _answers(path, cells, columns, choice, place, one, two, choices)
    notes += more
    counted = np.ones(rows, dtype=bool)
    if "purpose" in columns:
        purpose = cells[columns["purpose"]]
        vote = np.array([name.casefold() in ("", "vote") for name in purpose.names], dtype=bool)
        counted = vote[purpose.codes] if rows else counted
        if not counted.all():
            notes.append(f"{int((~counted).sum())} repeats and practice answers are left out, which never count")
    unsure = counted & (answer == _UNSURE)
    if unsure.any():
        notes.append(f'{int(unsure.sum())} answers are "can\'t tell" and no votes')
    empty = np.array([not item for item in items], dtype=bool)
    good = counted & ~unsure
    faults = (
        ("a cell of what is compared is empty", empty[one] | empty[two] if rows else counted),
        ("an item is compared with itself", one == two),
        ("the choice is not understood", answer == _NONE),
    )
    for reason, wrong in faults:
        for row in np.flatnonzero(good & wrong)[: NAMED if places is not None else None].tolist():
            word = f": {choice.names[choice.codes[row]]!r:.60}" if "choice" in reason else ""
            broken.add(f"line {places[row]}" if places is not None else f"row {row + 1}", reason + word)
        broken.count += max(0, int((good & wrong).sum()) - NAMED) if places is not None else 0
        good &= ~wrong
    if not good.any():
        why = f"; the first line that is none: {broken.kept[0][0]}: {broken.kept[0][1]}" if broken.kept else ""
        raise _NoVotes(f"{path} holds no votes{why}")
    if broken.count > max(10, int(good.sum())):
        raise _NoVotes(
            f"{path}: {broken.count} lines are no votes, more than the {int(good.sum())} that are; the first: "
            f"{broken.kept[0][0]}: {broken.kept[0][1]} (name the columns, or the words by --choices)"
        )
    observer = _coded(cells, columns, "observer", rows, NOBODY)
    scene = _coded(cells, columns, "scene", rows, NOWHERE)
    left = _left(cells, columns, place, one, two, rows)
    grouped, item_names = by_folder(items, notes)
    if (good & (grouped[one] == grouped[two])).any():  # two files of one folder
        grouped, item_names = np.arange(len(items)), items
        notes.pop()
    one, two = grouped[one], grouped[two]
    used = np.flatnonzero(good)
    comparisons = Comparisons(
        items=tuple(item_names), observers=observer.names, scenes=scene.names, first=one[used], second=two[used],
        choice=answer[used].astype(np.int64), observer=observer.codes[used], scene=scene.codes[used],
        left=left[used],
    )  # fmt: skip
    broken.kept.sort(key=lambda each: int(each[0].split()[1]))
    return VoteFile(
        layout="one row per vote", comparisons=_trimmed(comparisons), notes=tuple(notes), broken=tuple(broken.kept),
        refused=broken.count,
    )  # fmt: skip


_UNSURE, _NONE, _LEFT, _RIGHT = 3, 4, 5, 6
_CODES = {"first": FIRST, "second": SECOND, "tie": TIE, "unsure": _UNSURE, "left": _LEFT, "right": _RIGHT}


def _answers(
    path: Path, cells: Columns, columns: Mapping[str, str], choice: Coded, place: Mapping[str, int],
    one: np.ndarray, two: np.ndarray, choices: Sequence[str],
) -> tuple[np.ndarray, list[str]]:  # fmt: skip
    """(N,) FIRST, SECOND, TIE, _UNSURE or _NONE, and notes. A winner's name counts where most of the cells are one."""
    if not len(choice.codes):
        return choice.codes, []
    item = np.array([place.get(name, -1) for name in choice.names])[choice.codes]
    named = np.where(item == one, FIRST, np.where(item == two, SECOND, _NONE))
    by_name = not choices and (named != _NONE).mean() >= 0.5
    words = [word for word in choice.names if not (by_name and word in place)]
    found, notes = meanings(str(path), words, columns["choice"], choices)
    if choices:
        found = {word: found[word.casefold()] for word in words if word.casefold() in found}
    # A column's own name as the word for it, as in model_a, model_b, winner.
    found |= {word: role for role in ("first", "second") for word in words if word.casefold() == columns[role]}
    said = np.array([_CODES.get(found.get(word, ""), _NONE) for word in choice.names])[choice.codes]
    sided = (said == _LEFT) | (said == _RIGHT)
    if sided.any():
        left = _left(cells, columns, place, one, two, len(one))
        if (left[sided] == UNKNOWN).any():
            notes = (*notes, "the first one is taken as shown left, where no column (--left) says it")
        side = np.where(left == SECOND, SECOND, FIRST)
        said = np.where(said == _LEFT, side, np.where(said == _RIGHT, 1 - side, said))
    if by_name:
        said = np.where(named != _NONE, named, said)
        notes = (*notes, f"{columns['choice']} names the winner")
    return said, list(notes)


def _left(
    cells: Columns, columns: Mapping[str, str], place: Mapping[str, int], one: np.ndarray, two: np.ndarray, rows: int
) -> np.ndarray:
    """(N,) FIRST, SECOND or UNKNOWN: which was shown left, by the column left, or by columns left and right themselves."""
    if "left" not in columns:
        known = columns["first"].startswith("left") and columns["second"].startswith("right")
        return np.full(rows, FIRST if known else UNKNOWN, dtype=np.int8)
    left = cells[columns["left"]]
    word = np.array([{"first": FIRST, "a": FIRST, "1": FIRST, "second": SECOND, "b": SECOND, "2": SECOND}.get(
        name.casefold(), UNKNOWN) for name in left.names], dtype=np.int8)[left.codes]  # fmt: skip
    item = np.array([place.get(name, -1) for name in left.names])[left.codes]
    return np.where(item == one, FIRST, np.where(item == two, SECOND, word)).astype(np.int8)


def _coded(cells: Columns, columns: Mapping[str, str], role: str, rows: int, otherwise: str) -> Coded:
    if role not in columns:
        return Coded((otherwise,), np.zeros(rows, dtype=np.int64))
    found = cells[columns[role]]
    return Coded(tuple(name or otherwise for name in found.names), found.codes)


def _trimmed(comparisons: Comparisons) -> Comparisons:
    """Without observers, scenes and items that have no vote (their lines were left out)."""
    kept = {}
    used = np.unique(np.concatenate([comparisons.first, comparisons.second]))
    new = np.zeros(len(comparisons.items), dtype=np.int64)
    new[used] = np.arange(len(used))
    kept = {"first": new[comparisons.first], "second": new[comparisons.second]}
    observers, observer = np.unique(comparisons.observer, return_inverse=True)
    scenes, scene = np.unique(comparisons.scene, return_inverse=True)
    return Comparisons(
        items=tuple(comparisons.items[i] for i in used), observers=tuple(comparisons.observers[i] for i in observers),
        scenes=tuple(comparisons.scenes[i] for i in scenes), choice=comparisons.choice, observer=observer.reshape(-1),
        scene=scene.reshape(-1), left=comparisons.left, **kept,
    )  # fmt: skip
