"""Scores of items from comparisons, with intervals: the one front door of the estimators."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.preference.clustered import Errors, clustered_errors
from models.preference.comparisons import TIE, Comparisons
from models.preference.connectivity import from_prior, groups
from models.preference.fitting import PRIOR, Fit, fit
from models.preference.links import Link, link
from models.preference.pairs import pairs_of

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """Arrays (M,) of `items`. scores: mean zero, higher is better, in `link.unit`; errors: standard errors; low, high:
    bounds of the 95 % intervals; wins: votes won, a tie half; votes: votes it was in; from_prior: why a score comes from
    the prior, None where from votes.

    ties: how many votes; nu: Davidson's parameter, None where ties are half votes. groups: how many sets of items were never
    compared with each other. observers, scenes: clusters that the errors allow for. `errors_of` says it in a sentence,
    `cautions` what else to know, both for people.
    """

    items: tuple[str, ...]
    link: Link
    scores: np.ndarray
    errors: np.ndarray
    low: np.ndarray
    high: np.ndarray
    wins: np.ndarray
    votes: np.ndarray
    from_prior: tuple[str | None, ...]
    ties: int
    nu: float | None
    groups: int
    observers: int
    scenes: int
    fit: Fit
    spread: Errors

    @property
    def jod(self) -> np.ndarray:
        """(M,) scores in just-objectionable differences: three of four people who decide prefer what is 1 above."""
        return self.scores / self.link.jod

    @property
    def errors_of(self) -> str:
        """What the errors allow for, and what they cannot."""
        several = [
            f"{count} {name}"
            for count, name in ((self.observers, "observers"), (self.scenes, "photographs"))
            if count > 1
        ]
        alone = [name for count, name in ((self.observers, "observer"), (self.scenes, "photograph")) if count < 2]
        if not several:
            return "errors take every vote as independent: there is one observer and one photograph"
        said = f"errors and 95 % intervals allow for what the votes of each of {' and of each of '.join(several)} share"
        return f"{said}; how another {alone[0]} would differ cannot be told from one" if alone else said

    @property
    def cautions(self) -> tuple[str, ...]:
        """What must be known before the scores are read, each a sentence; empty where nothing is."""
        said = []
        if self.groups > 1:
            said.append(
                f"the comparisons fall into {self.groups} groups that were never compared with each other; "
                "scores between groups only reflect the prior"
            )
        total = round(float(self.votes.sum()) / 2)
        if self.ties == total:
            said.append(f"all {total} votes are ties: nothing was preferred, and that scores are equal says no more")
        elif all(self.from_prior) and self.groups == 1:
            said.append(
                "no score is determined by votes alone: whoever won was never beaten back; all lean on the prior"
            )
        if self.spread.floored.any() and self.ties != total:
            said.append(
                f"the answers vary too little to tell errors of {int(self.spread.floored.sum())} scores by observers and "
                "photographs; these take every vote as independent"
            )
        return tuple(said)


def scale(comparisons: Comparisons, model: str = "thurstone", ties: str | None = None, prior: float = PRIOR) -> Scores:
    """Maximum a posteriori scores of all items, with errors robust to what votes of an observer or on a scene share.

    model: bradley-terry or thurstone; ties: see models.preference.links.link; prior: standard deviation of a weak Gaussian prior
    that keeps the score of an undefeated item finite. A million votes on ten thousand items are a matter of seconds.
    Raises ValueError: no votes, an unknown model; NotConverged.
    """
    if not len(comparisons):
        raise ValueError("there are no votes to score by")
    found, pairs = link(model, ties), pairs_of(comparisons)
    fitted = fit(pairs, found, prior)
    spread = clustered_errors(fitted, comparisons)
    scores, reach = fitted.scores, spread.reach(LEVEL)
    return Scores(
        items=comparisons.items, link=found, scores=scores, errors=spread.errors, low=scores - reach, high=scores + reach,
        wins=pairs.wins, votes=pairs.votes, from_prior=from_prior(pairs), ties=int((comparisons.choice == TIE).sum()),
        nu=float(np.exp(fitted.log_nu)) if found.davidson else None, groups=groups(pairs), observers=spread.observers,
        scenes=spread.scenes, fit=fitted, spread=spread,
    )  # fmt: skip
