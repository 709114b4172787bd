"""Which model is used where nobody names a round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.best import best_of
from pictures import write_json
from tasks.rounds import loop
from tasks.stage.places import Places

KIND, ROUNDS = "low_light", ["r00", "r01", "r02"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for path in (loop.first_weights(KIND), *(loop.weights_of(KIND, name) for name in ROUNDS)):
        path.parent.mkdir(parents=True)
        path.touch()
    return tmp_path


def voted(**rates: float) -> None:
    said = {
        name: {"rate": rate, "low": 0.0, "high": 1.0, "votes": 36, "photographs": 4} for name, rate in rates.items()
    }
    write_json(Places(KIND).evaluate / "metrics.json", {"preference_over_f0": said})


@pytest.mark.parametrize(
    ("rates", "taken", "why"),
    [
        ({"f1": 0.6, "f2": 0.75, "f3": 0.61}, "r01", "75% of 36 votes on validation pictures prefer it to f0; of the last,"),
        ({"f1": 0.6, "f2": 0.7, "f3": 0.7}, "r02", "70% of 36 votes on validation pictures prefer it to f0"),
        ({"f1": 0.4, "f2": 0.3, "f3": 0.2}, None, "no round's model is preferred to it in over half"),
        ({"f3": 0.8}, "r02", "80% of 36 votes"),  # people are asked about the last alone
        ({"f1": 0.7, "content_only": 0.9, "f3": 0.2}, "r00", "70% of 36 votes"),
    ],
)  # fmt: skip
def test_the_model_that_the_votes_prefer(project: Path, rates: dict[str, float], taken: str | None, why: str) -> None:
    voted(**rates)
    found = best_of(KIND, ROUNDS)
    assert found is not None
    assert found.weights == (loop.first_weights(KIND) if taken is None else loop.weights_of(KIND, taken))
    assert found.why.startswith(why)


@pytest.mark.parametrize("said", [None, {}, {"preference_over_f0": {}}])
def test_without_votes_nothing_is_said(project: Path, said: dict[str, Any] | None) -> None:
    if said is not None:
        write_json(Places(KIND).evaluate / "metrics.json", said)
    assert best_of(KIND, ROUNDS) is None


def test_a_model_that_is_not_here_is_not_taken(project: Path) -> None:
    voted(f1=0.6, f2=0.9)
    loop.weights_of(KIND, "r01").unlink()
    found = best_of(KIND, ROUNDS)
    assert found is not None and found.weights == loop.weights_of(KIND, "r00")
    for name in ("r00", "r02"):
        loop.weights_of(KIND, name).unlink()
    assert best_of(KIND, ROUNDS) is None
