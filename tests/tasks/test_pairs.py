from __future__ import annotations

from pathlib import Path

import pytest

from labelling.store import pair_key
from pictures import sha256_bytes
from tasks.config import View, load_whole
from tasks.rounds import questions
from tasks.rounds.questions import NothingToCompare
from tasks.stage import tables
from tasks.stage.places import Places

ROOT = Path(__file__).resolve().parents[2]
AT = Places("low_light")
# Score of each picture by the stubbed judge; lower is better.
SCORES = {"a": 1.0, "b": 5.0, "c": 2.0, "d": 2.5, "same": 9.0}


def sha(name: str) -> str:
    return sha256_bytes(name.encode())


def enhanced(round_name: str, pictures: list[str]) -> None:
    rows = [
        {"image": f"image{n}", "split": "train", "model": f"f{int(round_name[1:])}", "path": name, "sha256": sha(name)}
        for n, name in enumerate(pictures)
    ]
    tables.write("enhanced", rows, AT.outputs(round_name) / "enhanced.parquet")


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> View:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(questions, "load_judge", lambda *_: None)
    monkeypatch.setattr(questions, "device", lambda _: "cpu")
    monkeypatch.setattr(questions, "versions", lambda judge, kind, images, paths, hashes: paths)
    monkeypatch.setattr(
        questions, "member_costs_of", lambda judge, paths, to: [[SCORES[Path(path).name]] for path in paths]
    )
    return View(load_whole(ROOT / "presets" / "demo.yaml"), questions.PARAMS, "low_light")


def test_pairs_are_of_one_image_by_falling_gap(params: View) -> None:
    enhanced("r00", ["a", "c", "same"])
    enhanced("r01", ["d", "b", "same"])
    questions.run(params, "r01", "pictures")
    found = tables.read("pairs", AT.questions("r01") / "pairs.parquet")
    # image1: 2 - 5 = -3, image0: 1 - 2.5 = -1.5; both versions of image2 are the same picture.
    assert found[["rank", "image", "gap", "first", "second"]].to_numpy().tolist() == [
        [0, "image1", -3.0, str(AT.outputs("r00") / "c"), str(AT.outputs("r01") / "b")],
        [1, "image0", -1.5, str(AT.outputs("r00") / "a"), str(AT.outputs("r01") / "d")],
    ]
    assert list(found.key) == [pair_key(sha("c"), sha("b")), pair_key(sha("a"), sha("d"))]
    assert set(found.first_model) == {"f0"}
    assert set(found.second_model) == {"f1"}


def test_a_photo_that_is_there_twice_makes_one_pair(params: View) -> None:
    """The label store refuses a pair that comes twice."""
    enhanced("r00", ["a", "a", "c"])
    enhanced("r01", ["b", "b", "d"])
    questions.run(params, "r01", "pictures")
    assert list(tables.read("pairs", AT.questions("r01") / "pairs.parquet").image) == ["image0", "image2"]


def test_rounds_without_a_difference_say_so(params: View) -> None:
    enhanced("r00", ["a", "b"])
    enhanced("r01", ["a", "b"])
    with pytest.raises(NothingToCompare, match="made the same pictures"):
        questions.run(params, "r01", "pictures")
