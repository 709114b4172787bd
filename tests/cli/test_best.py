"""Which model is used where nobody names a round."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.best import best_of, rounds_of, weights_by_default
from pictures import sha256_file, write_json
from tasks.config import load_whole
from tasks.kinds import named
from tasks.rounds import loop
from tasks.stage.places import Places

ROOT = Path(__file__).resolve().parents[2]
KIND, ROUNDS = "low_light", ["r00", "r01", "r02"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for path in (loop.first_weights(KIND), *(loop.weights_of(KIND, name) for name in ROUNDS)):
        path.parent.mkdir(parents=True)
        path.write_text(str(path))
    return tmp_path


def voted(**rates: float) -> None:
    said = {
        name: {"rate": rate, "low": 0.0, "high": 1.0, "votes": 36, "photographs": 4} for name, rate in rates.items()
    }
    write_json(Places(KIND).evaluate / "metrics.json", {"preference_over_f0": said})
    models = [loop.first_weights(KIND), *(loop.weights_of(KIND, name) for name in ROUNDS)]
    hashes = {f"f{number}": sha256_file(path) for number, path in enumerate(models)}
    write_json(Places(KIND).evaluate / "models.json", hashes)


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


def test_what_does_not_carry_over_is_said(project: Path) -> None:
    voted(f1=0.6, f2=0.9, f3=0.4)
    rate = {"rate": 0.25, "low": 0.1, "high": 0.4, "votes": 48, "photographs": 8}
    write_json(
        Places(KIND).evaluate / "elsewhere" / "summary.json",
        {"sample": {"preference_over_f0": {"f2": rate}}, "photos": {}},
    )
    found = best_of(KIND, ROUNDS)
    assert found is not None
    assert found.why.endswith("; of the last, f3, 40% of 36 votes do; in light of another character 25% of 48 votes do")


def test_without_votes_nothing_is_said(project: Path) -> None:
    assert best_of(KIND, ROUNDS) is None
    voted()
    assert best_of(KIND, ROUNDS) is None


@pytest.mark.parametrize("odd", [[], {}, {"f0": "of another"}])
def test_what_does_not_say_which_models_were_voted_on_counts_for_nothing(project: Path, odd: object) -> None:
    voted(f3=0.9)
    write_json(Places(KIND).evaluate / "models.json", odd)
    assert best_of(KIND, ROUNDS) is None


def test_a_model_that_is_not_here_is_not_taken(project: Path) -> None:
    voted(f1=0.6, f2=0.9, f3=0.4)
    loop.weights_of(KIND, "r01").unlink()
    found = best_of(KIND, ROUNDS)
    assert found is not None and found.weights == loop.weights_of(KIND, "r00")


@pytest.mark.parametrize("changed", ["f0", "r01", "r02"])
def test_votes_on_other_models_than_those_that_are_here_count_for_nothing(project: Path, changed: str) -> None:
    """A round was aligned anew, or added, since the evaluation."""
    voted(f1=0.6, f2=0.9, f3=0.4)
    (loop.first_weights(KIND) if changed == "f0" else loop.weights_of(KIND, changed)).write_text("another")
    found = best_of(KIND, ROUNDS)
    if changed == "r01":
        assert found is not None and found.weights == loop.weights_of(KIND, "r00")
    else:
        assert found is None
    assert best_of(KIND, [*ROUNDS, "r03"]) is None


def test_the_commands_say_what_they_take(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = load_whole(ROOT / "tests" / "tiny.yaml")
    kind = named(KIND)
    rounds = rounds_of(params, kind)
    assert weights_by_default(params, kind) == loop.weights_of(KIND, rounds[-1])
    assert capsys.readouterr().out == ""
    voted(**{f"f{number + 1}": 0.9 - 0.1 * number for number in range(len(rounds))})
    assert weights_by_default(params, kind) == loop.weights_of(KIND, "r00")
    assert "taking data/low_light/models/r00/model.safetensors: 90% of 36 votes" in capsys.readouterr().out
