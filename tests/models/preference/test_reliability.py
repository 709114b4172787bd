"""Differences and observers, estimated together: arithmetic by hand, symmetries, and panels of known truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks.reliability import Panel, of_pairs, pairs_panel, study_panel
from models.preference.answering import BIASES, DIFFERENCES, SENSITIVITIES, answering
from models.preference.comparisons import FIRST, SECOND, TIE, UNKNOWN, Comparisons, places
from models.preference.reliability import reliability

Row = tuple[str, str, str, str, int]
"""Observer, scene, first item, second item, choice."""


def compared(rows: Sequence[Row], left: Sequence[int] = ()) -> Comparisons:
    observers, observer = places([row[0] for row in rows])
    scenes, scene = places([row[1] for row in rows])
    items, both = places([row[2] for row in rows] + [row[3] for row in rows])
    return Comparisons(
        items=items, observers=observers, scenes=scenes, first=both[: len(rows)], second=both[len(rows) :],
        choice=np.array([row[4] for row in rows]), observer=observer, scene=scene,
        left=np.array(left or [UNKNOWN] * len(rows), dtype=np.int8),
    )  # fmt: skip


def panel(
    family: str, observers: int = 10, votes: int = 10, pairs: int = 60, share: float = 0.4, seed: int = 0
) -> Panel:
    return pairs_panel(family, observers, votes, pairs, share, np.random.default_rng(seed))


def test_how_an_observer_answers_by_hand() -> None:
    model = answering()
    one = np.flatnonzero((model.sensitivity == 1) & (model.bias == BIASES[-1]) & (model.lapse == 0.15))[0]
    far = int(np.argmin(np.abs(DIFFERENCES + 1.2)))  # d = -1.2, and a bias of 3 to the left
    first_left, first_right = 0.075 + 0.85 * norm.cdf(-1.2 + 3), 0.075 + 0.85 * norm.cdf(-1.2 - 3)
    found = np.exp(model.logs[one, :, 0, far])  # side unknown, first on the left, first on the right
    assert found == pytest.approx([(first_left + first_right) / 2, first_left, first_right])
    assert np.exp(model.logs).sum(2) == pytest.approx(1)
    assert model.prior.sum() == pytest.approx(1)
    assert model.prior[model.sensitivity < 0].sum() == pytest.approx(0.1)
    assert (answering(0.0).sensitivity > 0).all()
    assert set(answering(0.0).sensitivity) == set(SENSITIVITIES[SENSITIVITIES > 0])


def test_one_vote_by_hand() -> None:
    # d ~ N(0, 1), answered by Phi(d): P(d > 0 | first) = 2 int_0^inf Phi phi = 1 - Phi(0)^2 = 3/4, of an observer who is known.
    # One who may be anybody, as one of ten is contrary and some do not look: less, and more than nothing.
    found = reliability(compared([("a", "photo", "x", "y", FIRST)]))
    assert 0.65 < found.preferred[0] < 0.75
    known = reliability(compared([("a", "photo", "x", "y", FIRST)]), opposed=0.0)
    assert found.preferred[0] < known.preferred[0] < 0.75
    assert found.confidence == pytest.approx(found.preferred)
    assert found.answers.tolist() == [1]
    assert 0.5 < found.reliability[0] < norm.cdf(1)  # hardly moved from what is expected of anybody
    assert found.scores is None


def test_who_is_first_does_not_matter() -> None:
    rows: list[Row] = [("a", "p", "x", "y", FIRST), ("b", "p", "x", "y", SECOND), ("c", "q", "x", "y", SECOND)]
    turned: list[Row] = [("a", "p", "y", "x", SECOND), ("b", "p", "y", "x", FIRST), ("c", "q", "y", "x", FIRST)]
    one, other = reliability(compared(rows, [0, 1, 0])), reliability(compared(turned, [1, 0, 1]))
    assert one.preferred == pytest.approx(other.preferred, abs=1e-12)
    assert one.reliability == pytest.approx(other.reliability, abs=1e-12)


@pytest.mark.parametrize("choices", [(TIE, TIE), (FIRST, SECOND)])
def test_ties_and_balanced_votes_say_nothing(choices: tuple[int, int]) -> None:
    found = reliability(compared([(name, "p", "x", "y", choice) for name, choice in zip("ab", choices, strict=True)]))
    assert found.preferred == pytest.approx([0.5], abs=1e-9)


def test_an_observer_of_two_minds_says_nothing_of_the_pair() -> None:
    found = reliability(compared([("a", "p", "x", "y", FIRST), ("a", "p", "x", "y", SECOND)]))
    assert found.preferred == pytest.approx([0.5], abs=1e-9)
    assert found.answers.tolist() == [2]


def test_unanimous_votes_stay_finite_and_one_observer_is_enough() -> None:
    rows: list[Row] = [("a", f"p{place}", "x", "y", FIRST) for place in range(30)]
    for pooled in (False, True):
        found = reliability(compared(rows), pooled=pooled)
        assert np.isfinite(found.preferred).all()
        assert ((found.preferred > 0.5) & (found.preferred < 1)).all()
        assert np.isfinite(found.evidence)
    assert found.scores is not None
    assert 0 < found.scores[0] - found.scores[1] < 6


def test_no_comparisons_are_refused() -> None:
    nothing = compared([("a", "p", "x", "y", FIRST)]).where(np.zeros(1, dtype=bool))
    with pytest.raises(ValueError, match="no comparisons"):
        reliability(nothing)


def test_the_same_votes_give_the_same_numbers() -> None:
    votes = panel("careless").compared
    one, other = reliability(votes), reliability(votes)
    assert (one.preferred == other.preferred).all()
    assert one.evidence == other.evidence


@pytest.mark.parametrize(("family", "gain"), [("opposite", 0.15), ("careless", 0.02), ("left", 0.02)])
def test_more_pairs_are_right_than_by_majority(family: str, gain: float) -> None:
    """4 of 10 are bad, and all vote on 60 pairs; mean over 4 panels."""
    rows = [of_pairs(panel(family, seed=seed)) for seed in range(4)]
    assert np.mean([row["reliability"] - row["majority"] for row in rows]) > gain


def test_honest_panels_lose_nothing_to_speak_of() -> None:
    rows = [of_pairs(panel("honest", seed=seed)) for seed in range(4)]
    assert np.mean([row["reliability"] - row["majority"] for row in rows]) > -0.01


def test_what_is_wrong_with_an_observer_is_told() -> None:
    careless, left, opposite = (
        reliability(panel(family, pairs=100, share=0.1, seed=2).compared) for family in ("careless", "left", "opposite")
    )
    assert careless.lapse[0] > 0.5 > careless.lapse[1:].max()
    assert careless.reliability[0] < 0.65
    assert left.left[0] > 0.85 > left.left[1:].max()
    assert opposite.reliability[0] < 0.35
    assert (opposite.reliability[1:] > 0.6).all()
    for found in (careless, left, opposite):
        assert (found.reliability_error > 0).all()
        assert ((found.lapse >= 0) & (found.lapse <= 1)).all()


def test_more_answers_make_an_observer_surer() -> None:
    few, many = (reliability(panel("honest", pairs=pairs).compared) for pairs in (10, 100))
    assert many.reliability_error.mean() < few.reliability_error.mean()


def test_repeats_tell_of_a_side() -> None:
    """One observer is asked everything twice, sides swapped, and always presses left: no answer about any picture."""
    rows: list[Row] = [("a", f"p{place:02d}", "x", "y", choice) for place in range(20) for choice in (FIRST, SECOND)]
    found = reliability(compared(rows, [FIRST, SECOND] * 20))
    assert found.left[0] > 0.9
    assert found.preferred == pytest.approx(0.5, abs=0.01)


def test_gold_pairs_turn_a_colluding_majority() -> None:
    """6 of 10 prefer the contrary: nothing in the votes says so, and ten pairs of known answer do."""
    made = panel("opposite", share=0.6)
    better = made.truth > 0
    gold = [(f"{place:04d}", *(("first", "second") if better[place] else ("second", "first"))) for place in range(10)]
    without, told = reliability(made.compared), reliability(made.compared, gold=gold)
    assert ((without.preferred > 0.5) == better).mean() < 0.3
    assert ((told.preferred > 0.5) == better)[10:].mean() > 0.75
    assert ((told.preferred > 0.5) == better)[:10].all()
    assert (told.reliability[:6] < 0.5).all()


def test_gold_pairs_that_cannot_be() -> None:
    votes = compared([("a", "p", "x", "y", FIRST)])
    with pytest.raises(ValueError, match="both are the better one"):
        reliability(votes, gold=[("p", "x", "y"), ("p", "y", "x")])
    with pytest.raises(ValueError, match="unknown item 'z'"):
        reliability(votes, gold=[("p", "x", "z")])
    with pytest.raises(ValueError, match="unknown scene 'q'"):
        reliability(votes, gold=[("q", "x", "y")])


def test_scores_of_methods_come_out_beside_guessers() -> None:
    made = study_panel("careless", 10, 6, 0.4, np.random.default_rng(2))
    found = reliability(made.compared, pooled=True)
    assert found.scores is not None
    assert np.corrcoef(found.scores, made.truth)[0, 1] > 0.9
    assert found.scores.sum() == pytest.approx(0, abs=1e-9)
    assert (found.lapse[:4] > 0.4).all()
    assert (found.lapse[4:] < 0.4).all()


def test_two_methods_by_hand() -> None:
    """75 of 100 photographs, one vote each of an observer who is expected to be attentive: Phi^-1(0.75) = 0.67 apart or more, as
    lapses and the photographs' own spread hide some of it.
    """
    rows: list[Row] = [
        (f"o{place % 10}", f"p{place:03d}", "x", "y", FIRST if place < 75 else SECOND) for place in range(100)
    ]
    found = reliability(compared(rows), pooled=True)
    assert found.scores is not None
    assert 0.6 < found.scores[0] - found.scores[1] < 1.1
