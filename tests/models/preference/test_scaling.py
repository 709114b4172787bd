"""Every estimator against cases with known answers (cases/*.json), and the rules that hold for all of them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.preference import clustered, fitting
from models.preference.comparisons import FIRST, SECOND, TIE, Comparisons, comparisons_of
from models.preference.links import link
from models.preference.pairs import Pairs, pairs_of
from models.preference.scaling import Scores, scale

ESTIMATORS = (("bradley-terry", "davidson"), ("bradley-terry", "half"), ("thurstone", "half"))
CASES = [json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "cases").glob("*.json"))]
every = pytest.mark.parametrize(("model", "ties"), ESTIMATORS, ids=[" ".join(one) for one in ESTIMATORS])


def comparisons(wins: Any, ties: Any = None, observers: int = 1, scenes: int = 1) -> Comparisons:
    """Of counts (M, M), handed out to observers and scenes in turn."""
    rows = [(i, j, FIRST) for (i, j), n in np.ndenumerate(np.asarray(wins)) for _ in range(int(n))]
    if ties is not None:
        rows += [(i, j, TIE) for (i, j), n in np.ndenumerate(np.triu(np.asarray(ties))) for _ in range(int(n))]
    first, second, choice = np.array(rows).reshape(-1, 3).T
    turn = np.arange(len(rows))
    return Comparisons(
        items=tuple("abcdefghijk"[: len(wins)]), observers=tuple(map(str, range(observers))),
        scenes=tuple(map(str, range(scenes))), first=first, second=second, choice=choice, observer=turn % observers,
        scene=turn // observers % scenes,
    )  # fmt: skip


def chain(counts: str, size: int) -> np.ndarray:
    """'01' is a win of item 0 over item 1."""
    found = np.zeros((size, size))
    for pair in counts.split():
        found[int(pair[0]), int(pair[1])] += 1
    return found


@every
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_known_scores(case: dict[str, Any], model: str, ties: str) -> None:
    found = scale(comparisons(case["wins"], case["ties"]), model, ties, prior=1e4)
    at = case["items"].index(case["reference"])
    expected = np.array(case["scores"][f"{model} {ties}"])
    assert found.scores - found.scores[at] == pytest.approx(expected - expected[at], abs=case["tolerance"])
    if ties == "davidson" and "nu" in case:
        assert found.nu == pytest.approx(case["nu"], rel=1e-4)
    if model == "thurstone" and "published" in case:
        assert found.scores - found.scores[at] == pytest.approx(case["published"], abs=0.05)


def random_votes(seed: int = 0, size: int = 5, votes: int = 400) -> Comparisons:
    random = np.random.default_rng(seed)
    first = random.integers(0, size, votes)
    second = (first + random.integers(1, size, votes)) % size
    seen = 0.5 * (second - first) + random.logistic(size=votes)
    choice = np.where(np.abs(seen) < 0.4, TIE, np.where(seen > 0, FIRST, SECOND))
    return Comparisons(
        items=tuple("abcdefgh"[:size]), observers=tuple("0123456789"), scenes=tuple("stuvwxyz"), first=first, second=second,
        choice=choice, observer=random.integers(0, 10, votes), scene=random.integers(0, 8, votes),
    )  # fmt: skip


def near(one: Scores, other: Scores, order: Any = slice(None), sign: float = 1) -> None:
    assert one.scores[order] == pytest.approx(sign * other.scores, abs=1e-7)
    assert one.errors[order] == pytest.approx(other.errors, rel=1e-6)


@every
def test_order_of_votes_sides_and_items_does_not_matter(model: str, ties: str) -> None:
    votes = random_votes()
    found = scale(votes, model, ties)
    assert found.scores.mean() == pytest.approx(0, abs=1e-12)
    assert (np.diff(found.scores) < 0).all()  # a is the best
    near(scale(votes.where(np.arange(len(votes))[::-1]), model, ties), found)
    other = np.array([SECOND, FIRST, TIE])
    near(scale(replaced(votes, first=votes.second, second=votes.first, choice=other[votes.choice]), model, ties), found)
    near(scale(replaced(votes, choice=other[votes.choice]), model, ties), found, sign=-1)
    order = np.array([3, 0, 4, 1, 2])
    near(scale(replaced(votes, first=order[votes.first], second=order[votes.second]), model, ties), found, order)


def replaced(votes: Comparisons, **arrays: np.ndarray) -> Comparisons:
    names = ("items", "observers", "scenes", "first", "second", "choice", "observer", "scene")
    return Comparisons(**({name: getattr(votes, name) for name in names} | arrays))


@every
def test_unanimous_votes_are_finite_and_said_to_lean_on_the_prior(model: str, ties: str) -> None:
    found = scale(comparisons(chain("01 " * 20, 2), observers=4, scenes=5), model, ties)
    assert 0 < found.scores[0] < 10
    assert found.from_prior == ("undefeated", "never preferred")
    assert "lean on the prior" in " ".join(found.cautions)


@every
def test_an_undefeated_item_and_one_never_compared(model: str, ties: str) -> None:
    found = scale(comparisons(chain("01 12 20 30 31 10 21 02", 5), observers=2, scenes=3), model, ties)
    assert found.from_prior == (None, None, None, "undefeated", "never compared")
    assert found.scores.argmax() == 3
    assert np.isfinite(found.errors).all()
    assert (found.votes[4], found.groups) == (0, 2)
    assert "2 groups" in found.cautions[0]


@every
def test_groups_that_never_met_are_said(model: str, ties: str) -> None:
    found = scale(comparisons(chain("01 01 10 23 32 23", 4), observers=2), model, ties)
    assert found.from_prior == ("compared only within its group",) * 4
    assert found.groups == 2
    assert not any("beaten back" in said for said in found.cautions), "it is not why"
    assert found.scores[0] > found.scores[1]
    assert found.scores[2] > found.scores[3]


@every
def test_all_ties_are_equal_said_and_no_error_is_nothing(model: str, ties: str) -> None:
    votes = comparisons(np.zeros((3, 3)), np.full((3, 3), 6) - 6 * np.eye(3), observers=3, scenes=2)
    found = scale(votes, model, ties)
    assert found.scores == pytest.approx([0, 0, 0], abs=1e-9)
    assert (found.errors > 0.05).all()
    assert found.cautions == ("all 18 votes are ties: nothing was preferred, and that scores are equal says no more",)


@every
def test_one_observer_or_one_scene_is_said(model: str, ties: str) -> None:
    votes = random_votes()
    alone = scale(votes.where(votes.observer == 0), model, ties)
    assert "how another observer would differ cannot be told from one" in alone.errors_of
    both = scale(votes.where((votes.observer == 0) & (votes.scene < 1) | (np.arange(400) < 0)), model, ties)
    assert "every vote as independent" in both.errors_of
    assert both.errors == pytest.approx(clustered.independent_errors(both.fit))


@every
def test_errors_are_the_spread_over_repetitions(model: str, ties: str) -> None:
    found = [scale(random_votes(seed), model, ties) for seed in range(25)]
    spread, said = (np.std([one.scores for one in found], axis=0), np.mean([one.errors for one in found], axis=0))
    # 25 repetitions know a spread to 14 %, the five together to some 7 %.
    assert said.mean() == pytest.approx(spread.mean(), rel=0.2)


@every
def test_derivatives_are_those_of_the_value(model: str, ties: str) -> None:
    terms, random, step = link(model, ties).terms, np.random.default_rng(0), 1e-5
    d, (won, lost, tied) = random.normal(size=7), random.integers(1, 9, (3, 7))
    here = terms(d, won, lost, tied, 0.3)
    up, down = (terms(d + side, won, lost, tied, 0.3) for side in (step, -step))
    assert (up.value - down.value) / (2 * step) == pytest.approx(here.slope, rel=1e-6, abs=1e-7)
    assert (down.slope - up.slope) / (2 * step) == pytest.approx(here.weight, rel=1e-6)
    if here.tie_slope is not None and up.tie_slope is not None and down.tie_slope is not None:
        more, less = (terms(d, won, lost, tied, 0.3 + side) for side in (step, -step))
        assert (more.value - less.value) / (2 * step) == pytest.approx(here.tie_slope, rel=1e-6, abs=1e-7)
        assert (less.slope - more.slope) / (2 * step) == pytest.approx(here.cross, rel=1e-6, abs=1e-7)
        assert (less.tie_slope - more.tie_slope) / (2 * step) == pytest.approx(here.tie_weight, rel=1e-6)  # type: ignore[operator]


@every
def test_many_items_are_fitted_as_few_are(model: str, ties: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sparse with conjugate gradients and random signs, against dense: the same scores, errors within some per cent."""
    random = np.random.default_rng(0)
    first = random.integers(0, 300, 9000)
    second = (first + random.integers(1, 300, 9000)) % 300
    votes = Comparisons(
        items=tuple(map(str, range(300))), observers=tuple(map(str, range(150))), scenes=tuple(map(str, range(400))),
        first=first, second=second, choice=random.integers(0, 3, 9000), observer=random.integers(0, 150, 9000),
        scene=random.integers(0, 400, 9000),
    )  # fmt: skip
    dense = scale(votes, model, ties)
    for module in (clustered, fitting):
        monkeypatch.setattr(module, "DENSE", 100)
    sparse = scale(votes, model, ties)
    assert sparse.scores == pytest.approx(dense.scores, abs=1e-7)
    assert sparse.errors == pytest.approx(dense.errors, rel=0.15)
    assert np.mean(sparse.errors / dense.errors) == pytest.approx(1, abs=0.02)
    assert clustered.independent_errors(sparse.fit) == pytest.approx(clustered.independent_errors(dense.fit), rel=0.1)


