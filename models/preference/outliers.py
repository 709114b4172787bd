"""Whose answers are not those of somebody who looks: by likelihood, side, repeats and speed. numpy only.

The likelihood is that of an observer's votes under a model of the others' votes (as the outlier analysis of pwcmp,
Perez-Ortiz and Mantiuk 2017), compared with its distribution for somebody who votes as they do, and for somebody who
answers at random. A pair's share of votes for its low picture is Beta(c / 2, c / 2); c is estimated from the others, at
the weak end of what fits them, so that what little they agree on is not overrated. Where the others are too close to
chance nobody can be told from a guesser, and that is said instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from models.preference.agreement import chance_of_at_least

ENOUGH_TIMED = 10
FASTEST_SECONDS = 0.5
ENOUGH_COMPARED = 30
ENOUGH_SIDES = 10
ENOUGH_REPEATS = 8
TOLD = 0.8  # a guesser would be noticed this often, or it is said that it cannot be told
RISK = 0.02  # of naming one honest observer by the likelihood
PANEL_RISK = 0.01  # of naming any honest observer of a panel by sides, and by repeats (Holm 1979)
BETTER_THAN_CHANCE = 0.05

_TIE = 2
_CONCENTRATIONS = np.append(np.geomspace(0.2, 2000, 60), np.inf)
_FIXED = 0.2  # sides by chance are the same for two observers of a pair in half of cases, in less than 1 - this
_DROP = 1.35  # in log likelihood: the weak end of a one-sided 95 % interval of the concentration


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """All answers of a round: arrays (K,). `pair`, `observer`: indices below `pairs`, `observers`.

    `choice`: 0 the low picture, 1 the high one, 2 a tie, 3 can't tell. `left_low`: the low one was shown left.
    `seconds`: NaN where unknown. `repeat`: a pair shown again, sides swapped; not a vote.
    """

    pair: np.ndarray
    observer: np.ndarray
    choice: np.ndarray
    left_low: np.ndarray
    seconds: np.ndarray
    repeat: np.ndarray
    pairs: int
    observers: int


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

    Speed: the median of at least 10 timed answers is under 0.5 s, less than it takes to look at two pictures. Side, at
    least 10 answers: so uneven a share of left ones is improbable, where sides were drawn by chance. Repeats, at least 8: fewer answered as before than the pairs alone explain. Likelihood, at least 30 votes on pairs
    that others voted on: improbable for somebody who votes as they do, and not better than a guesser's. Of honest observers 2 % are named by
    their likelihood, so of fifty one is expected; by sides and by repeats one in a hundred panels. Who is named is left
    out of what the others are compared with.
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
        concentration = _concentration(others)
        shares = _shares(others, concentration)
        tests["repeats"][observer] = _repeats(answers, observer, others, concentration)
        tests["likelihood"][observer] = _likelihood(answers, mine, others, shares)
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


def _repeats(answers: Answers, observer: int, others: np.ndarray, concentration: float) -> _Test:
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
    shares, counts = _shares(others, concentration)[places], others.sum(1)[places]
    spread = np.zeros(total) if np.isinf(concentration) else shares * (1 - shares) / (concentration + counts + 1)
    return _Test(_at_most(float(same), np.ones(total), shares**2 + (1 - shares) ** 2 + 2 * spread), text)


def _likelihood(answers: Answers, mine: np.ndarray, others: np.ndarray, shares: np.ndarray) -> _Test:
    places, low = answers.pair[mine], answers.choice[mine] == 0
    seen = others[places].sum(1) > 0
    p, low = shares[places[seen]], low[seen]
    total = len(p)
    if total < ENOUGH_COMPARED:
        return _Test(1.0, "", f"only {total} votes on pairs that others voted on")
    weights = np.log(p) - np.log1p(-p)
    if not np.abs(weights).max() > 1e-3:
        return _Test(1.0, "", "the others do not agree more than by chance")
    value = float(weights[low].sum())
    honest = _at_most(value, weights, p)
    # How often a guesser is noticed: below the value that somebody honest falls short of with probability RISK.
    mean, spread = float((weights * p).sum()), float(np.sqrt((weights**2 * p * (1 - p)).sum()))
    limit = mean + _normal_quantile(RISK) * spread
    middle, width = float(weights.sum()) / 2, float(np.sqrt((weights**2).sum())) / 2
    noticed = _normal((min(limit, middle - _normal_quantile(BETTER_THAN_CHANCE) * width) - middle) / width)
    untold = None
    if noticed < TOLD:
        untold = f"the pairs are too close: a guesser would be noticed in {100 * noticed:.0f} % of cases"
    guessed = _at_most(value, weights, np.full(total, 0.5))
    if 1 - guessed <= BETTER_THAN_CHANCE:
        return _Test(1.0, "", untold)  # worse than the others perhaps, but somebody who looks
    leaning = p != 0.5
    agree, expected = int((low == (p > 0.5))[leaning].sum()), float(np.maximum(p, 1 - p)[leaning].sum())
    what = "votes against the others" if guessed <= PANEL_RISK else "no better than a guess"
    text = f"{what}: {agree} of {int(leaning.sum())} votes are as the others lean, {expected:.0f} are expected"
    return _Test(honest, text, untold)


# The model of a pair


def _concentration(counts: np.ndarray) -> float:
    """c of Beta(c / 2, c / 2) over the pairs' shares; counts (P, 2). The weakest agreement that fits; inf for none."""
    cells, weights = np.unique(np.sort(counts[counts.sum(1) > 1], axis=1), axis=0, return_counts=True)
    if not len(cells):
        return math.inf
    finite = _CONCENTRATIONS[:-1]
    logs = np.empty(len(_CONCENTRATIONS))
    top = int(cells.sum(1).max())
    steps = np.arange(top)
    half = np.concatenate([np.zeros((1, len(finite))), np.cumsum(np.log(finite / 2 + steps[:, None]), axis=0)])
    whole = np.concatenate([np.zeros((1, len(finite))), np.cumsum(np.log(finite + steps[:, None]), axis=0)])
    logs[:-1] = weights @ (half[cells[:, 0]] + half[cells[:, 1]] - whole[cells.sum(1)])
    logs[-1] = -math.log(2) * (weights @ cells.sum(1))
    return float(_CONCENTRATIONS[logs >= logs.max() - _DROP].max())


