from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.stage import table_cells, tables
from tasks.stage.tables import TableError, every

TABLES = every()

CLOSED: dict[str, tuple[Any, Any]] = {
    "split": ("train", "validation"), "choice": ("first", "unsure"), "again": ("tie", "second"),
    "left": ("first", "second"), "preferred": ("second", "first"), "weight": (0.5, 1.0), "chosen": (0, 1),
}  # fmt: skip


def example(column: pa.Field, number: int) -> Any:
    if column.name.endswith("sha256"):
        return f"{number:064x}"
    if column.name in CLOSED:
        return CLOSED[column.name][number % 2]
    if column.name in ("width", "height"):
        return number + 1
    if column.type == pa.string():
        return f"{column.name}-{number:03d}"
    if pa.types.is_list(column.type):
        return [example(pa.field(column.name, column.type.value_type), number + place) for place in range(2)]
    if column.type == pa.bool_():
        return number % 2 == 1
    return number if column.type == pa.int32() else number / 3


def rows(name: str, count: int = 5) -> list[dict[str, Any]]:
    return [{column.name: example(column, number) for column in TABLES[name].schema} for number in range(count)]


def beside(name: str, entries: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Rows as they are read from a table that lies in `folder`: their paths begin with it."""
    return [row | {column: str(folder / row[column]) for column in TABLES[name].paths} for row in entries]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_what_is_written_is_read(name: str, tmp_path: Path) -> None:
    tables.write(name, rows(name), tmp_path / "t.parquet")
    found = tables.read(name, tmp_path / "t.parquet").to_dict("records")
    plain = [
        {key: value.tolist() if hasattr(value, "tolist") else value for key, value in row.items()} for row in found
    ]
    assert plain == beside(name, rows(name), tmp_path)


def test_which_columns_hold_paths() -> None:
    assert {name: found.paths for name, found in TABLES.items() if found.paths} == {
        "enhanced": ["path"],
        "pairs": ["first", "second"],
        "natural": ["path"],
        "items": ["path"],
        "ratings": ["path"],
        "images": ["path", "reference"],
        "exposures": ["under", "over", "reference"],
        "infrared_visible": ["infrared", "visible", "reference"],
    }


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("a.png", "data/kind/outputs/r01/a.png"),
        ("deep/er/a.png", "data/kind/outputs/r01/deep/er/a.png"),
        ("../a.png", "data/kind/outputs/a.png"),
        ("../../pictures/a.png", "data/kind/pictures/a.png"),
    ],
)
def test_a_path_is_of_the_folder_of_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str, expected: str
) -> None:
    """On disk; what is read can be opened from the working folder, and `relative` turns it back."""
    monkeypatch.chdir(tmp_path)
    path = Path("data/kind/outputs/r01/t.parquet")
    tables.write("enhanced", [rows("enhanced", 1)[0] | {"path": cell}], path)
    assert pq.read_table(path).column("path").to_pylist() == [cell]
    found = tables.read("enhanced", path).path[0]
    assert found == expected
    assert tables.relative(found, path.parent) == cell
    assert tables.read("enhanced", tmp_path / path).path[0] == str(tmp_path / expected)


def test_a_table_that_moves_takes_its_paths_along(tmp_path: Path) -> None:
    tables.write("pairs", rows("pairs", 1), tmp_path / "one" / "t.parquet")
    (tmp_path / "one").rename(tmp_path / "two")
    assert tables.read("pairs", tmp_path / "two" / "t.parquet")["first"].tolist() == [str(tmp_path / "two/first-000")]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_rows_in_another_order_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    contents = []
    for variant in (rows(name), rows(name)[::-1], pd.DataFrame(rows(name)[2:] + rows(name)[:2])):
        tables.write(name, variant, tmp_path / "t.parquet")
        contents.append((tmp_path / "t.parquet").read_bytes())
    # Columns in another order, and what was read written again.
    tables.write(name, [dict(reversed(row.items())) for row in rows(name)], tmp_path / "t.parquet")
    contents.append((tmp_path / "t.parquet").read_bytes())
    found = tables.read(name, tmp_path / "t.parquet")
    for column in TABLES[name].paths:
        found[column] = [tables.relative(path, tmp_path) for path in found[column]]
    tables.write(name, found, tmp_path / "t.parquet")
    contents.append((tmp_path / "t.parquet").read_bytes())
    assert len(set(contents)) == 1


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_without_rows(name: str, tmp_path: Path) -> None:
    tables.write(name, [], tmp_path / "t.parquet")
    found = tables.read(name, tmp_path / "t.parquet")
    assert found.empty
    assert list(found.columns) == TABLES[name].schema.names


def test_rows_are_sorted_by_the_key(tmp_path: Path) -> None:
    entries = [
        {"judge": judge, "image": image, "model": model, "value": 1.0}
        for judge, image, model in [("g1", "a", "f0"), ("g0", "b", "f0"), ("g0", "a", "f1"), ("g0", "a", "f0")]
    ]
    tables.write("judgements", entries, tmp_path / "t.parquet")
    found = tables.read("judgements", tmp_path / "t.parquet")
    assert found[["judge", "image", "model"]].to_numpy().tolist() == [
        ["g0", "a", "f0"], ["g0", "a", "f1"], ["g0", "b", "f0"], ["g1", "a", "f0"],
    ]  # fmt: skip


@pytest.mark.parametrize("empty", [None, float("nan")])
def test_cells_that_may_be_empty(tmp_path: Path, empty: float | None) -> None:
    """None and NaN are the same cell, in text and in numbers, from rows and from a data frame."""
    images = rows("images", 2)
    images[0] |= {"reference": empty, "reference_sha256": empty}
    scores = rows("scores", 2)
    scores[0]["value"] = empty
    for name, entries in (("images", images), ("scores", scores)):
        contents = []
        for variant in (entries, pd.DataFrame(entries)):
            tables.write(name, variant, tmp_path / "t.parquet")
            contents.append((tmp_path / "t.parquet").read_bytes())
            column = "reference" if name == "images" else "value"
            assert pq.read_table(tmp_path / "t.parquet").column(column).null_count == 1
            assert tables.read(name, tmp_path / "t.parquet")[column].isna().tolist() == [True, False]
        assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("column", "name"), [("path", "images"), ("id", "images"), ("value", "judgements"), ("rank", "pairs")]
)
@pytest.mark.parametrize("empty", [None, float("nan")])
def test_cells_that_must_not_be_empty(tmp_path: Path, name: str, column: str, empty: float | None) -> None:
    entries = rows(name)
    entries[1][column] = empty
    with pytest.raises(TableError, match=rf"{name}.*{column!r} has empty cells"):
        tables.write(name, entries, tmp_path / "t.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_repeated_key_is_shown(tmp_path: Path) -> None:
    entries = rows("enhanced")
    entries[3] |= {"image": entries[1]["image"], "model": entries[1]["model"]}
    with pytest.raises(TableError, match=r"two rows with \{'image': 'image-001', 'model': 'model-001'\}"):
        tables.write("enhanced", entries, tmp_path / "t.parquet")


def test_missing_and_unknown_columns_are_named(tmp_path: Path) -> None:
    entries = [{**row, "colour": "red"} for row in rows("enhanced")]
    del entries[0]["sha256"]
    with pytest.raises(TableError, match=r"\['colour', 'sha256'\] are missing or unknown"):
        tables.write("enhanced", entries, tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("column", "value"), [("rank", "high"), ("rank", 1.5), ("rank", 2**40), ("gap", "x"), ("key", 3)]
)
def test_cells_of_another_type_are_refused(tmp_path: Path, column: str, value: object) -> None:
    entries = rows("pairs")
    entries[0][column] = value
    with pytest.raises(TableError, match="'pairs' written to"):
        tables.write("pairs", entries, tmp_path / "t.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_table_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"absent\.parquet is missing; `dvc repro` makes it"):
        tables.read("pairs", tmp_path / "absent.parquet")


@pytest.mark.parametrize("kept", [0, 10, -20])
def test_a_damaged_file_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "t.parquet"
    tables.write("pairs", rows("pairs"), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(
        TableError, match=r"t\.parquet is not a readable parquet file .*; `loupe repair .*t\.parquet` removes it"
    ):
        tables.read("pairs", path)


def test_another_table_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write("enhanced", rows("enhanced"), path)
    with pytest.raises(TableError, match=r"is not a 'judgements' table: columns \['judge', 'path'"):
        tables.read("judgements", path)


def test_empty_cells_on_disk_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    entries = rows("judgements")
    entries[0]["value"] = None
    pq.write_table(
        pa.Table.from_pylist(entries, pa.schema([f.with_nullable(True) for f in TABLES["judgements"].schema])), path
    )
    with pytest.raises(TableError, match="'value' has empty cells"):
        tables.read("judgements", path)


def test_a_folder_name_is_no_column(tmp_path: Path) -> None:
    """Parquet readers take a folder called `lr=3` for a column."""
    path = tmp_path / "lr=3" / "t.parquet"
    tables.write("enhanced", rows("enhanced"), path)
    assert len(tables.read("enhanced", path)) == 5


def test_an_unknown_table_is_named() -> None:
    with pytest.raises(TableError, match="'pictures'; known are amortised, enhanced, exposures, fronts, images"):
        tables.table("pictures")


def test_rows_give_their_cells_as_attributes() -> None:
    frame = pd.DataFrame(rows("enhanced", 2))
    assert [(row.image, row.model) for row in tables.rows(frame)] == [
        ("image-000", "model-000"), ("image-001", "model-001"),
    ]  # fmt: skip


def written(name: str, entries: list[dict[str, Any]], path: Path) -> None:
    """As a hand, or a damaged tool, would write it: nothing is checked."""
    pq.write_table(pa.Table.from_pylist(entries, schema=TABLES[name].schema), path)


@pytest.mark.parametrize(
    ("name", "column", "value", "told"),
    [
        ("images", "id", "../../outside", "'id'.*name for a file"),
        ("images", "id", "a/b", "'id'.*name for a file"),
        ("images", "id", "..", "'id'.*name for a file"),
        ("images", "id", "", "'id'.*name for a file"),
        ("images", "id", "a\x00b", "'id'.*name for a file"),
        ("exposures", "id", "a\\b", "'id'.*name for a file"),
        ("enhanced", "model", "../f1", "'model'.*name for a file"),
        ("images", "split", "nonsense", "'split'.*train or validation"),
        ("images", "path", "/etc/passwd", "'path'.*path from the folder of the table"),
        ("images", "path", "data/../../x.png", "'path'.*path from the folder of the table"),
        ("images", "path", "../../../x.png", "'path'.*path from the folder of the table"),
        ("images", "path", "a/../../x.png", "'path'.*path from the folder of the table"),
        ("images", "path", "../..", "'path'.*path from the folder of the table"),
        ("images", "path", "../", "'path'.*path from the folder of the table"),
        ("images", "path", "./x.png", "'path'.*path from the folder of the table"),
        ("images", "path", "a//x.png", "'path'.*path from the folder of the table"),
        ("images", "path", "", "'path'.*path from the folder of the table"),
        ("exposures", "over", "a\\b.png", "'over'.*path from the folder of the table"),
        ("pairs", "second", "../x\n.png", "'second'.*path from the folder of the table"),
        ("natural", "path", "C:/../x.png", "'path'.*path from the folder of the table"),
        ("images", "reference", "..", "'reference'.*path from the folder of the table"),
        ("pairs", "first_sha256", "ABC", "'first_sha256'.*64 hexadecimal"),
        ("images", "width", 0, "'width'.*from 1"),
        ("labels", "choice", "third", "'choice'.*one of first"),
        ("labels", "left", "tie", "'left'.*first or second"),
        ("labels", "again", "third", "'again'.*one of first"),
        ("verdicts", "preferred", "tie", "'preferred'.*first or second"),
        ("verdicts", "weight", 1.5, "'weight'.*from 0 to 1"),
        ("pairs", "gap", float("inf"), "'gap'.*finite"),
        ("fronts", "chosen", 7, "'chosen'.*0 or 1"),
    ],
)
def test_what_a_table_cannot_say_is_named_by_table_row_and_column(
    tmp_path: Path, name: str, column: str, value: object, told: str
) -> None:
    entries = rows(name)
    entries[3][column] = value
    written(name, entries, tmp_path / "t.parquet")
    with pytest.raises(TableError, match=rf"table '{name}' at .*t\.parquet: row 3, column {told}"):
        tables.read(name, tmp_path / "t.parquet")
    with pytest.raises(TableError, match=rf"column {told}"):
        tables.write(name, entries, tmp_path / "other.parquet")
    assert not (tmp_path / "other.parquet").exists()


def test_a_repeated_key_on_disk_is_refused(tmp_path: Path) -> None:
    entries = rows("images")
    entries[4]["id"] = entries[1]["id"]
    written("images", entries, tmp_path / "t.parquet")
    with pytest.raises(TableError, match=r"row 4 repeats the key \{'id': 'id-001'\}"):
        tables.read("images", tmp_path / "t.parquet")


def test_a_split_without_rows_is_an_error(tmp_path: Path) -> None:
    entries = [row | {"split": "train"} for row in rows("images")]
    tables.write("images", entries, tmp_path / "t.parquet")
    assert len(tables.read_split("images", tmp_path / "t.parquet", "train")) == 5
    with pytest.raises(TableError, match="no row of split 'validation'"):
        tables.read_split("images", tmp_path / "t.parquet", "validation")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "folder", "endless", "sparse"])
def test_what_is_no_regular_file_is_no_table(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t.parquet"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    else:
        path.touch()
        os.truncate(path, 30 * 10**9)
    with pytest.raises(TableError, match=r"t\.parquet"):
        tables.read("images", path)


@pytest.mark.timeout(60)
def test_a_million_rows_are_checked_in_seconds(tmp_path: Path) -> None:
    count = 1_000_000
    frame = pd.DataFrame({"image": [f"p{n:07d}" for n in range(count)]}).assign(judge="g0", model="f0", value=0.5)[
        ["judge", "image", "model", "value"]
    ]
    pq.write_table(pa.Table.from_pandas(frame, schema=TABLES["judgements"].schema), tmp_path / "t.parquet")
    begun = time.monotonic()
    assert len(tables.read("judgements", tmp_path / "t.parquet")) == count
    assert time.monotonic() - begun < 20


def test_a_table_written_in_pieces_has_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From rows and from a data frame, with columns that are missing and cells that are empty in some pieces alone."""
    entries = rows("labels", 7)
    entries[5] |= {"left": None, "again": float("nan")}
    del entries[6]["again"]
    tables.write("labels", entries, tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    monkeypatch.setattr(table_cells, "ROWS", 2)
    for variant in (entries, iter(entries), pd.DataFrame(entries)):
        tables.write("labels", variant, tmp_path / "t.parquet")
        assert (tmp_path / "t.parquet").read_bytes() == whole
    for odd, said in (({"more": 1}, "'more'"), ({"key": entries[0]["key"]}, "two rows")):
        with pytest.raises(TableError, match=said):
            tables.write("labels", [*entries, entries[0] | {"key": "last"} | odd], tmp_path / "t.parquet")
    with pytest.raises(TableError, match=r"rank is 0\.5, not a whole number"):
        tables.write("pairs", [*rows("pairs", 4), rows("pairs", 5)[4] | {"rank": 0.5}], tmp_path / "t.parquet")


def test_a_number_that_is_none_within_a_list_stays_one(tmp_path: Path) -> None:
    entry = rows("opinions", 1)[0] | {"scores": [1.0, float("nan")]}
    tables.write("opinions", [entry], tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").column("scores")[0].values.null_count == 0
