"""Tables of votes as other tools and papers keep them, as comparisons: any column names, a million rows in seconds.

One row per vote (ours, pwcmp's, any), HiLLIE's ranking labels, or a count matrix. No pictures are needed, and nothing is
dropped silently: a line that says nothing usable is named with its reason.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from labelling.exchange.csv_files import CsvError, Table, open_table
from labelling.exchange.vote_columns import COLUMNS, VoteFileError, meanings, roles_of
from labelling.store import restore
from models.preference.comparisons import FIRST, SECOND, TIE, UNKNOWN, Comparisons
from pictures import FileFault, open_regular

NAMED = 20  # broken lines that are kept with their reason
NOBODY, NOWHERE = "unknown", "unknown"
_MOST_OF_MATRIX = 20_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class VoteFile:
    """What a file holds. notes: what was assumed and left out; broken: (place, reason) of the first lines that are no vote;
    refused: how many there are.
    """

    layout: str
    comparisons: Comparisons
    notes: tuple[str, ...]
    broken: tuple[tuple[str, str], ...] = ()
    refused: int = 0


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of N cells: the different ones, and which each is."""

    names: tuple[str, ...]
    codes: np.ndarray


@dataclass
class _Broken:
    kept: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def add(self, place: str, reason: str) -> None:
        self.count += 1
        if len(self.kept) < NAMED:
            self.kept.append((place, reason))


def read_votes(path: Path, columns: Mapping[str, str] | None = None, choices: Sequence[str] = ()) -> VoteFile:
    """columns: role (observer, scene, first, second, choice, left) -> its column; choices: see `vote_columns.meanings`.

    .parquet, else CSV. Raises VoteFileError: not readable, a column that is missing, no vote at all, or mostly no votes.
    """
    said = dict(columns or {})
    if path.suffix == ".parquet":
        names, read = _parquet(path)
        return _long(path, names, read, said, choices, (), _Broken(), None)
    try:
        table = open_table(path, COLUMNS)
        if not said and not choices and (matrix := _matrix(path, table)) is not None:
            return matrix
        if not said and {"label_first", "label_second"} <= set(table.columns):
            return _paper(path, table)
        fast = _fast(path, table)
        if fast is not None:
            found = _long(path, table.columns, fast, said, choices, table.notes, _Broken(), None)
            if not found.refused:
                return found
        # A line is broken somewhere: the careful way, which knows the number of every line.
        broken = _Broken()
        cells, places = _careful(table, broken)
        return _long(path, table.columns, cells, said, choices, table.notes, broken, places)
    except CsvError as error:
        raise VoteFileError(str(error)) from error


# Columns, fast and careful


Columns = Mapping[str, Coded]


class _Lazy(dict[str, Coded]):
    """Columns of an arrow table, made when they are asked for."""

    def __init__(self, table: object) -> None:
        super().__init__()
        self._table = table

    def __missing__(self, name: str) -> Coded:
        import pyarrow as pa

        column = self._table.column(name)  # type: ignore[attr-defined]
        if isinstance(column.type, pa.DictionaryType):
            column = column.cast(column.type.value_type)
        encoded = column.cast(pa.string()).fill_null("").combine_chunks().dictionary_encode()
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        self[name] = _cleaned(encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False))
        return self[name]


def _cleaned(words: Sequence[str], codes: np.ndarray) -> Coded:
    """Names in ascending order, without spaces around, as they were before `csv_files.write_rows`."""
    clean = [restore(word.strip()) for word in words]
    names = sorted(set(clean))
    place = {name: number for number, name in enumerate(names)}
    return Coded(tuple(names), np.array([place[word] for word in clean], dtype=np.int64)[codes])


def _parquet(path: Path) -> tuple[tuple[str, ...], Columns]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from labelling.exchange.csv_files import column_name

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise VoteFileError(f"{path} is no parquet file that can be read ({str(error).splitlines()[0]})") from error
    table = table.rename_columns([column_name(name) for name in table.column_names])
    return tuple(table.column_names), _Lazy(table)