def _shares(counts: np.ndarray, concentration: float) -> np.ndarray:
    """(P,) probability that the next vote is for the low picture, given counts (P, 2)."""
    if math.isinf(concentration):
        return np.full(len(counts), 0.5)
    return (counts[:, 0] + concentration / 2) / (counts.sum(1) + concentration)


# Distributions


def _at_most(value: float, weights: np.ndarray, p: np.ndarray) -> float:
    """P(sum_k weights_k X_k <= value), X_k ~ Bernoulli(p_k), by the saddlepoint of Lugannani and Rice (1980)."""
    lowest, highest = float(weights.clip(max=0).sum()), float(weights.clip(min=0).sum())
    slack = 1e-9 * (1 + highest - lowest)
    if value >= highest - slack:
        return 1.0
    if value <= lowest + slack:
        return float(np.exp(np.log(np.where(weights > 0, 1 - p, np.where(weights < 0, p, 1.0))).sum()))
    mean, variance = float((weights * p).sum()), float((weights**2 * p * (1 - p)).sum())
    if abs(value - mean) < 0.05 * math.sqrt(variance):
        return _normal((value - mean) / math.sqrt(variance))
    odds = np.log(p) - np.log1p(-p)
    low, high = (-1.0, 0.0) if value < mean else (0.0, 1.0)

    def slopes(t: float) -> tuple[float, float]:
        tilted = _logistic(odds + weights * t)
        return float(weights @ tilted), float((weights**2) @ (tilted * (1 - tilted)))

    while slopes(low)[0] > value:
        low *= 2
    while slopes(high)[0] < value:
        high *= 2
    t = min(max((value - mean) / variance, low), high)
    for _ in range(60):  # Newton's steps, kept between the bounds
        slope, curve = slopes(t)
        low, high = (t, high) if slope < value else (low, t)
        step = (value - slope) / curve if curve > 0 else math.inf
        if abs(step) < 1e-9 * (1 + abs(t)):
            break
        t = t + step if low < t + step < high else (low + high) / 2
    # log (1 - p + p e^wt), from the odds, so that nothing overflows
    cumulant = float((np.logaddexp(0, odds + weights * t) - np.logaddexp(0, odds)).sum())
    root = math.copysign(math.sqrt(max(0.0, 2 * (t * value - cumulant))), t)
    width = t * math.sqrt(slopes(t)[1])
    density = math.exp(-root * root / 2) / math.sqrt(2 * math.pi)
    return min(1.0, max(0.0, _normal(root) + density * (1 / root - 1 / width)))


def _logistic(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _normal_quantile(p: float) -> float:
    return NormalDist().inv_cdf(p)
