"""Whose answers are not those of somebody who looks: by likelihood, side, repeats and speed. numpy only.

The likelihood is that of an observer's votes under a model of the others' votes (as the outlier analysis of pwcmp,
Perez-Ortiz and Mantiuk 2017), compared with its distribution for somebody who votes as they do, and for somebody who
answers at random. The model is models.preference.consensus. Where the others are too close to chance nobody can be told
from a guesser, and that is said instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.preference.agreement import chance_of_at_least
from models.preference.consensus import Consensus, consensus
from models.preference.distributions import at_most, normal, normal_quantile

ENOUGH_TIMED = 10
FASTEST_SECONDS = 0.5
ENOUGH_COMPARED = 30
ENOUGH_SIDES = 10
ENOUGH_REPEATS = 8
TOLD = 0.8  # a guesser would be noticed this often, or it is said that it cannot be told
RISK = 0.03  # of naming one honest observer by the likelihood
PANEL_RISK = 0.01  # of naming any honest observer of a panel by sides, and by repeats (Holm 1979)
BETTER_THAN_CHANCE = 0.05

_TIE = 2
_FIXED = 0.2  # sides by chance are the same for two observers of a pair in half of cases, in less than 1 - this


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """All answers of a round: arrays (K,). `pair`, `observer`: indices below `pairs`, `observers`.

    `choice`: 0 the low picture, 1 the high one, 2 a tie, 3 can't tell. `left_low`: the low one was shown left.
    `seconds`: NaN where unknown. `repeat`: a pair shown again, sides swapped; not a vote. `group`:
    (pairs,) which pairs compare the same two methods, low being the same one of them; None where that is not known.
    """

    pair: np.ndarray
    observer: np.ndarray
    choice: np.ndarray
    left_low: np.ndarray
    seconds: np.ndarray
    repeat: np.ndarray
    pairs: int
    observers: int
    group: np.ndarray | None = None


@dataclass(frozen=True)
class Verdict:
    """reasons: why the answers look as if nobody looked, each a sentence; empty for who is not named.

    untold: why this cannot be told by the votes (yet), None where it can, or where there is a reason.
    """

    reasons: tuple[str, ...] = ()
    untold: str | None = None


@dataclass(frozen=True)
class _Test:
    """p: of as bad an answer from somebody honest; 1 where there are too few. text: what is said of a small p."""

    p: float
    text: str
    untold: str | None = None


def judge(answers: Answers) -> list[Verdict]:
    """A verdict on each observer. A hint to talk to somebody, and to look at the results without them.

    Speed: the median of at least 10 timed answers is under 0.5 s, less than it takes to look at two pictures.
    Side, at least 10 answers: so uneven a share of left ones is improbable, where sides were drawn by chance.
    Repeats, at least 8: fewer were answered as before than the pairs alone explain.
    Likelihood, at least 30 votes on pairs that others voted on: improbable for somebody who votes as they do, and not
    better than a guesser's.
    Of honest observers at most 3 % are named by their likelihood, so of a hundred three; by sides and by repeats one panel
    in a hundred has one. Who is named is left out of what the others are compared with.
    """
    everyone = range(answers.observers)
    found: dict[int, list[str]] = {o: [] for o in everyone}
    for observer in everyone:
        if text := _speed(answers, observer):
            found[observer].append(text)
    sides = {o: _side(answers, o) for o in everyone} if _sides_vary(answers) else {}
    for observer in _named(sides, "side"):
        found[observer].append(sides[observer].text)
    left_out = {o for o in everyone if found[o]}
    while True:
        tests = _compared(answers, left_out)
        new = [o for what in tests for o in _named(tests[what], what) if o not in left_out]
        if not new:
            break
        # The worst alone: the others are judged again without it.
        left_out.add(min(new, key=lambda o: min(test[o].p for test in tests.values())))
    for what in tests:
        for observer in _named(tests[what], what):
            found[observer].append(tests[what][observer].text)
    return [Verdict(tuple(found[o]), None if found[o] else tests["likelihood"][o].untold) for o in everyone]


def _compared(answers: Answers, left_out: set[int]) -> dict[str, dict[int, _Test]]:
    tests: dict[str, dict[int, _Test]] = {"repeats": {}, "likelihood": {}}
    votes = ~answers.repeat & (answers.choice < _TIE)
    inside = ~np.isin(answers.observer, list(left_out))
    cells = answers.pair.astype(np.int64) * 2 + answers.choice
    total = np.bincount(cells[votes & inside], minlength=2 * answers.pairs).reshape(-1, 2)
    for observer in range(answers.observers):
        mine = votes & (answers.observer == observer)
        others = total
        if observer not in left_out:
            others = total - np.bincount(cells[mine], minlength=2 * answers.pairs).reshape(-1, 2)
        model = consensus(others, answers.group)
        tests["repeats"][observer] = _repeats(answers, observer, model)
        tests["likelihood"][observer] = _likelihood(answers, mine, others, model)
    return tests


def _named(tests: dict[int, _Test], what: str) -> list[int]:
    """By the likelihood those whose p is too small; else by Holm's step-down test: too small to be one of so many."""
    named: list[int] = []
    for observer in sorted(tests, key=lambda o: tests[o].p):
        risk = RISK if what == "likelihood" else PANEL_RISK / (len(tests) - len(named))
        if tests[observer].p > risk:
            break
        named.append(observer)
    return named


