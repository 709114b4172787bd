"""Two tastes on simulated panels with seeds; the tables are printed by benchmarks.reliability."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.reliability import pairs_panel, study_panel
from models.preference.comparisons import Comparisons
from models.preference.tastes import Tastes, tastes


@pytest.mark.parametrize("family", ["taste", "colluding", "opposite"])
def test_two_groups_are_told_by_name(family: str) -> None:
    made = pairs_panel(family, 8, 8, 60, 0.4, np.random.default_rng(5))
    found = tastes(made.compared)
    assert frozenset(found.groups[1]) == made.bad
    assert found.odds > 3
    assert found.conflict > 0.3
    assert found.sentence() == (
        "two tastes: o03, o04, o05, o06, o07 against o00, o01, o02; they prefer differently in about "
        f"{100 * found.conflict:.0f} % of pairs (another taste, or a group that agreed on its answers: votes cannot tell which)"
    )


def test_two_tastes_about_methods() -> None:
    made = study_panel("taste", 8, 5, 0.4, np.random.default_rng(0))
    assert frozenset(tastes(made.compared, pooled=True).groups[1]) == made.bad


@pytest.mark.parametrize(("family", "spread"), [("honest", 0.0), ("careless", 0.0), ("left", 0.0), ("honest", 0.4)])
def test_one_taste_is_not_split(family: str, spread: float) -> None:
    for seed in range(3):
        made = pairs_panel(family, 8, 8, 40, 0.4, np.random.default_rng(seed), spread)
        found = tastes(made.compared)
        assert found.groups == ()
        assert found.sentence() is None
        assert found.reason is None


def test_people_who_differ_and_people_who_guess_are_no_groups_in_studies() -> None:
    """Before cuts had to be clearer than among people of a taste of their own, two tastes were said of these panels."""
    own = study_panel("honest", 10, 6, 0.0, np.random.default_rng(3), 0.4)
    guessing = study_panel("careless", 6, 6, 0.4, np.random.default_rng(4), 0.0)
    assert tastes(own.compared, pooled=True).groups == ()
    assert tastes(guessing.compared, pooled=True).groups == ()


def test_few_observers_or_few_answers_tell_nothing() -> None:
    made = pairs_panel("taste", 3, 3, 40, 0.4, np.random.default_rng(0))
    assert tastes(made.compared).reason == "3 observers have 10 answers or more, and two tastes are of four or more"
    few = pairs_panel("honest", 8, 8, 9, 0.0, np.random.default_rng(0))
    assert (tastes(few.compared).reason or "").startswith("0 observers")
    assert Tastes(reason="x").sentence() is None


def test_who_never_met_is_of_one_taste() -> None:
    """Eight people who answered about other pairs each: there is nothing to disagree on."""
    pair = np.arange(96)
    nothing = Comparisons(
        items=("first", "second"), observers=tuple("abcdefgh"), scenes=tuple(f"{place:02d}" for place in pair),
        first=np.zeros(96, dtype=int), second=np.ones(96, dtype=int), choice=pair % 2, observer=pair // 12, scene=pair,
    )  # fmt: skip
    assert tastes(nothing).groups == ()
