"""`loupe study plan`, and what `loupe study create` says to an adaptive study."""

from __future__ import annotations

import pytest

from cli.errors import UserError
from cli.planning import jod_of, plan, share_of
from cli.study import create
from labelling.exchange.manifest import StudyError


def test_a_table_over_what_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    plan(
        methods=3, photos=6, difference="75%", target_power=0.8, pairs="all", per_image=None, seconds=6.0, repeats=0.1,
        training=3, photo_spread=0.5, observer_spread=0.4, lapse=0.02, studies=10, seed=0, observers=None,
    )  # fmt: skip
    said = capsys.readouterr().out.splitlines()
    assert "all 3 pairs of methods on every photo; 10 simulated studies" in said[0]
    rows = [line for line in said if line.startswith("1.00 JOD (75% prefer)")]
    assert [line.split()[5] for line in rows] == ["5", "10", "20", "30"]
    assert [line.split()[6] for line in rows] == ["90", "180", "360", "540"]
    assert said[-1].startswith("1.00 JOD: ")


def test_a_difference_in_jod_or_as_a_share() -> None:
    assert jod_of("75%") == pytest.approx(1.0) and jod_of(" 0.5 ") == 0.5
    assert share_of(jod_of("63%")) == pytest.approx(0.63)
    for wrong in ("50%", "100%", "0", "-1", "11", "half", "nan", "inf%"):
        with pytest.raises(UserError, match="above 50% and below 100%"):
            jod_of(wrong)


def test_options_that_do_not_fit() -> None:
    with pytest.raises(UserError, match="at least one of"):
        plan(methods=3, pairs="all")
    with pytest.raises(UserError, match="needs --per-image"):
        plan(methods=3, pairs="adaptive")
    for pairs, budget, goal in (("adaptive", None, None), ("all", 5, None), ("all", None, "best")):
        with pytest.raises(StudyError, match="--pairs adaptive"):
            create("s", ["a=a", "b=b"], pairs=pairs, budget=budget, goal=goal)  # type: ignore[arg-type]
