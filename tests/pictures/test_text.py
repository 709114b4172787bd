from __future__ import annotations

import os
from pathlib import Path

import pytest

from pictures import AbsentFile, FileFault, parse_json, read_json, read_text


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "folder", "endless", "sparse", "itself"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "summary.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "itself":
        path.symlink_to(path)
    else:
        path.touch()
        os.truncate(path, 30 * 10**9)
    for read in (read_text, read_json):
        with pytest.raises(FileFault, match=r"summary\.json: ") as refused:
            read(path)
        assert "\n" not in str(refused.value)


def test_an_absent_file_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("absent", "link"):
        with pytest.raises(AbsentFile, match=name):
            read_json(tmp_path / name)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "[" * 70 + "]" * 70, '{"a":' * 500 + "1" + "}" * 500, "9" * 400, "9" * 10_000, "1e400", "NaN",
             "-Infinity", "{", ""],
)  # fmt: skip
def test_hostile_json_is_one_short_message(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_json(text)
    assert len(str(refused.value)) < 200 and "\n" not in str(refused.value)


def test_what_loupe_writes_is_read() -> None:
    assert parse_json('{"a": [1, -2.5, null, true, "x"], "b": 9223372036854775807}') == {
        "a": [1, -2.5, None, True, "x"],
        "b": 2**63 - 1,
    }


def test_text_of_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.json").write_bytes(b'"\xe9"')
    with pytest.raises(FileFault, match=r"latin\.json: is not text in UTF-8 \(byte 1\)"):
        read_json(tmp_path / "latin.json")
