"""What observers agree on, weighed by how far each can be relied on: differences and observers estimated together.

Each pair (two items of a scene) has a true difference d, normal around 0, or around the difference of its items' scores
(`pooled`), by a spread that is estimated. Observers answer as models.preference.answering says. What is believed of the pairs and
of the observers is computed in turns, until it stays (mean field: Liu, Peng and Ihler, Variational inference for crowdsourcing,
NIPS 2012, with the observers of Chen et al., WSDM 2013); scores and spread are what fits this best (EM). Observers are expected
to prefer what is better: of a majority that agrees to answer the contrary nothing can be told, unless there are gold pairs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags, identity
from scipy.sparse.linalg import cg

from models.preference.answering import DIFFERENCES, OPPOSED, SIDES, Answering, answering
from models.preference.comparisons import FIRST, SECOND, TIE, UNKNOWN, Comparisons

PRIOR = 3.0  # standard deviation of the weak prior of a score, as in models.preference.thurstone
SPREADS = (0.25, 3.0)  # of differences; below the lower one the steps of DIFFERENCES would show
EXPECTED_SPREAD, AS_MANY_PAIRS = 1.0, 5.0  # what is expected of the spread, and how many pairs this counts for
ITERATIONS = 300
STILL = 5e-4  # the largest change of a chance that is none

Gold = tuple[str, str, str]
"""A pair of which the answer is known: scene, better item, worse item."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """What was compared: P pairs of a scene and two items, places in those of the comparisons, `first` being below `second`."""

    scene: np.ndarray
    first: np.ndarray
    second: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Reliability:
    """preferred: (P,) probability that the first item of a pair is better. difference: (P,) expected, spread: around its mean.

    scores: (M,), mean zero, higher is better; None where pairs are not pooled. Of observers (O,), means and standard deviations
    of what is believed. reliability: chance of preferring the better of two pictures that are one unit of noise apart: 0.5 for
    somebody who guesses, about 0.84 for somebody who looks, less than 0.5 for somebody who prefers what the others do not.
    left: chance of preferring the left one of two equal pictures. lapse: share of answers at random. answers: how many.
    evidence: lower bound of the log probability of the answers (of models that count the same answers).
    """

    pairs: Pairs
    preferred: np.ndarray
    difference: np.ndarray
    spread: float
    scores: np.ndarray | None
    answers: np.ndarray
    reliability: np.ndarray
    reliability_error: np.ndarray
    left: np.ndarray
    left_error: np.ndarray
    lapse: np.ndarray
    lapse_error: np.ndarray
    evidence: float
    beliefs: Beliefs

    @property
    def confidence(self) -> np.ndarray:
        """(P,): probability of the better of both being that, in [0.5, 1]."""
        return np.maximum(self.preferred, 1 - self.preferred)


@dataclass(frozen=True, kw_only=True, eq=False)
class Beliefs:
    """of_pairs: (P, D) chances of DIFFERENCES. messages: (O, 2 S, D) expected log chance of an answer, by SIDES and choice."""

    of_pairs: np.ndarray
    messages: np.ndarray


def reliability(
    compared: Comparisons,
    *,
    pooled: bool = False,
    gold: Iterable[Gold] = (),
    trusted: Collection[str] = (),
    opposed: float = OPPOSED,
) -> Reliability:
    """Estimate pairs and observers. A tie is half an answer for each; a pair that an observer is asked again (a hidden repeat) is
    one more answer, on another side: it tells of lapses and bias.

    pooled: items are met in many pairs (methods), and have scores; else each pair stands alone (two pictures). gold: pairs whose
    answer is known; those that nobody compared say nothing. trusted: who alone tell of the pairs, while the others are measured
    by them; empty: all. opposed: share of observers that is expected to prefer what the others do not. Raises ValueError: no
    comparisons; a gold pair of unknown names, or known both ways; somebody trusted who is no observer.
    """
    if not len(compared):
        raise ValueError("there are no comparisons to estimate from; leave nobody out, or label more")
    model = answering(opposed)
    pairs, counts = counted(compared)
    if missing := set(trusted) - set(compared.observers):
        raise ValueError(f"trusted names {', '.join(sorted(missing))}, who is no observer")
    heard = np.isin(compared.observers, list(trusted or compared.observers))
    return _estimate(compared, pairs, counts, model, pooled, _known(compared, pairs, gold), heard)


def counted(compared: Comparisons) -> tuple[Pairs, csr_matrix]:
    """The pairs, and how often (P, O 2 S) which observer answered what, by SIDES and choice, about each."""
    turned = compared.first > compared.second
    first, second = np.minimum(compared.first, compared.second), np.maximum(compared.first, compared.second)
    size = len(compared.items)
    codes, found, pair = np.unique(
        (compared.scene.astype(np.int64) * size + first) * size + second, return_index=True, return_inverse=True
    )
    pairs = Pairs(scene=compared.scene[found].astype(np.int64), first=first[found].astype(np.int64),
                  second=second[found].astype(np.int64))  # fmt: skip
    left = np.where(compared.left == UNKNOWN, UNKNOWN, compared.left ^ turned)
    side = np.select([left == FIRST, left == SECOND], [1, 2], 0)
    choice = np.where(compared.choice == TIE, TIE, compared.choice ^ turned)
    cell = (compared.observer.astype(np.int64) * len(SIDES) + side) * 2
    weights = np.stack([np.array([1.0, 0.0, 0.5])[choice], np.array([0.0, 1.0, 0.5])[choice]])
    rows, columns = np.tile(pair.reshape(-1), 2), np.concatenate([cell, cell + 1])
    shape = (len(codes), len(compared.observers) * len(SIDES) * 2)
    counts = coo_matrix((weights.reshape(-1), (rows, columns)), shape=shape).tocsr()
    counts.eliminate_zeros()
    return pairs, counts


def _known(compared: Comparisons, pairs: Pairs, gold: Iterable[Gold]) -> tuple[np.ndarray, np.ndarray]:
    """Bounds (P,) of the differences: 0 is the lower one where the first is known to be better."""
    places = {pair: place for place, pair in enumerate(zip(pairs.scene, pairs.first, pairs.second, strict=True))}
    items = {name: place for place, name in enumerate(compared.items)}
    scenes = {name: place for place, name in enumerate(compared.scenes)}
    known: dict[int, int] = {}
    for scene, better, worse in gold:
        for name, names, what in ((scene, scenes, "scene"), (better, items, "item"), (worse, items, "item")):
            if name not in names:
                raise ValueError(f"the gold pair {(scene, better, worse)} names the unknown {what} {name!r}")
        i, j = items[better], items[worse]
        place = places.get((scenes[scene], min(i, j), max(i, j)))
        if place is not None and known.setdefault(place, int(np.sign(j - i))) != np.sign(j - i):
            raise ValueError(
                f"the gold pairs say of {better!r} and {worse!r} in {scene!r} that both are the better one"
            )
    lowest, highest = np.full(len(pairs.scene), -np.inf), np.full(len(pairs.scene), np.inf)
    for place, sign in known.items():
        lowest[place], highest[place] = (1e-9, np.inf) if sign > 0 else (-np.inf, -1e-9)
    return lowest, highest


def _estimate(
    compared: Comparisons, pairs: Pairs, counts: csr_matrix, model: Answering, pooled: bool,
    bounds: tuple[np.ndarray, np.ndarray], heard: np.ndarray,
) -> Reliability:  # fmt: skip
    observers, kinds = len(compared.observers), len(model.prior)
    table = model.logs.reshape(kinds, -1)
    lowest, highest = (bound[:, None] for bound in bounds)
    possible = (lowest <= DIFFERENCES) & (highest >= DIFFERENCES)
    items = len(compared.items)
    means, scores, spread = np.zeros(len(pairs.scene)), np.zeros(items), EXPECTED_SPREAD
    telling = counts @ diags(np.repeat(heard, 2 * len(SIDES)).astype(float))
    # What gold pairs alone say of the observers; without these, what is expected of any.
    certain = (~possible).any(axis=1, keepdims=True) * _normal(means, spread, possible)
    of_observers = _believed(counts, certain, table, model.prior)
    preferred = np.full(len(pairs.scene), np.nan)
    for _ in range(ITERATIONS):
        messages = (of_observers @ table).reshape(observers * 2 * len(SIDES), len(DIFFERENCES))
        logs = np.asarray(telling @ messages) + np.log(np.where(possible, _normal(means, spread, possible), 1e-300))
        of_pairs, totals = chances(logs)
        evidence = float(totals.sum() - _divergence(of_observers[heard], model.prior))
        before, preferred = preferred, _chance_above_zero(of_pairs)
        if np.abs(preferred - before).max() < STILL:
            break
        of_observers = _believed(counts, of_pairs, table, model.prior)
        expected = of_pairs @ DIFFERENCES
        if pooled:
            scores = _scores(pairs, expected, scores, spread)
            means = scores[pairs.first] - scores[pairs.second]
        deviations = float((of_pairs * (DIFFERENCES - means[:, None]) ** 2).sum())
        variance = (deviations + AS_MANY_PAIRS * EXPECTED_SPREAD**2) / (len(means) + AS_MANY_PAIRS)
        spread = float(np.clip(np.sqrt(variance), *SPREADS))
    of_observers = _believed(counts, of_pairs, table, model.prior)
    told = {
        name: _moments(of_observers, values)
        for name, values in (
            ("reliability", model.preferring_better()), ("left", model.preferring_left()), ("lapse", model.lapse),
        )
    }  # fmt: skip
    columns: dict[str, Any] = {name: mean for name, (mean, _) in told.items()}
    columns |= {f"{name}_error": error for name, (_, error) in told.items()}
    return Reliability(
        pairs=pairs, preferred=preferred, difference=of_pairs @ DIFFERENCES, spread=spread,
        scores=scores - scores.mean() if pooled else None,
        answers=np.asarray(counts.sum(0)).reshape(observers, -1).sum(1), evidence=evidence,
        beliefs=Beliefs(of_pairs=of_pairs, messages=messages.reshape(observers, 2 * len(SIDES), -1)), **columns,
    )  # fmt: skip


def _normal(means: np.ndarray, spread: float, possible: np.ndarray) -> np.ndarray:
    """(P, D): chances of DIFFERENCES that are possible, normal around the means."""
    logs = np.where(possible, -((DIFFERENCES - means[:, None]) ** 2) / (2 * spread**2), -np.inf)
    return chances(logs)[0]


def _believed(counts: csr_matrix, of_pairs: np.ndarray, table: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """(O, K): chances of the kinds of observers, given what is believed of the pairs."""
    seen = np.asarray(counts.T @ of_pairs)
    logs = seen.reshape(-1, table.shape[1]) @ table.T + np.log(prior)
    return chances(logs)[0]


def chances(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(R, C) logs as chances that sum to 1 in each row, and the log (R,) of what they summed to."""
    highest = logs.max(1, keepdims=True)
    shares = np.exp(logs - highest)
    sums = shares.sum(1, keepdims=True)
    return shares / sums, (highest + np.log(sums))[:, 0]


