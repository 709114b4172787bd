"""What the report says of agreement, of kinds of observers, and of pictures that got worse."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from report_artifacts import AT, make, params

from pictures import write_json
from tasks.pages.concluded import agreement, by_kind, in_words, worst
from tasks.rounds import report
from tasks.stage import tables


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make()
    return tmp_path


def votes(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image", "first_model", "second_model", "choice"])


def test_the_worst_come_first_whichever_way_round_they_were_asked() -> None:
    given = votes(
        ("a", "f0", "f2", "second"), ("b", "f0", "f2", "first"), ("b", "f2", "f0", "second"), ("c", "f0", "f2", "tie"),
        ("c", "f1", "f2", "first"), ("d", "f0", "f2", "unsure"),
    )  # fmt: skip
    found = [(row["image"], row["share"], row["votes"]) for row in worst(given, "f0", "f2")]
    assert found == [("b", 0.0, 2), ("c", 0.5, 1), ("a", 1.0, 1)]


def test_agreement_counts_what_was_asked_twice() -> None:
    given = votes(*[("a", "f0", "f1", "first")] * 2, *[("b", "f0", "f1", "second")] * 2, ("c", "f0", "f1", "first"))
    found = agreement(given, ("image", "first_model", "second_model"))
    assert found is not None and (found["alpha"], found["equal"], found["units"]) == (pytest.approx(1.0), 1.0, 2)
    assert agreement(given[given.image == "c"], ("image",)) is None
    split = agreement(votes(*[("a", "f0", "f1", c) for c in ("first", "second")] * 1), ("image",))
    assert split is not None and split["equal"] == 0.0
    assert "two tastes" in in_words(-0.3) and "one mind" in in_words(0.9)


def test_each_kind_alone_only_where_there_are_several() -> None:
    rows = [("r01", "a", "people", "second"), ("r01", "b", "people", "first"), ("r01", "a", "llm", "second")]
    labels = pd.DataFrame(rows, columns=["round", "image", "kind", "choice"])
    rounds = [{"name": "r01", "older": "f0", "newer": "f1"}]
    assert [(row["kind"], row["rate"], row["votes"]) for row in by_kind(labels, rounds)] == [
        ("llm", 1.0, 1),
        ("people", 0.5, 2),
    ]
    assert by_kind(labels[labels.kind == "people"], rounds) == []


def test_the_page_shows_what_got_worse(here: Path) -> None:
    assert "On none of 3 validation images are most votes against f3; on 0 they balance" in " ".join(
        report.page(params()).split()
    )
    given = tables.read("votes", AT.evaluate / "votes.parquet")
    given.loc[given.image == "porch", "choice"] = "first"
    tables.write("votes", given, AT.evaluate / "votes.parquet")
    write_json(
        AT.judge("r02") / "dataset" / "observers.json", {"observers": [], "tastes": "two tastes: secret against other"}
    )
    text = " ".join(report.page(params()).split())
    assert "Two tastes." in text and "judges/r02/dataset/observers.json" in text and "secret against" not in text
    assert "On 1 of 3 validation images most votes are against f3" in text
    assert "porch · f3 preferred to f0 in 0 % of 3 votes" in text
