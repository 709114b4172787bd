"""Whether observers fall into two groups that do not prefer the same: two tastes, or some who agreed on their answers.

One taste is models.preference.reliability with nobody who prefers the contrary; two are two of these, each with differences of
its own. A candidate for the two groups is where the observers' residuals (answers less what the one taste expects) agree within
and not across: a cut through the first eigenvector of their agreement. Then each observer goes to the group whose answers, the
observer's own left out, say theirs better, until nobody moves. Two tastes are said where

- the answers are more probable by them by more than all ways to split the observers could give by chance (a uniform prior over
  splits, and ODDS),
- the groups prefer differently in a good share of pairs, and each has differences that spread (a group of guessers has none),
- each foresees its own members better than the other does (a loner and whoever is nearest are no group),
- the cut parts the observers more clearly than it parts one of twenty panels whose members each have a taste of their own: people
  differ. Panels of six and less seldom part so clearly.

Who are few and who collude cannot be told apart from who have another taste; and where most collude, they are the taste.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, identity, kron
from scipy.special import ndtr

from models.preference.answering import DIFFERENCES, SIDES, answering
from models.preference.comparisons import Comparisons
from models.preference.reliability import Pairs, Reliability, chances, counted, reliability

ENOUGH_ANSWERS = 10  # of an observer who is counted
FEWEST = 2  # observers of a taste
ODDS = 20.0  # for two tastes and against one
CONFLICT = 0.2  # of pairs, at least, that the two prefer differently
LEAST_SPREAD = (
    0.5  # root mean square of a taste's differences, in units of noise: those of people who guess hardly spread
)
MANY = 50  # directions in which tastes differ, where pairs stand alone
DRAWS = 1000  # of panels without groups
MOVES = 10  # times that observers change groups, at most


@dataclass(frozen=True, kw_only=True)
class Tastes:
    """groups: names of the observers of each taste, the larger first; empty where one taste says it all. odds: log odds for two
    tastes and against one, NaN where nobody could tell. conflict: share of the pairs that the groups prefer differently,
    expected. reason: why nobody could tell, else None.
    """

    groups: tuple[tuple[str, ...], ...] = ()
    odds: float = math.nan
    conflict: float = math.nan
    reason: str | None = None

    def sentence(self) -> str | None:
        """What to say to people; None where there is one taste, or nobody could tell."""
        if not self.groups:
            return None
        first, second = (", ".join(group) for group in self.groups)
        return (
            f"two tastes: {first} against {second}; they prefer differently in about {100 * self.conflict:.0f} % of pairs "
            "(another taste, or a group that agreed on its answers: votes cannot tell which)"
        )


def agreed(compared: Comparisons, *, pooled: bool = False) -> tuple[Reliability, Tastes]:
    """What observers agree on, each weighed by how far they can be relied on. Where there are two tastes, the larger group alone
    tells of the pairs, and the others are measured by it: a few who agreed on their answers are so much of one mind that they
    would else be believed before all others. Of two equal groups all are heard.
    """
    found = tastes(compared, pooled=pooled)
    heard = found.groups[0] if found.groups and len(found.groups[0]) > len(found.groups[1]) else ()
    return reliability(compared, pooled=pooled, trusted=heard), found


def tastes(compared: Comparisons, *, pooled: bool = False) -> Tastes:
    """Look for two tastes. pooled: as in `reliability`. Observers with fewer than 10 answers, and pairs that one observer alone
    answered, are left out.
    """
    answers = np.bincount(compared.observer, minlength=len(compared.observers))
    kept = np.flatnonzero(answers >= ENOUGH_ANSWERS)
    if len(kept) < 2 * FEWEST:
        return Tastes(
            reason=f"{len(kept)} observers have {ENOUGH_ANSWERS} answers or more, and two tastes are of four or more"
        )
    among = _among(compared, kept)
    one = reliability(among, pooled=pooled, opposed=0.0)
    pairs, counts = counted(among)
    split, parted = _split(_agreement(pairs, counts, one, pooled))
    odds, conflict, least, best = -math.inf, 0.0, 0.0, split
    for _ in range(MOVES):
        if not _large_enough(split):
            break
        two = [reliability(among.where(split[among.observer] == group), pooled=pooled, opposed=0.0) for group in (0, 1)]
        # Observers without answers in a group add nothing to its evidence: they are believed to be what is expected.
        found = two[0].evidence + two[1].evidence - one.evidence - (len(kept) - 1) * math.log(2)
        if found <= odds:
            break
        odds, conflict, least, best = found, _conflict(two, pooled), min(map(_spread, two)), split
        split = np.argmax([_predicted(pairs, counts, group, split == place) for place, group in enumerate(two)], axis=0)
    # Those who were put together by the cut may not foresee one another: a loner is no taste.
    usual = _usually_parted(len(kept), len(among.items) - 1 if pooled else MANY)
    if parted < usual or not _large_enough(split):
        return Tastes(odds=odds, conflict=conflict)
    split = best
    if odds < math.log(ODDS) or conflict < CONFLICT or least < LEAST_SPREAD:
        return Tastes(odds=odds, conflict=conflict)
    groups = [tuple(compared.observers[place] for place in kept[split == group]) for group in (0, 1)]
    groups.sort(key=lambda names: (-len(names), names))
    return Tastes(groups=tuple(groups), odds=odds, conflict=conflict)


def _among(compared: Comparisons, kept: np.ndarray) -> Comparisons:
    """The answers of these observers, who are all the observers there are."""
    place = np.full(len(compared.observers), -1)
    place[kept] = np.arange(len(kept))
    rows = compared.where(place[compared.observer] >= 0)
    return Comparisons(
        items=rows.items, observers=tuple(compared.observers[i] for i in kept), scenes=rows.scenes, first=rows.first,
        second=rows.second, choice=rows.choice, observer=place[rows.observer], scene=rows.scene, left=rows.left,
    )  # fmt: skip


def _spread(group: Reliability) -> float:
    """Root mean square of what is expected of a group's differences."""
    return float(np.sqrt((group.difference**2).mean()))


