from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from labelling.store import pair_key
from pictures import sha256_file, write_png
from tasks.datasets.subjects import Subject
from tasks.rounds.judge import gather, verdicts
from tasks.stage import tables
from tasks.stage.places import Places
from tasks.stage.tables import TableError
from tasks.training import votes as voted
from tasks.training.preferred import by_majority, decided
from tasks.training.votes import batches_of, preferred

AT = Places("low_light")


def pair(number: int, round_name: str = "r01") -> dict[str, Any]:
    return {
        "round": round_name,
        "key": f"key{number}",
        "image": f"image{number}",
        "rank": number,
        "gap": 0.5,
        "first_model": "f0",
        "first": f"first{number}.png",
        "first_sha256": f"firsthash{number}",
        "second_model": "f1",
        "second": f"second{number}.png",
        "second_sha256": f"secondhash{number}",
    }


def votes(number: int, *choices: str, round_name: str = "r01") -> list[dict[str, Any]]:
    return [
        {
            "round": round_name,
            "key": f"key{number}",
            "image": f"image{number}",
            "observer": f"observer{place}",
            "kind": "people",
            "choice": choice,
            "undecidable": False,
        }
        for place, choice in enumerate(choices)
    ]


def test_an_undecidable_pair_teaches_nothing() -> None:
    labels = pd.DataFrame([*votes(0, "first", "unsure", "unsure"), *votes(1, "first", "unsure")])
    labels["undecidable"] = labels.key == "key0"
    assert list(decided(pd.DataFrame([pair(0), pair(1)]), by_majority(labels)).key) == ["key1"]


def test_the_majority_decides_which_is_better() -> None:
    labels = pd.DataFrame([*votes(0, "first", "first", "second"), *votes(1, "second", "unsure", "second")])
    found = decided(pd.DataFrame([pair(0), pair(1)]), by_majority(labels))
    columns = ["better", "worse", "better_sha256", "worse_sha256"]
    assert found[columns].to_numpy().tolist() == [
        ["first0.png", "second0.png", "firsthash0", "secondhash0"],
        ["second1.png", "first1.png", "secondhash1", "firsthash1"],
    ]


def test_balanced_and_unlabelled_pairs_are_left_out() -> None:
    labels = pd.DataFrame([*votes(0, "first", "second"), *votes(1, "tie", "unsure"), *votes(2, "tie", "first")])
    found = decided(pd.DataFrame([pair(number) for number in range(4)]), by_majority(labels))
    assert list(found.key) == ["key2"]
    assert list(found.better) == ["first2.png"]


def test_nothing_decided_is_an_empty_table() -> None:
    assert decided(pd.DataFrame([pair(0)]), by_majority(pd.DataFrame(votes(0, "tie")))).empty


def test_the_same_pair_in_two_rounds_has_two_verdicts() -> None:
    pairs = pd.DataFrame([pair(0, "r01"), pair(0, "r02")])
    labels = pd.DataFrame([*votes(0, "first", round_name="r01"), *votes(0, "second", round_name="r02")])
    found = decided(pairs, by_majority(labels)).set_index("round").better
    assert found.to_dict() == {"r01": "first0.png", "r02": "second0.png"}