def _fast(path: Path, table: Table) -> Columns | None:
    """All cells by arrow; None where a line is broken, or a quote could go over lines: that is for the careful way."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    if not table.encoding.startswith("utf-8") or len(set(table.columns)) < len(table.columns):
        return None
    with open_regular(path) as file:
        text = file.read()
    if b'"' in text and (b' "' in text or any(line.count(b'"') % 2 for line in text.split(b"\n"))):
        return None
    del text
    try:
        return _Lazy(
            arrow.read_csv(
                path,
                read_options=arrow.ReadOptions(
                    column_names=list(table.columns), skip_rows=table.first_line, use_threads=False
                ),
                parse_options=arrow.ParseOptions(delimiter=table.delimiter),
                convert_options=arrow.ConvertOptions(
                    column_types=dict.fromkeys(table.columns, pa.string()), strings_can_be_null=False
                ),
            )
        )
    except pa.ArrowInvalid:
        return None


def _careful(table: Table, broken: _Broken) -> tuple[Columns, np.ndarray]:
    """All cells line by line, and the number of each line."""
    known: dict[str, dict[str, int]] = {name: {} for name in table.columns}
    codes: dict[str, list[int]] = {name: [] for name in table.columns}
    places = []
    for place, cells in table.rows(broken.add):
        places.append(int(place.removeprefix("line ")))
        for name in table.columns:
            words = known[name]
            codes[name].append(words.setdefault(cells.get(name, ""), len(words)))
    columns = {name: _cleaned(list(known[name]), np.array(codes[name], dtype=np.int64)) for name in table.columns}
    return columns, np.array(places, dtype=np.int64)


# One row per vote


def _long(
    path: Path, names: Sequence[str], cells: Columns, said: Mapping[str, str], choices: Sequence[str],
    notes: Sequence[str], broken: _Broken, places: np.ndarray | None,
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
        raise VoteFileError(f"{path} holds no votes{why}")
    if broken.count > max(10, int(good.sum())):
        raise VoteFileError(
            f"{path}: {broken.count} lines are no votes, more than the {int(good.sum())} that are; the first: "
            f"{broken.kept[0][0]}: {broken.kept[0][1]} (name the columns, or the words by --choices)"
        )
    observer = _coded(cells, columns, "observer", rows, NOBODY)
    scene = _coded(cells, columns, "scene", rows, NOWHERE)
    grouped, item_names = _by_folder(items, notes)
    one, two = grouped[one], grouped[two]
    if (same := good & (one == two)).any():  # two files of one folder
        grouped, item_names = np.arange(len(items)), items
        notes.pop()
        one, two = (np.array([place[name] for name in side.names])[side.codes] for side in (first, second))
    del same
    used = np.flatnonzero(good)
    comparisons = Comparisons(
        items=tuple(item_names), observers=observer.names, scenes=scene.names, first=one[used], second=two[used],
        choice=answer[used].astype(np.int64), observer=observer.codes[used], scene=scene.codes[used],
        left=_left(cells, columns, place, one, two, rows)[used],
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


def _by_folder(items: Sequence[str], notes: list[str]) -> tuple[np.ndarray, Sequence[str]]:
    """Files of several folders, some names in each of them: outputs of methods, compared by folder."""
    split = [item.rpartition("/") for item in items if item]
    folders, files = {one[0] for one in split}, {one[2] for one in split}
    if not (all(one[0] for one in split) and 2 <= len(folders) < len(split) and len(files) < len(split)):
        return np.arange(len(items)), items
    names = sorted(folders)
    notes.append(f"what is compared are files of {len(names)} folders: each folder is taken as one method")
    place = {name: number for number, name in enumerate(names)}
    return np.array([place.get(item.rpartition("/")[0], 0) for item in items]), names


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


# Other layouts


def _paper(path: Path, table: Table) -> VoteFile:
    """HiLLIE's ranking labels (Sec. 3.2.1): 0 for the better of a pair and 1 for the other; a majority each, no observers."""
    broken = _Broken()
    rows = []
    for place, cells in table.rows(broken.add):
        labels = cells.get("label_first", ""), cells.get("label_second", "")
        first, second = cells.get("first", ""), cells.get("second", "")
        if labels not in (("0", "1"), ("1", "0")):
            broken.add(place, f"the labels are {labels[0]!r:.20} and {labels[1]!r:.20}, not 0 and 1")
        elif not first or not second or first == second:
            broken.add(place, "a pair is of two different pictures")
        else:
            rows.append((first, second, FIRST if labels[0] == "0" else SECOND, cells.get("image") or NOWHERE))
    if not rows:
        raise VoteFileError(f"{path} holds no ranking labels that can be read")
    items, scenes = sorted({name for row in rows for name in row[:2]}), sorted({row[3] for row in rows})
    notes = ["ranking labels: each pair counts once, by its majority; who voted is not known"]
    grouped, names = _by_folder(items, notes)
    place_of, scene_of = {name: k for k, name in enumerate(items)}, {name: k for k, name in enumerate(scenes)}
    first, second = (np.array([place_of[row[k]] for row in rows]) for k in (0, 1))
    if (grouped[first] == grouped[second]).any():
        grouped, names = np.arange(len(items)), items
        notes.pop()
    comparisons = Comparisons(
        items=tuple(names), observers=("majority",), scenes=tuple(scenes), first=grouped[first], second=grouped[second],
        choice=np.array([row[2] for row in rows]), observer=np.zeros(len(rows), dtype=np.int64),
        scene=np.array([scene_of[row[3]] for row in rows]),
    )  # fmt: skip
    return VoteFile(
        layout="ranking labels", comparisons=comparisons, notes=(*table.notes, *notes), broken=tuple(broken.kept),
        refused=broken.count,
    )  # fmt: skip


def _matrix(path: Path, table: Table) -> VoteFile | None:
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
