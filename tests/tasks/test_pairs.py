from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from params_helpers import changed, faults

from labelling.store import pair_key
from pictures import read_uint8, sha256_bytes, sha256_file, write_png
from tasks.config import View, validate
from tasks.rounds import questions, versions
from tasks.rounds.questions import NothingToCompare
from tasks.stage import tables
from tasks.stage.places import Places

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
    return of_rounds({"k": 48, "strategy": "gap"})


def of_rounds(pairs: dict[str, Any]) -> View:
    return View(validate(changed(low_light__pairs=pairs)), questions.PARAMS, "low_light")


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


VARIED = {"k": 2, "strategy": "gap", "vary": {"tone": 0.5, "parts": 2}}


def of_grey(round_name: str, values: list[int]) -> None:
    rows = []
    for number, value in enumerate(values):
        path = AT.outputs(round_name) / f"image{number}.png"
        write_png(path, np.full((24, 32, 3), value, np.uint8))
        row = {"image": f"image{number}", "split": "train", "model": "f1", "path": path.name}
        rows.append(row | {"sha256": sha256_file(path)})
    tables.write("enhanced", rows, AT.outputs(round_name) / "enhanced.parquet")


def test_two_versions_of_what_the_model_makes_are_asked_about(params: View, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outputs before are not needed; black has no versions; of three pairs two are asked about; no other picture stays."""
    monkeypatch.setattr(
        questions, "member_costs_of", lambda judge, paths, to: [[read_uint8(path).mean()] for path in paths]
    )
    of_grey("r01", [128, 0, 60, 20])
    found = {}
    for again in range(2):
        questions.run(of_rounds(VARIED), "r01", "pictures")
        found[again] = tables.read("pairs", AT.questions("r01") / "pairs.parquet")
    assert found[0].equals(found[1])
    assert set(found[0].image) == {"image0", "image2"}
    assert (set(found[0].first_model), set(found[0].second_model)) == ({"f1 darker"}, {"f1 brighter"})
    assert {Path(path) for side in ("first", "second") for path in found[0][side]} == set(
        (AT.questions("r01") / "versions").iterdir()
    )
    for row in tables.rows(found[0]):
        darker, brighter = (read_uint8(path).astype(int) for path in (row.first, row.second))
        assert darker.mean() < brighter.mean()
        assert darker.std() > 0, "the field is not the same all over"
        assert (row.first_sha256, row.second_sha256) == (sha256_file(row.first), sha256_file(row.second))


def test_another_round_has_other_versions(params: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "member_costs_of", lambda judge, paths, to: [[0.0] for _ in paths])
    keys = []
    for name in ("r01", "r02"):
        of_grey(name, [128])
        questions.run(of_rounds(VARIED), name, "pictures")
        keys += list(tables.read("pairs", AT.questions(name) / "pairs.parquet").key)
    assert len(set(keys)) == 2


def test_pictures_without_versions_say_so(params: View) -> None:
    of_grey("r01", [0, 255])
    with pytest.raises(NothingToCompare, match=r"black or white all over, or low_light\.pairs\.vary\.tone too small"):
        questions.run(of_rounds(VARIED), "r01", "pictures")


def test_of_many_pictures_some_are_drawn(params: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "member_costs_of", lambda judge, paths, to: [[0.0] for _ in paths])
    monkeypatch.setattr(versions, "LEAST", 1)
    monkeypatch.setattr(versions, "POOL", 1)
    of_grey("r01", [40, 60, 80, 100, 120])
    of_grey("r02", [40, 60, 80, 100, 120])
    found = []
    for name in ("r01", "r01", "r02"):
        questions.run(of_rounds(VARIED), name, "pictures")
        found.append(set(tables.read("pairs", AT.questions(name) / "pairs.parquet").image))
    assert found[0] == found[1]
    assert len(found[0]) == len(found[2]) == 2
    assert found[0] != found[2], "another round draws others"


def test_versions_are_of_pairs() -> None:
    values = changed(thermal__pairs={"k": 4, "strategy": "gap", "vary": {"tone": 0.5}})
    assert "thermal: pairs.vary is of pairs, and labels.asks is ratings: set pairs.vary to null" in faults(values)
    values = changed(low_light__pairs={"k": 4, "strategy": "gap", "vary": {"tone": 0.0, "parts": 40}})
    assert "low_light.pairs.vary.tone: Input should be greater than 0" in faults(values)
    assert "low_light.pairs.vary.parts: Input should be less than or equal to 16" in faults(values)


def test_options_of_preferred_are_told_with_their_path() -> None:
    """Before anything is imported, with the type: half a round, or half a part, would fail after the first vote."""
    options = {"newest_votes": 1.5, "tone": 5.0, "parts": 100, "part": 2}
    said = faults(changed(low_light__align__options=options))
    for line in (
        "newest_votes: Input should be a valid integer",
        "tone: Input should be less than or equal to 2",
        "parts: Input should be less than or equal to 16",
        "part: unknown key",
    ):
        assert f"low_light.align.options.{line}" in said