def _divergence(of_observers: np.ndarray, prior: np.ndarray) -> float:
    """Sum over the observers of KL(believed || prior)."""
    return float((of_observers * (np.log(np.maximum(of_observers, 1e-300)) - np.log(prior))).sum())


def _chance_above_zero(of_pairs: np.ndarray) -> np.ndarray:
    middle = len(DIFFERENCES) // 2
    return of_pairs[:, middle + 1 :].sum(1) + of_pairs[:, middle] / 2


def _scores(pairs: Pairs, expected: np.ndarray, before: np.ndarray, spread: float) -> np.ndarray:
    """Minimise sum_p (s_i - s_j - d_p)^2 / spread^2 + |s|^2 / PRIOR^2."""
    size, count = len(before), len(expected)
    signs = np.concatenate([np.ones(count), -np.ones(count)])
    places = (np.tile(np.arange(count), 2), np.concatenate([pairs.first, pairs.second]))
    incidence = coo_matrix((signs, places), shape=(count, size)).tocsr()
    matrix = incidence.T @ incidence / spread**2 + identity(size) / PRIOR**2
    scale = diags(1 / matrix.diagonal())
    found, _ = cg(matrix, incidence.T @ expected / spread**2, x0=before, rtol=1e-8, maxiter=200, M=scale)
    return found


def _moments(of_observers: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = of_observers @ values
    return mean, np.sqrt(np.maximum(0.0, of_observers @ values**2 - mean**2))
