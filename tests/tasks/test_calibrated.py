"""How far the judges' odds can be believed: from votes and costs, and what the page says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_artifacts import AT, make, params

from models.preference.calibration import fit_scale, preference
from pictures import read_json, write_json
from tasks.measuring.calibrated import doubt as spread_of_members
from tasks.measuring.calibrated import of_judges
from tasks.pages.calibrated import doubt, section
from tasks.rounds import report


def vote(image: str, first: str, second: str, choice: str) -> dict[str, Any]:
    return {"image": image, "photograph": image.upper(), "first_model": first, "second_model": second, "choice": choice}


VOTES = pd.DataFrame(
    [
        vote("a", "f0", "f1", "second"),
        vote("a", "f0", "f1", "tie"),
        vote("b", "f1", "f0", "second"),
        vote("b", "f0", "f1", "unsure"),  # says nothing
        vote("b", "input", "f1", "second"),  # judges do not score the input
    ]
)
COSTS = {("a", "f0"): [1.0, 2.0], ("a", "f1"): [0.0, 2.5], ("b", "f0"): [3.0, 3.0], ("b", "f1"): [1.0, 2.0]}


def opinions(judge: str, images: str = "ab") -> pd.DataFrame:
    rows = [(judge, image, model, costs) for (image, model), costs in COSTS.items() if image in images]
    return pd.DataFrame(rows, columns=["judge", "image", "model", "members"])


def test_of_judges_by_hand() -> None:
    found = of_judges(VOTES, opinions("g0"), 200, 0)["g0"]
    a, b = np.array([[1.0, -0.5]] * 2), np.array([[-2.0, -1.0]])  # cost of the first less that of the second
    said = np.append(preference(a, fit_scale(b, np.array([1.0]))), preference(b, fit_scale(a, np.array([1.0, 0.5]))))
    assert found["brier"] == pytest.approx(float(np.square(said - [1.0, 0.5, 1.0]).mean()))
    assert (found["votes"], found["photographs"]) == (3, 2)
    assert found["brier_low"] <= found["brier"] <= found["brier_high"]
    assert sum(one["votes"] for one in found["bins"]) == 3


def test_judges_of_too_few_photographs_are_left_out() -> None:
    both = pd.concat([opinions("g0"), opinions("g1", "a")])
    assert list(of_judges(VOTES, both, 200, 0)) == ["g0"]
    assert of_judges(VOTES[:0], both, 200, 0) == {}


FOUND = {
    "brier": 0.21, "brier_low": 0.18, "brier_high": 0.25, "ece": 0.081, "ece_by_chance": 0.052, "scale": 1.0, "votes": 120,
    "photographs": 5, "bins": [
        {"said": 0.55, "found": 0.5, "low": 0.4, "high": 0.6, "votes": 100},
        {"said": 0.92, "found": 0.85, "low": 0.64, "high": 0.95, "votes": 20},
    ],
}  # fmt: skip


def test_the_section_is_of_the_last_judge_and_marks_few_votes() -> None:
    found = section({"g10": FOUND, "g2": {**FOUND, "ece": 0.2}})
    assert found is not None and found["judge"] == "g10"
    assert [row["judge"] for row in found["rows"]] == ["g2", "g10"]
    assert [(row["said"], row["votes"], row["few"]) for row in found["bins"]] == [
        ("55\N{NO-BREAK SPACE}%", 100, False),
        ("92\N{NO-BREAK SPACE}%", 20, True),
    ]
    assert section({}) is None


def test_the_page_shows_it_where_it_was_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make()
    assert "Brier score" not in report.page(params())  # as an evaluation before this one left it
    metrics = read_json(AT.evaluate / "metrics.json")
    write_json(AT.evaluate / "metrics.json", {**metrics, "calibration": {"g2": FOUND}})
    page = report.page(params())
    assert "Brier score" in page and "20 (few)" in page and "0.180 to 0.250" in page
    assert "55 % said, 50 % found in 100 votes" in page.replace("\N{NO-BREAK SPACE}", " ")


def test_doubt_is_how_far_members_differ() -> None:
    alone = pd.DataFrame([("g9", "a", "f0", [1.0])], columns=["judge", "image", "model", "members"])
    found = spread_of_members(pd.concat([opinions("g0"), alone]))
    # f0: deviations of (1, 2) and (3, 3); f1: of (0, 2.5) and (1, 2)
    assert found == {"g0": {"f0": pytest.approx(0.25), "f1": pytest.approx((1.25 + 0.5) / 2)}}
    shown = doubt(found, ["f0", "f1"])
    assert shown is not None and (shown["rows"], shown["grown"]) == ([("g0", ["0.250", "0.875"])], "3.5")
    assert doubt({}, ["f0"]) is None


def test_the_page_says_where_doubt_grew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make()
    assert "is in doubt" not in report.page(params())
    path = AT.evaluate / "metrics.json"
    write_json(path, read_json(path) | {"doubt": {"g2": {"f0": 0.1, "f1": 0.1, "f2": 0.2, "f3": 0.3}}})
    assert "g2's doubt about f3 is 3.0 times that about f0" in " ".join(report.page(params()).split())
