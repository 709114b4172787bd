"""CSV files as spreadsheets of any country save them: encoding, delimiter, broken lines; and as they are written."""

from __future__ import annotations

import os
import random
import tracemalloc
from pathlib import Path

import pytest

from labelling.exchange.csv_files import CsvError, column_name, open_table, write_rows

KNOWN = ("observer", "note", "seconds")


def read(path: Path, content: bytes) -> tuple[list[tuple[str, dict[str, str]]], list[tuple[str, str]], tuple[str, ...]]:
    """Rows, broken lines and notes of a file with this content."""
    path.write_bytes(content)
    broken: list[tuple[str, str]] = []
    table = open_table(path, KNOWN)
    return list(table.rows(lambda place, reason: broken.append((place, reason)))), broken, table.notes


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""), ("utf-8-sig", b""), ("utf-16", b""), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"),
        ("cp1252", b""),
    ],
)  # fmt: skip
def test_encodings_and_delimiters(tmp_path: Path, delimiter: str, encoding: str, mark: bytes) -> None:
    lines = [["Observer", " NOTE ", "Seconds"], ["Jörg", "schön", "1"], ["", "", ""], ["Zoë", "ok", "2"]]
    content = mark + "\r\n".join(delimiter.join(line) for line in lines).encode(encoding)
    rows, broken, notes = read(tmp_path / "a.csv", content)
    assert broken == []
    assert rows == [
        ("line 2", {"observer": "Jörg", "note": "schön", "seconds": "1"}),
        ("line 4", {"observer": "Zoë", "note": "ok", "seconds": "2"}),
    ]
    assert len(notes) == (encoding == "cp1252")


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;"])
def test_a_line_that_says_the_delimiter(tmp_path: Path, first: str) -> None:
    """The header alone would be split at the commas."""
    rows, broken, _ = read(tmp_path / "a.csv", f"{first}\r\nobserver;note,a,b,c;seconds\r\nann;x;1,5\r\n".encode())
    assert (rows, broken) == ([("line 3", {"observer": "ann", "note,a,b,c": "x", "seconds": "1,5"})], [])


def test_quotes_and_lines_within_them(tmp_path: Path) -> None:
    content = 'observer,note,seconds\nann,"one\ntwo, ""three""\n",1\nbob, "four",2\neve,5" wide,3\n'
    rows, broken, _ = read(tmp_path / "a.csv", content.encode())
    assert broken == []
    assert [(place, row["note"]) for place, row in rows] == [
        ("line 2", 'one\ntwo, "three"'),
        ("line 5", "four"),
        ("line 6", '5" wide'),
    ]


def test_broken_lines_are_named_and_take_no_other_with_them(tmp_path: Path) -> None:
    lines = [
        b"observer,note,seconds",
        b"ann,a,1",
        b'bob,"not closed,2',
        b"cy,c,3",
        b'dora,"x"y,4',
        b"eve,e,5,6",
        b"fay,f\xff\xfe,7",
        "gül,g,8".encode(),
        b"hal," + b"h" * 1_100_000 + b",9",
        b"ida,i",
        b"jo,j,10,,",
    ]
    rows, broken, notes = read(tmp_path / "a.csv", b"\n".join(lines))
    assert [(place, row["observer"]) for place, row in rows] == [
        ("line 2", "ann"), ("line 4", "cy"), ("line 8", "gül"), ("line 10", "ida"), ("line 11", "jo"),
    ]  # fmt: skip
    reasons = dict(broken)
    assert list(reasons) == ["line 3", "line 5", "line 6", "line 7", "line 9"]
    for place, words in zip(
        reasons, ("quote is opened", "broken", "4 cells, and the header 3", "no text", "million"), strict=True
    ):
        assert words in reasons[place]
    assert notes == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04workbook", "a workbook"),
        (b"observer,note\nann,a\x00\x00", "zero bytes"),
        (b"observer,note,Observer\nann,a,b", "two columns observer"),
    ],
)
def test_what_is_no_csv(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(CsvError, match=words):
        read(tmp_path / "a.csv", content)


def test_a_pipe_and_a_folder_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "absent"):
        with pytest.raises(CsvError, match=str(path)):
            open_table(path, KNOWN)


def test_names_of_columns() -> None:
    assert [column_name(cell) for cell in (" First SHA256 ", "first-sha256", "FIRST_SHA256")] == ["first_sha256"] * 3


def test_any_text_goes_out_and_comes_back(tmp_path: Path) -> None:
    dice = random.Random(3)
    letters = "=+-@'; \n\",a1ü\uff1d|\t"
    texts = ["".join(dice.choice(letters) for _ in range(dice.randrange(12))) for _ in range(500)]
    texts = [text for text in texts if text == text.strip() and text]
    path = tmp_path / "a.csv"
    write_rows([("observer", "note"), *((text, [text]) for text in texts)], path)
    rows = list(open_table(path, KNOWN).rows(lambda place, reason: pytest.fail(f"{place}: {reason}")))
    assert [row["observer"] for _, row in rows] == texts


def test_a_long_file_is_read_in_little_memory(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w") as file:
        file.write("observer,note,seconds\n")
        for number in range(40_000):
            file.write(f"ann{number},{'n' * 200},1\n")
    tracemalloc.start()
    count = sum(1 for _ in open_table(tmp_path / "a.csv", KNOWN).rows(lambda place, reason: None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 40_000
    assert peak < 1_000_000  # bytes; the file has 8.5 million