def _speed(answers: Answers, observer: int) -> str | None:
    seconds = answers.seconds[answers.observer == observer]
    seconds = seconds[~np.isnan(seconds)]
    if len(seconds) < ENOUGH_TIMED or (median := float(np.median(seconds))) >= FASTEST_SECONDS:
        return None
    return f"too fast to have looked: half of the {len(seconds)} answers took at most {median:.2f} s"


def _sides_vary(answers: Answers) -> bool:
    """Whether pairs were shown with sides by chance; imported votes may know no sides, or have the better one left."""
    shown = np.bincount(answers.pair, minlength=answers.pairs)
    low = np.bincount(answers.pair, weights=answers.left_low, minlength=answers.pairs)
    equal, possible = (low * (low - 1) + (shown - low) * (shown - low - 1)).sum(), (shown * (shown - 1)).sum()
    return bool(_FIXED < low.sum() / max(1, shown.sum()) < 1 - _FIXED and equal <= (1 - _FIXED) * possible)


def _side(answers: Answers, observer: int) -> _Test:
    mine = (answers.observer == observer) & (answers.choice < _TIE)
    left = (answers.choice[mine] == 0) == answers.left_low[mine]
    count, total = int(left.sum()), len(left)
    text = f"{count} of {total} answers are for the left picture"
    if total < ENOUGH_SIDES:
        return _Test(1.0, text)
    return _Test(min(1.0, 2 * chance_of_at_least(max(count, total - count), total)), text)


def _repeats(answers: Answers, observer: int, model: Consensus) -> _Test:
    mine = (answers.observer == observer) & (answers.choice < _TIE)
    before = np.full(answers.pairs, -1)
    votes, again = mine & ~answers.repeat, mine & answers.repeat
    before[answers.pair[votes]] = answers.choice[votes]
    known = np.flatnonzero(again)[before[answers.pair[again]] >= 0]
    places = answers.pair[known]
    same, total = int((before[places] == answers.choice[known]).sum()), len(known)
    text = f"only {same} of {total} repeats were answered as the first time"
    if total < ENOUGH_REPEATS or chance_of_at_least(same, total) <= BETTER_THAN_CHANCE:
        return _Test(1.0, text)
    # Somebody who votes twice as the others do; one who remembers, or has a taste, is more often of the same mind.
    shares = model.shares[places]
    expected = shares**2 + (1 - shares) ** 2 + 2 * model.variances[places]
    return _Test(at_most(float(same), np.ones(total), expected.clip(max=1 - 1e-9)), text)


def _likelihood(answers: Answers, mine: np.ndarray, others: np.ndarray, model: Consensus) -> _Test:
    places, low = answers.pair[mine], answers.choice[mine] == 0
    known = others.sum(1) > 0 if answers.group is None else np.ones(answers.pairs, dtype=bool)
    places, low = places[known[places]], low[known[places]]
    p = model.shares[places]
    total = len(p)
    if total < ENOUGH_COMPARED:
        return _Test(1.0, "", f"only {total} votes on pairs that others voted on")
    weights = np.log(p) - np.log1p(-p)
    if not np.abs(weights).max() > 1e-3:
        return _Test(1.0, "", "the others do not agree more than by chance")
    value = float(weights[low].sum())
    mean, variance = float((weights * p).sum()), float((weights**2 * p * (1 - p)).sum())
    # Votes on a group share what is not known of its share: the deviation is measured by both spreads.
    shared = np.bincount(model.group[places], weights * model.loading[places], len(model.group_variances))
    spread = float(np.sqrt(variance + (shared**2 * model.group_variances).sum()))
    honest = at_most(mean + (value - mean) * np.sqrt(variance) / spread, weights, p)
    # How often a guesser is noticed: below the value that somebody honest falls short of with probability RISK.
    limit = mean + normal_quantile(RISK) * spread
    middle, width = float(weights.sum()) / 2, float(np.sqrt((weights**2).sum())) / 2
    noticed = normal((min(limit, middle - normal_quantile(BETTER_THAN_CHANCE) * width) - middle) / width)
    untold = None
    if noticed < TOLD:
        untold = f"the pairs are too close: a guesser would be noticed in {100 * noticed:.0f} % of cases"
    guessed = at_most(value, weights, np.full(total, 0.5))
    if 1 - guessed <= BETTER_THAN_CHANCE:
        return _Test(1.0, "", untold)  # worse than the others perhaps, but somebody who looks
    leaning = p != 0.5
    agree, expected = int((low == (p > 0.5))[leaning].sum()), float(np.maximum(p, 1 - p)[leaning].sum())
    what = "votes against the others" if guessed <= PANEL_RISK else "no better than a guess"
    text = f"{what}: {agree} of {int(leaning.sum())} votes are as the others lean, {expected:.0f} are expected"
    return _Test(honest, text, untold)
