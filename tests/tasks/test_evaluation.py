from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from models.preference.votes import WinRate
from tasks.measuring import summaries

COLUMNS = ["image", "photograph", "first_model", "second_model", "observer", "choice"]


def votes(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


VOTES = votes(
    ("a", "A", "f0", "f1", "o1", "second"),
    ("a", "A", "f0", "f1", "o2", "second"),
    ("b", "B", "f1", "f0", "o1", "first"),  # the other way round: f1 wins as well
    ("b", "B", "f0", "f1", "o2", "first"),
    ("c", "C", "f0", "f1", "o1", "tie"),
    ("c", "C", "f0", "f1", "o2", "unsure"),
    ("c", "C", "f0", "f2", "o1", "first"),
)


def test_preference_by_hand() -> None:
    found = summaries.preference(VOTES, "f0", "f1", draws=500, seed=0)
    assert found is not None
    # Won 3, lost 1, tied 1 of the 5 votes that say something, on 3 photographs
    assert found.rate == pytest.approx(3.5 / 5)
    assert (found.votes, found.clusters) == (5, 3)
    assert 0.5 <= found.low <= found.rate <= found.high <= 1
    other = summaries.preference(VOTES, "f1", "f0", draws=500, seed=0)
    assert other is not None
    assert other.rate == pytest.approx(1 - found.rate)
    assert (other.low, other.high) == pytest.approx((1 - found.high, 1 - found.low))


def test_no_votes_no_preference() -> None:
    assert summaries.preference(VOTES, "f0", "f9", 100, 0) is None
    assert summaries.preference(VOTES[VOTES.choice == "unsure"], "f0", "f1", 100, 0) is None
    assert summaries.as_dict(None) is None


def test_verdicts_drop_what_is_balanced() -> None:
    found = summaries.verdicts(
        votes(
            ("a", "A", "f0", "f1", "o1", "second"),
            ("a", "A", "f0", "f1", "o2", "second"),
            ("a", "A", "f0", "f1", "o3", "first"),
            ("b", "B", "f0", "f1", "o1", "first"),
            ("b", "B", "f0", "f1", "o2", "second"),
            ("c", "C", "f0", "f1", "o1", "tie"),
        )
    )
    assert found.to_dict("records") == [
        {"image": "a", "photograph": "A", "first_model": "f0", "second_model": "f1", "verdict": "second"}
    ]
    assert summaries.verdicts(votes()).empty
    assert summaries.verdicts(votes(("c", "C", "f0", "f1", "o1", "tie"))).empty


def judgements(**scores: dict[tuple[str, str], float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"judge": judge, "image": image, "model": model, "value": value}
            for judge, values in scores.items()
            for (image, model), value in values.items()
        ]
    )


JUDGED = judgements(
    g0={("a", "f0"): 1.0, ("a", "f1"): 2.0, ("b", "f0"): 1.0, ("b", "f1"): 0.5, ("c", "f0"): 3.0, ("c", "f1"): 1.0},
    g1={("a", "f0"): 2.0, ("a", "f1"): 1.0, ("b", "f0"): 1.0, ("b", "f1"): 0.5, ("c", "f0"): 3.0, ("c", "f1"): 4.0},
)


def test_accuracy_by_hand() -> None:
    known = pd.DataFrame(
        [
            ("a", "A", "f0", "f1", "second"),
            ("b", "B", "f0", "f1", "second"),
            ("c", "C", "f1", "f0", "first"),
            ("a", "A", "input", "f1", "second"),  # rankers do not score the input here
        ],
        columns=["image", "photograph", "first_model", "second_model", "verdict"],
    )
    # Lower is better. g0 says f0, f1, f1 and the votes f1, f1, f1: 2 of 3. g1 says f1, f1, f0: 2 of 3.
    assert summaries.accuracy(JUDGED, "g0", known) == (pytest.approx(2 / 3), 3)
    assert summaries.accuracy(JUDGED, "g1", known) == (pytest.approx(2 / 3), 3)
    assert summaries.accuracy(JUDGED, "g0", known[known.image == "b"]) == (1.0, 1)
    assert summaries.accuracy(JUDGED, "g0", known[known.image == "z"]) is None
    assert summaries.accuracy(JUDGED, "g7", known) is None


def test_progress_by_hand() -> None:
    assert summaries.progress_accuracy(JUDGED, "g0", "f0", "f1") == pytest.approx(2 / 3)
    assert summaries.progress_accuracy(JUDGED, "g1", "f1", "f0") == pytest.approx(1 / 3)


def test_global_scores_come_best_first() -> None:
    rows = [("a", "A", "f0", "f1", f"o{n}", "second") for n in range(8)]
    rows += [("a", "A", "f1", "f2", f"o{n}", "second" if n < 6 else "first") for n in range(8)]
    found = summaries.global_scores(votes(*rows), ["f0", "f1", "f2", "f3"])
    assert [row["model"] for row in found] == ["f2", "f1", "f0"]  # f3 has no votes
    assert sum(row["score"] for row in found) == pytest.approx(0, abs=1e-9)
    assert all(row["error"] > 0 for row in found)
    assert summaries.global_scores(votes(), ["f0", "f1"]) == []


def test_global_scores_tell_what_the_prior_says() -> None:
    rows = [(p, p, "f0", "f1", f"o{n}", "second") for n in range(3) for p in "abc"]
    rows += [(p, p, "f1", "f2", f"o{n}", "second" if n < 2 else "first") for n in range(3) for p in "abc"]
    found = {row["model"]: row for row in summaries.global_scores(votes(*rows), ["f0", "f1", "f2"])}
    assert (found["f0"]["from_prior"], found["f2"]["from_prior"]) == ("never preferred", None)
    assert found["f2"]["low"] < found["f2"]["score"] < found["f2"]["high"]


def test_mean_scores_leave_out_what_is_missing() -> None:
    scores = pd.DataFrame(
        [
            ("a", "f0", "niqe", 4.0),
            ("b", "f0", "niqe", 6.0),
            ("a", "f0", "psnr", None),
            ("a", "f1", "niqe", 3.0),
            ("b", "f1", "niqe", None),
        ],
        columns=["image", "model", "metric", "value"],
    )
    assert summaries.mean_scores(scores) == {"f0": {"niqe": 5.0}, "f1": {"niqe": 3.0}}
    assert summaries.mean_scores(scores.iloc[:0]) == {}


def test_a_win_rate_for_json() -> None:
    assert summaries.as_dict(WinRate(0.6, 0.5, 0.7, 20, 4)) == {
        "rate": 0.6, "low": 0.5, "high": 0.7, "votes": 20, "photographs": 4,
    }  # fmt: skip
