from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pictures import sha256_bytes, sha256_file, write_json


def test_json_has_fixed_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"b": 1, "a": [np.float32(0.5), np.arange(2), Path("c") / "d"], "ü": (True, None)})
    expected = '{\n  "a": [\n    0.5,\n    [\n      0,\n      1\n    ],\n    "c/d"\n  ],\n  "b": 1,\n'
    assert path.read_text(encoding="utf-8") == expected + '  "ü": [\n    true,\n    null\n  ]\n}\n'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("-inf"), np.array([np.nan])])
def test_json_has_no_nan(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "x.json", {"x": value})
    assert json.loads((tmp_path / "x.json").read_text())["x"] in (None, [None])


def test_what_json_cannot_express_is_refused_and_leaves_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, 1)
    with pytest.raises(TypeError, match="set"):
        write_json(path, {"x": {1, 2}})
    assert path.read_text() == "1\n"


def test_hashes(tmp_path: Path) -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_bytes(b"") == empty
    large = bytes(range(256)) * 8200  # more than one chunk
    (tmp_path / "x").write_bytes(large)
    assert sha256_file(tmp_path / "x") == sha256_bytes(large)