def test_units_are_said_and_convert() -> None:
    found = scale(comparisons([[0, 75], [25, 0]]), "thurstone", prior=1e4)
    assert found.jod[0] - found.jod[1] == pytest.approx(1, abs=1e-4)  # three of four
    found = scale(comparisons([[0, 75], [25, 0]]), "bradley-terry", prior=1e4)
    assert found.jod[0] - found.jod[1] == pytest.approx(1, abs=1e-4)
    assert "odds" in found.link.unit


def test_what_is_no_question_is_refused() -> None:
    with pytest.raises(ValueError, match="no votes"):
        scale(comparisons_of(("a", "b"), [("a", "b", "unsure", "o", "s")]))
    with pytest.raises(ValueError, match="not 'elo'"):
        link("elo")
    with pytest.raises(ValueError, match="Davidson's ties belong to bradley-terry"):
        link("thurstone", "davidson")


def test_pairs_are_counted_once_and_in_order() -> None:
    found: Pairs = pairs_of(comparisons_of("abc", [
        ("b", "a", "first", "o", "s"), ("a", "b", "first", "o", "s"), ("a", "b", "tie", "o", "s"), ("c", "a", "second", "o", "s")
    ]))  # fmt: skip
    assert list(itertools.chain(zip(found.first, found.second, strict=True))) == [(0, 1), (0, 2)]
    assert (found.won.tolist(), found.lost.tolist(), found.tied.tolist()) == ([1, 1], [1, 0], [1, 0])
    assert found.wins.tolist() == [2.5, 1.5, 0]
    assert found.votes.tolist() == [4, 3, 1]