def _large_enough(split: np.ndarray) -> bool:
    return min(split.sum(), (~split.astype(bool)).sum()) >= FEWEST


def _agreement(pairs: Pairs, counts: csr_matrix, one: Reliability, pooled: bool) -> np.ndarray:
    """(O, O): product of two observers' residuals over what both answered, by the root of how much that is; diagonal 0."""
    observers = len(one.answers)
    per_observer = identity(observers, format="csr")
    answered = counts @ kron(per_observer, np.ones((2 * len(SIDES), 1)), format="csr")
    given = counts @ kron(per_observer, np.tile([[1.0], [-1.0]], (len(SIDES), 1)), format="csr")
    expected = one.beliefs.of_pairs @ (2 * ndtr(DIFFERENCES) - 1)
    residual = given - answered.multiply(expected[:, None]).tocsr()
    if pooled:  # what is said of the same two items in any scene
        _, group = np.unique(pairs.first * (pairs.second.max() + 1) + pairs.second, return_inverse=True)
        places = (group.reshape(-1), np.arange(len(group)))
        gathered = coo_matrix((np.ones(len(group)), places)).tocsr()
        residual, answered = gathered @ residual, gathered @ answered
    products, common = (residual.T @ residual).toarray(), (answered.T @ answered).toarray()
    agreement = products / np.sqrt(common + 1)
    np.fill_diagonal(agreement, 0.0)
    return np.asarray(agreement)


