from __future__ import annotations

from pathlib import Path

import pytest

from labelling.store import pair_key
from pictures import sha256_bytes
from tasks import pairs, tables
from tasks.config import View, load_whole
from tasks.pairs import NothingToCompare

ROOT = Path(__file__).resolve().parents[2]
# Score of each picture by the stubbed ranker; lower is better.
SCORES = {"a": 1.0, "b": 5.0, "c": 2.0, "d": 2.5, "same": 9.0}


def sha(name: str) -> str:
    return sha256_bytes(name.encode())


def enhanced(round_name: str, pictures: list[str]) -> None:
    rows = [
        {"image": f"image{n}", "split": "train", "model": f"f{int(round_name[1:])}", "path": name, "sha256": sha(name)}
        for n, name in enumerate(pictures)
    ]
    tables.write("enhanced", rows, f"data/enhance/{round_name}/enhanced.parquet")


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> View:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pairs, "load_ranker", lambda *_: None)
    monkeypatch.setattr(pairs, "device", lambda _: "cpu")
    monkeypatch.setattr(pairs, "ImageSet", lambda paths, hashes: paths)
    monkeypatch.setattr(pairs, "scores_of", lambda ranker, paths, to: [SCORES[path] for path in paths])
    return View(load_whole(ROOT / "presets" / "demo.yaml"), pairs.PARAMS)


def test_pairs_are_of_one_image_by_falling_gap(params: View) -> None:
    enhanced("r00", ["a", "c", "same"])
    enhanced("r01", ["d", "b", "same"])
    pairs.run(params, "r01", "r00")
    found = tables.read("pairs", "data/pairs/r01/pairs.parquet")
    # image1: 2 - 5 = -3, image0: 1 - 2.5 = -1.5; both versions of image2 are the same picture.
    assert found[["rank", "image", "gap", "first", "second"]].to_numpy().tolist() == [
        [0, "image1", -3.0, "c", "b"],
        [1, "image0", -1.5, "a", "d"],
    ]
    assert list(found.key) == [pair_key(sha("c"), sha("b")), pair_key(sha("a"), sha("d"))]
    assert set(found.first_model) == {"f0"}
    assert set(found.second_model) == {"f1"}


def test_a_photo_that_is_there_twice_makes_one_pair(params: View) -> None:
    """The label store refuses a pair that comes twice."""
    enhanced("r00", ["a", "a", "c"])
    enhanced("r01", ["b", "b", "d"])
    pairs.run(params, "r01", "r00")
    assert list(tables.read("pairs", "data/pairs/r01/pairs.parquet").image) == ["image0", "image2"]


def test_rounds_without_a_difference_say_so(params: View) -> None:
    enhanced("r00", ["a", "b"])
    enhanced("r01", ["a", "b"])
    with pytest.raises(NothingToCompare, match="made the same pictures"):
        pairs.run(params, "r01", "r00")