def offer(round_name: str, number: int, choice: str) -> None:
    """Pairs, labels and pictures of a round, as the stages before leave them."""
    row = {**pair(0, round_name)}
    random = np.random.default_rng(number)
    for side in ("first", "second"):
        path = AT.outputs(round_name) / f"{side}.png"
        write_png(path, random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        row |= {side: tables.relative(path, AT.questions(round_name)), f"{side}_sha256": sha256_file(path)}
    row["key"] = pair_key(row["first_sha256"], row["second_sha256"])
    label = {**votes(0, choice, round_name=round_name)[0], "key": row["key"]}
    tables.write("pairs", [row], AT.questions(round_name) / "pairs.parquet")
    tables.write("labels", [label], AT.labels(round_name) / "labels.parquet")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    tables.write("pairs", [], AT.judge("r00") / "dataset" / "pairs.parquet")
    tables.write("labels", [], AT.judge("r00") / "dataset" / "labels.parquet")
    return tmp_path


def test_the_dataset_grows_by_each_round(project: Path) -> None:
    offer("r01", 1, "first")
    offer("r02", 2, "second")
    assert len(gather(AT, "r01")["pairs"]) == 1
    parts = gather(AT, "r02")
    found = decided(parts["pairs"], by_majority(parts["labels"]))
    assert list(found["round"]) == ["r01", "r02"]
    assert found.better_sha256.tolist() == [found.first_sha256[0], found.second_sha256[1]]
    for side in ("better", "worse"):  # every picture lies in the dataset of the newest round
        for path, sha256 in zip(found[side], found[f"{side}_sha256"], strict=True):
            assert path.startswith("data/low_light/judges/r02/dataset/pictures/")
            assert sha256_file(path) == sha256
    assert len(list((AT.judge("r02") / "dataset" / "pictures").iterdir())) == 4


def test_the_dataset_is_the_same_bytes_again(project: Path) -> None:
    offer("r01", 1, "first")
    folder = AT.judge("r01") / "dataset"
    contents = []
    for _ in range(2):
        gather(AT, "r01")
        contents.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 4


def test_a_picture_that_changed_since_it_was_labelled_is_named(project: Path) -> None:
    offer("r01", 1, "first")
    write_png(AT.outputs("r01") / "second.png", np.zeros((6, 6, 3), np.uint8))
    with pytest.raises(TableError, match=r"second\.png is not the picture that was labelled"):
        gather(AT, "r01")
    assert not (AT.judge("r01") / "dataset").exists()


def a_view(batch: int = 3, crop: int = 4) -> Any:
    return SimpleNamespace(kind="low_light", seed=1, align=SimpleNamespace(batch=batch, crop=crop))


def test_an_aligner_gets_the_pictures_that_were_preferred_with_their_sources(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer("r01", 1, "first")
    gather(AT, "r01")
    dataset = AT.judge("r01") / "dataset"
    assert preferred(dataset, {"another"}) == [], "only of the images that it may see"
    (one,) = preferred(dataset, {"image0"})
    better, worse = (AT.outputs("r01") / f"{side}.png" for side in ("first", "second"))
    assert (one.better[1], one.worse[1]) == (sha256_file(better), sha256_file(worse))
    source = Subject("image0", "photograph", "train", (str(better),), (sha256_file(better),), None)
    monkeypatch.setattr(voted, "subjects_of", lambda kind: [source])
    batches = batches_of([one], a_view())
    assert batches is not None
    (shown,), liked, other = batches(0)
    assert shown.shape == liked.shape == other.shape == (3, 3, 4, 4)
    assert torch.equal(shown, liked), "the same crops of all"
    assert not torch.equal(liked, other)
    assert torch.equal(liked, batches(0)[1]) and not torch.equal(liked, batches(1)[1])


@pytest.mark.parametrize(("consensus", "observers", "better"), [
    ("majority", None, []), ("majority", ["observer1"], ["second"]), ("reliability", ["observer0"], ["first"]),
])  # fmt: skip
def test_verdicts_lie_in_the_dataset_and_count(
    project: Path, consensus: str, observers: list[str] | None, better: list[str]
) -> None:
    offer("r01", 1, "first")
    both = tables.read("labels", AT.labels("r01") / "labels.parquet").to_dict("records")
    tables.write(
        "labels", [*both, {**both[0], "observer": "observer1", "choice": "second"}], AT.labels("r01") / "labels.parquet"
    )
    parts, folder = gather(AT, "r01"), AT.judge("r01") / "dataset"
    view: Any = SimpleNamespace(labels=SimpleNamespace(consensus=consensus, observers=observers))
    known = decided(parts["pairs"], verdicts(parts["labels"], view, folder))
    assert [Path(path).name for path in known.better] == [f"{known[f'{side}_sha256'][0]}.png" for side in better]
    # Whoever reads the dataset learns the same.
    assert [one.better for one in preferred(folder, {"image0"})] == list(
        zip(known.better, known.better_sha256, strict=True)
    )
    told = json.loads((folder / "observers.json").read_text())
    assert [row["observer"] for row in told["observers"]] == ["observer0", "observer1"]
    assert told["tastes"] is None


def test_before_anything_is_preferred_there_are_no_votes(project: Path) -> None:
    assert preferred(AT.judge("r00") / "dataset", {"image0"}) == []
    assert batches_of([], a_view()) is None


def test_ratings_rank_the_pictures_of_an_image(project: Path) -> None:
    dataset = AT.judge("r00") / "dataset"
    rows = [
        {
            "round": "r01", "image": "image0", "path": f"pictures/{item}.png", "item": item, "model": "f0",
            "observer": "one", "kind": "people", "criteria": ["sharpness"], "scores": [score], "circles": [],
            "weight": 1.0, "reviews": "", "verdict": "",
        }
        for item, score in (("bad", 1), ("good", 5))
    ]  # fmt: skip
    names = set(tables.table("ratings").schema.names)
    tables.write(
        "ratings", [{key: row[key] for key in row if key in names} for row in rows], dataset / "ratings.parquet"
    )
    (one,) = preferred(dataset, {"image0"})
    assert (one.better, one.worse) == (
        (str(dataset / "pictures/good.png"), "good"),
        (str(dataset / "pictures/bad.png"), "bad"),
    )