def _split(agreement: np.ndarray) -> tuple[np.ndarray, float]:
    """(O,) 0 or 1: the cut through the eigenvector of the largest eigenvalue that leaves the least variance in two groups, of
    FEWEST observers at least; and the share of the variance that it takes away.
    """
    leading = np.linalg.eigh(agreement)[1][:, -1]
    order = np.argsort(leading, kind="stable")
    leading = leading[order] - leading.mean()
    sums = np.cumsum(leading)
    below = np.arange(FEWEST, len(leading) - FEWEST + 1)
    between = sums[below - 1] ** 2 * (1 / below + 1 / (len(leading) - below))
    split = np.zeros(len(leading), dtype=int)
    split[order[below[np.argmax(between)] :]] = 1
    return split, float(between.max() / max((leading**2).sum(), np.finfo(float).tiny))


@cache
def _usually_parted(observers: int, directions: int) -> float:
    """The share that `_split` takes away in one of twenty panels whose members each have a taste of their own, normal in so many
    directions: people differ, and no two groups do.
    """
    random = np.random.default_rng(observers)
    found = []
    for _ in range(DRAWS):
        own = random.normal(size=(observers, directions))
        agreement = own @ own.T
        np.fill_diagonal(agreement, 0.0)
        found.append(_split(agreement)[1])
    return float(np.quantile(found, 0.95))


def _predicted(pairs: Pairs, counts: csr_matrix, group: Reliability, inside: np.ndarray) -> np.ndarray:
    """(O,): log probability of each observer's answers by a group's, without their own (inside: (O,) who is of it).

    Pairs that nobody else of the group answered are believed to be as any.
    """
    cells, width = 2 * len(SIDES), len(DIFFERENCES)
    of_group = _placed(pairs, group)
    found = counts.tocoo()
    observer = found.col // cells
    keys, entry = np.unique(found.row.astype(np.int64) * len(inside) + observer, return_inverse=True)
    row, who = keys // len(inside), keys % len(inside)
    model = answering(0.0)
    usual = np.log(np.tensordot(model.prior, np.exp(model.logs), 1)).reshape(cells, width)
    weights = coo_matrix(
        (found.data, (entry.reshape(-1), np.arange(len(entry)))), shape=(len(keys), len(entry))
    ).tocsr()
    theirs = weights @ usual[found.col % cells]
    own = weights @ (group.beliefs.messages.reshape(-1, width)[found.col] * inside[observer][:, None])
    others = chances(np.log(np.maximum(of_group[row], 1e-300)) - own)[0]
    logs = np.log((others * np.exp(theirs)).sum(1))
    return np.bincount(who, logs, len(inside))


def _placed(pairs: Pairs, group: Reliability) -> np.ndarray:
    """(P, D): what a group believes of the pairs; of those that it did not answer what it expects of any."""
    size = max(int(pairs.second.max()), int(group.pairs.second.max())) + 1
    codes, known = ((one.scene * size + one.first) * size + one.second for one in (pairs, group.pairs))
    means = np.zeros(len(codes))
    if group.scores is not None:
        means = group.scores[pairs.first] - group.scores[pairs.second]
    found = chances(-((DIFFERENCES - means[:, None]) ** 2) / (2 * group.spread**2))[0]
    found[np.searchsorted(codes, known)] = group.beliefs.of_pairs
    return found


def _conflict(two: list[Reliability], pooled: bool) -> float:
    """Share of pairs that two groups prefer differently: of the items that have scores, else expected of the pairs of both."""
    one, other = two
    if pooled and one.scores is not None and other.scores is not None:
        i, j = np.unique(np.stack([one.pairs.first, one.pairs.second]), axis=1)
        return float(((one.scores[i] > one.scores[j]) != (other.scores[i] > other.scores[j])).mean())
    size = int(max(one.pairs.second.max(), other.pairs.second.max())) + 1
    codes = [(group.pairs.scene * size + group.pairs.first) * size + group.pairs.second for group in two]
    _, here, there = np.intersect1d(codes[0], codes[1], assume_unique=True, return_indices=True)
    if not len(here):
        return 0.0
    first, second = one.preferred[here], other.preferred[there]
    return float((first * (1 - second) + second * (1 - first)).mean())
