"""The parquet tables that pass between stages: one pyarrow schema each, checked on write and on read.

Rows are sorted by the table's key and written with fixed settings, so that the same rows give the same bytes. Paths of files are
relative to the folder of their table on disk, and to the working folder in what `read` returns.
"""

from __future__ import annotations

import os
from collections import namedtuple
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pictures import AbsentFile, FileFault, atomic_path, check_regular, mended, shortened
from tasks import kinds
from tasks.stage.table_cells import ROWS, TableError, arrays_of, columns_of, repeated
from tasks.stage.table_checks import fault_of

MAX_BYTES = 1 << 30


@dataclass(frozen=True)
class Table:
    """A schema, the columns that order and identify its rows, and one sentence on what a row is.

    later: columns that files of before do not have, and rows need not: empty there.
    """

    schema: pa.Schema
    key: tuple[str, ...]
    row: str
    later: tuple[str, ...] = ()

    @property
    def paths(self) -> list[str]:
        """The columns that name files."""
        return [field.name for field in self.schema if field.metadata is not None]


_PATH = {"holds": "path"}


def _schema(**columns: str) -> pa.Schema:
    """`name="type"`; a type that ends in '?' may be null; path: of a file, relative to the folder of the table."""
    types = {
        "str": pa.string(),
        "path": pa.string(),
        "int": pa.int32(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "strs": pa.list_(pa.string()),
        "floats": pa.list_(pa.float64()),
        "ints": pa.list_(pa.int32()),
    }
    return pa.schema(
        [
            pa.field(name, types[kind.rstrip("?")], kind.endswith("?"), _PATH if kind.startswith("path") else None)
            for name, kind in columns.items()
        ]
    )


TABLES: dict[str, Table] = {
    "enhanced": Table(
        _schema(image="str", split="str", model="str", path="path", sha256="str"),
        ("image", "model"),
        "one image enhanced by one model",
    ),
    "pairs": Table(
        _schema(
            round="str",
            key="str",
            image="str",
            rank="int",
            gap="float",
            first_model="str",
            first="path",
            first_sha256="str",
            second_model="str",
            second="path",
            second_sha256="str",
        ),
        ("round", "rank"),
        "two versions of one image, chosen for labelling; rank 0 has the largest gap",
    ),
    "labels": Table(
        _schema(
            round="str",
            key="str",
            image="str",
            observer="str",
            kind="str",
            choice="str",
            undecidable="bool",
            left="str?",
            again="str?",
        ),
        ("round", "key", "observer"),
        "one observer's answer on one pair: first, second, tie or unsure (no vote), as the pairs table orders them; "
        "`undecidable` marks the pairs of which too many observers can't tell, which nothing learns from; left: which was on the "
        "left, if known; again: the answer when the pair came again, sides swapped, if it did",
        later=("left", "again"),
    ),
    "verdicts": Table(
        _schema(round="str", key="str", preferred="str", weight="float"),
        ("round", "key"),
        "what the votes on a pair say: first or second; weight: from 0, a coin, to 1, how much it counts for who learns from it",
    ),
    "regions": Table(
        _schema(image="str", region="int", height="int", width="int", area="int", counts="ints"),
        ("image", "region"),
        "a region of an image: run lengths down the columns, as COCO has them uncompressed; every pixel belongs to one region",
    ),
    "items": Table(
        _schema(
            round="str",
            image="str",
            model="str",
            path="path",
            sha256="str",
            rank="int",
            first="bool",
            spread="float?",
            criteria="strs",
            truth="floats",
            disks="floats",
        ),
        ("round", "rank"),
        "a picture to be rated: what a model made of an image, perhaps corrupted (`model+corruption`); `first` marks those that "
        "experts rate before a language model does; spread: of the judge's score from the mean of its image; truth: known "
        "scores of the criteria, disks: x, y and radius of what was injected; both may be empty",
    ),
    "ratings": Table(
        _schema(
            round="str",
            image="str",
            model="str",
            item="str",
            path="path",
            observer="str",
            kind="str",
            reviews="str",
            verdict="str",
            criteria="strs",
            scores="floats",
            circles="floats",
            weight="float",
        ),
        ("round", "item", "observer", "reviews"),
        "one observer's scores (1 to 5, by criterion; none where a review gives none) and circles (x, y, radius) of a picture; "
        "`verdict` is '' for a rating, what a review said of the rating of the observer `reviews`; weight 0: it does not count",
    ),
    "opinions": Table(
        _schema(
            round="str", image="str", item="str", criteria="strs", scores="floats", given="floats", circles="floats"
        ),
        ("round", "item"),
        "what a judge says of a picture that it did not learn from (1 to 5, by criterion), beside the mean that raters gave it "
        "and all their circles (x, y, radius)",
    ),
    "scores": Table(
        _schema(image="str", model="str", metric="str", value="float?", variant="str", library="str"),
        ("model", "metric", "image"),
        "one metric of one image enhanced by one model; null where the metric is undefined",
    ),
    "votes": Table(
        _schema(
            image="str",
            photograph="str",
            first_model="str",
            second_model="str",
            observer="str",
            kind="str",
            choice="str",
        ),
        ("image", "first_model", "second_model", "observer"),
        "one observer's vote on two models' outputs of one validation image",
    ),
    "fronts": Table(
        _schema(
            image="str",
            split="str",
            individual="int",
            brightness="float",
            contrast="float",
            gamma="float",
            entropy="float",
            distance="float",
            objectives="strs",
            values="floats",
            rank="int",
            crowding="float",
            chosen="int",
        ),
        ("image", "individual"),
        "one individual of a photo's last population; entropy and distance are the paper's two objectives, values those of "
        "the search in the order of `objectives`; rank 0 is the front, crowding infinite at its ends, chosen 1 for one a photo",
    ),
    "amortised": Table(
        _schema(
            image="str",
            brightness="float",
            contrast="float",
            gamma="float",
            entropy="float",
            distance="float",
            searched_entropy="float",
            searched_distance="float",
        ),
        ("image",),
        "what the predictor of genes chose for one held-out photo, and both objectives beside those of the search's choice",
    ),
    "natural": Table(
        _schema(id="str", photograph="str", path="path", sha256="str"),
        ("id",),
        "a well-lit picture that the search's constraint draws fused ones towards; never beside a scene of its `photograph`",
    ),
    "search": Table(
        _schema(epoch="int", step="int", kind="str", node="str", name="str", value="float"),
        ("epoch", "kind", "node", "name"),
        "the search after an epoch: alpha (weight of operation `name` at `node`, 0 where pruned), beta (weight of loss "
        "`name`), or mean (of `name` over the epoch's steps)",
    ),
    "judgements": Table(
        _schema(judge="str", image="str", model="str", value="float"),
        ("judge", "image", "model"),
        "one judge's score of one output, turned so that lower is better",
    ),
}


def scenes_table(kind: kinds.Kind) -> Table:
    """The table of a kind's dataset: a row a scene, with the files of its sources."""
    sources = {name: shape for path, sha256 in kind.sources for name, shape in ((path, "path"), (sha256, "str"))}
    schema = _schema(
        id="str", photograph="str", split="str", **sources, reference="path?", reference_sha256="str?", width="int",
        height="int", original="str",
    )  # fmt: skip
    row = "a scene of the dataset; `photograph` groups crops of one photo, `split` is train or validation"
    return Table(schema, ("id",), row)


def every() -> dict[str, Table]:
    """All tables by name: those of the stages, and the datasets' of all kinds."""
    return {**TABLES, **{kind.table: scenes_table(kind) for kind in kinds.every()}}


def table(name: str) -> Table:
    """The table called `name`; `TableError` for an unknown one."""
    if name in TABLES:
        return TABLES[name]
    found = every()
    if name not in found:
        raise TableError(f"unknown table {name!r}; known are {', '.join(sorted(found))}")
    return found[name]


def write(name: str, rows: Iterable[Mapping[str, Any]] | pd.DataFrame, path: Path | str) -> None:
    """Write rows to `path` as the table `name`, sorted by its key, whole or not at all.

    Raises `TableError` when a column is missing, unknown, of another type, null where it may not be, or a key repeats.
    """
    spec = table(name)
    where = f"table {name!r} written to {path}"
    try:
        parts = [arrays_of(part, spec.schema, where) for part in columns_of(rows, spec.schema.names, spec.later, where)]
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise TableError(f"{where}: {error}") from error
    data = pa.concat_tables(parts) if parts else spec.schema.empty_table()
    del parts
    _refuse_nulls(data, name, path)
    # One piece, however many it was made of: parquet's pages depend on them.
    data = data.sort_by([(column, "ascending") for column in spec.key]).combine_chunks()
    if (place := repeated(data, spec.key)) is not None:
        raise TableError(f"{where}: two rows with {data.select(spec.key).slice(place, 1).to_pylist()[0]}")
    if fault := fault_of(data.to_pandas(), spec.key, spec.paths):
        raise TableError(f"{where}: {fault}")
    with atomic_path(Path(path)) as temporary:
        pq.write_table(data, temporary, compression="zstd", version="2.6", store_schema=False)


def read(name: str, path: Path | str) -> pd.DataFrame:
    """Read the table `name` from `path`. Raises `TableError` naming the file when it is absent, broken or another
    table, and row and column of a cell that says what it cannot (see `tasks.stage.table_checks`).
    """
    spec = table(name)
    try:
        check_regular(path, MAX_BYTES)
        data = pq.read_table(path, partitioning=None)  # a folder called a=b is no column
    except AbsentFile:
        raise TableError(f"{path} is missing; `dvc repro` makes it") from None
    except FileFault as error:
        raise TableError(f"{error}; {mended(path)}") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TableError(f"{path} is not a readable parquet file ({shortened(error, 200)}); {mended(path)}") from error
    for column in spec.later:
        if column not in data.schema.names:
            data = data.append_column(spec.schema.field(column), pa.nulls(len(data), spec.schema.field(column).type))
    found = {field.name: field.type for field in data.schema}
    wanted = {field.name: field.type for field in spec.schema}
    if found != wanted:
        odd = sorted(name for name in set(found) | set(wanted) if found.get(name) != wanted.get(name))
        raise TableError(f"{path} is not a {name!r} table: columns {odd} differ; {mended(path)}")
    _refuse_nulls(data, name, path)
    frame = data.select(spec.schema.names).to_pandas()
    if fault := fault_of(frame, spec.key, spec.paths):
        raise TableError(f"table {name!r} at {path}: {fault}; {mended(path)}")
    for column in spec.paths:
        frame[column] = _placed(frame[column], Path(path).parent)
    return frame


def read_split(name: str, path: Path | str, split: str) -> pd.DataFrame:
    """The rows of one split of a table. Raises `TableError`, also where there is none: a stage would make nothing of it."""
    frame = read(name, path)
    part = frame[frame.split == split]
    if part.empty:
        raise TableError(f"table {name!r} at {path} has no row of split {split!r}; {mended(path)}")
    return part


def relative(path: str | Path, folder: Path) -> str:
    """A file as a table that will lie in `folder` names it."""
    return Path(os.path.relpath(path, folder)).as_posix()


def rows(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a table, with their cells as attributes: `itertuples`, of columns of text several times as fast."""
    row = namedtuple("row", frame.columns, rename=True)  # type: ignore[misc]
    for start in range(0, len(frame), ROWS):
        part = frame.iloc[start : start + ROWS]
        yield from map(row._make, zip(*(part[name].tolist() for name in part.columns), strict=True))


def _placed(cells: pd.Series, folder: Path) -> pd.Series:
    """Paths from a folder, as the table has them, from the working folder."""
    before = os.path.normpath(folder)
    found = cells if before == os.curdir else f"{before}/" + cells
    up = cells.str.startswith("../").fillna(False).astype(bool)
    if up.any():
        found = found.where(~up, [os.path.normpath(folder / cell) if isinstance(cell, str) else cell for cell in cells])
    return found


def _refuse_nulls(data: pa.Table, name: str, path: Path | str) -> None:
    for field in table(name).schema:
        if not field.nullable and data.column(field.name).null_count:
            raise TableError(f"table {name!r} at {path}: column {field.name!r} has empty cells")
