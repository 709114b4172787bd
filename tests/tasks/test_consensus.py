"""What a judge learns of votes: by majority, by reliability, and of chosen observers alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.stage import tables
from tasks.training.consensus import CONSENSUS, UnknownObservers, comparisons, of_observers, told_of_observers
from tasks.training.preferred import by_majority


def label(key: str, observer: str, choice: str, **others: Any) -> dict[str, Any]:
    return {
        "round": "r01", "key": key, "image": "i", "observer": observer, "kind": "people", "choice": choice,
        "undecidable": False, "left": None, "again": None,
    } | others  # fmt: skip


def two_against_one(pairs: int = 40) -> pd.DataFrame:
    """alice and bob agree, carol says the contrary of them; of the last pair only alice and carol."""
    rows = []
    for place in range(pairs):
        said, contrary = ("first", "second") if place % 2 else ("second", "first")
        rows += [label(f"k{place:02d}", name, said) for name in ("alice", "bob")]
        rows.append(label(f"k{place:02d}", "carol", contrary))
    return pd.DataFrame(rows)


def test_who_is_always_contrary_counts_the_other_way_round() -> None:
    labels = pd.concat(
        [two_against_one(), pd.DataFrame([label("z", "alice", "first"), label("z", "carol", "second")])],
        ignore_index=True,
    )
    found = CONSENSUS["reliability"](labels).set_index("key")
    assert found.preferred["z"] == "first"
    assert "z" not in set(by_majority(labels).key)
    same = by_majority(labels).set_index("key").preferred
    assert (found.preferred[same.index] == same).all()
    assert ((found.weight > 0) & (found.weight <= 1)).all()


def test_majorities_have_weight_one() -> None:
    found = CONSENSUS["majority"](two_against_one(3))
    assert found.to_dict("records")[0] == {"round": "r01", "key": "k00", "preferred": "second", "weight": 1.0}


@pytest.mark.parametrize("consensus", sorted(CONSENSUS))
def test_nothing_comes_of_no_votes(consensus: str) -> None:
    columns = list(label("k", "o", "first"))
    for labels in (
        pd.DataFrame(columns=columns), pd.DataFrame([label("k", "a", "unsure")]), pd.DataFrame([label("k", "a", "tie")]),
        pd.DataFrame([label("k", "a", "first", undecidable=True)]),
    ):  # fmt: skip
        found = CONSENSUS[consensus](labels)
        assert found.empty
        assert list(found.columns) == ["round", "key", "preferred", "weight"]


def test_sides_and_repeats_are_answers_too() -> None:
    rows = [
        label("k", "a", "first", left="second", again="second"),
        label("k", "b", "second", left="first", again="unsure"),
        label("k", "c", "unsure", left="first", again="first"),
    ]
    found = comparisons(pd.DataFrame(rows))
    assert [found.observers[place] for place in found.observer] == ["a", "b", "a"]
    assert found.choice.tolist() == [0, 1, 1]
    assert found.left.tolist() == [1, 0, 0]  # the repeat swaps the sides
    assert comparisons(pd.DataFrame([label("k", "a", "first")])).left.tolist() == [-1]


def test_chosen_observers_alone() -> None:
    labels = two_against_one(4)
    assert of_observers(labels, None) is labels
    assert set(of_observers(labels, ["carol"]).observer) == {"carol"}
    with pytest.raises(UnknownObservers, match="names dave, who has not voted; who has: alice, bob, carol"):
        of_observers(labels, ["alice", "dave"])
    assert of_observers(labels[:0], ["dave"]).empty  # a round of ratings has no votes


def test_two_tastes_are_told_with_the_names() -> None:
    random = np.random.default_rng(0)
    rows = []
    for place in range(60):
        one, other = random.integers(0, 2, 2)
        for name, taste in (("alice", one), ("bob", one), ("erin", one), ("carol", other), ("dan", other)):
            rows.append(label(f"k{place:02d}", name, ("first", "second")[taste]))
    told = told_of_observers(pd.DataFrame(rows))
    assert told["tastes"].startswith("two tastes: alice, bob, erin against carol, dan;")
    assert [row["observer"] for row in told["observers"]] == ["alice", "bob", "carol", "dan", "erin"]
    assert told["observers"][0]["answers"] == 60
    assert told_of_observers(pd.DataFrame(columns=list(rows[0]))) == {"observers": [], "tastes": None}


def test_labels_of_before_are_read(tmp_path: Path) -> None:
    """Tables without `left` and `again`."""
    tables.write("labels", [label("k", "a", "first", left="first")], tmp_path / "labels.parquet")
    whole = pq.read_table(tmp_path / "labels.parquet")
    pq.write_table(whole.drop_columns(["left", "again"]), tmp_path / "before.parquet")
    found = tables.read("labels", tmp_path / "before.parquet")
    assert list(found.columns) == whole.schema.names
    assert found.left.isna().all()
    pq.write_table(whole.append_column("more", pa.nulls(1)), tmp_path / "other.parquet")
    with pytest.raises(tables.TableError, match="more"):
        tables.read("labels", tmp_path / "other.parquet")
