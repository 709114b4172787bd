"""What the votes on pairs say, by `labels.consensus`, and what can be told of who gave them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from models.preference.comparisons import FIRST, SECOND, TIE, UNKNOWN, Comparisons, places
from models.preference.tastes import agreed
from tasks.training.preferred import by_majority

_CHOICES = {"first": FIRST, "second": SECOND, "tie": TIE}
_SWAPPED = {"first": SECOND, "second": FIRST}
NO_VERDICT = 1e-6  # nearer to 1/2 a chance is none


class UnknownObservers(ValueError):
    """labels.observers names somebody who has not voted."""


def by_reliability(labels: pd.DataFrame) -> pd.DataFrame:
    """Verdicts on pairs (see `by_majority`) by models.preference.tastes: votes count by how far their observers can be relied
    on, and of two tastes the larger group's; weight: 2 p - 1 of the probability p of the verdict.
    """
    compared = comparisons(labels)
    if not len(compared):
        return by_majority(labels)
    found, _ = agreed(compared)
    names = [compared.scenes[place].split("/", 1) for place in found.pairs.scene]
    # Items are named first and second, and `first` comes first in the order of names.
    rows = pd.DataFrame(names, columns=["round", "key"]).assign(
        preferred=np.where(found.preferred > 0.5, "first", "second"), weight=2 * found.confidence - 1
    )
    return rows[rows.weight > NO_VERDICT].reset_index(drop=True)


CONSENSUS: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "majority": by_majority,
    "reliability": by_reliability,
}
"""`labels.consensus` -> labels that count, verdicts."""


def of_observers(labels: pd.DataFrame, chosen: Sequence[str] | None) -> pd.DataFrame:
    """The labels of the observers that `labels.observers` names; None: all. Raises `UnknownObservers`."""
    if chosen is None or labels.empty:
        return labels
    known = sorted(set(labels.observer))
    if missing := [name for name in chosen if name not in known]:
        raise UnknownObservers(
            f"labels.observers names {', '.join(missing)}, who has not voted; who has: {', '.join(known)}"
        )
    return labels[labels.observer.isin(chosen)]


def comparisons(labels: pd.DataFrame) -> Comparisons:
    """Labels of decidable pairs, a scene each (ROUND/KEY), of the items `first` and `second`; then the repeats, sides swapped."""
    labels = labels[~labels.undecidable.astype(bool)]
    votes = labels[labels.choice.isin(list(_CHOICES))]
    # A repeat of an answer that was none says nothing that could be compared.
    again = votes[votes.again.isin(list(_CHOICES))]
    both = pd.concat([votes, again], ignore_index=True)
    names, observer = places(list(both.observer))
    scenes, scene = places([f"{one}/{key}" for one, key in zip(both["round"], both.key, strict=True)])
    left = [_CHOICES.get(side, UNKNOWN) for side in votes.left] + [_SWAPPED.get(side, UNKNOWN) for side in again.left]
    choice = [_CHOICES[said] for said in [*votes.choice, *again.again]]
    return Comparisons(
        items=("first", "second"), observers=names, scenes=scenes, first=np.zeros(len(both), dtype=int),
        second=np.ones(len(both), dtype=int), choice=np.array(choice, dtype=int), observer=observer.astype(int),
        scene=scene.astype(int), left=np.array(left, dtype=np.int8),
    )  # fmt: skip


def told_of_observers(labels: pd.DataFrame) -> dict[str, Any]:
    """For JSON: of each observer the answers, reliability, left and lapse with their errors (see
    `models.preference.reliability.Reliability`), and `tastes`, a sentence where there are two, else None.
    """
    compared = comparisons(labels)
    if not len(compared):
        return {"observers": [], "tastes": None}
    found, groups = agreed(compared)
    columns = ("reliability", "reliability_error", "left", "left_error", "lapse", "lapse_error")
    return {
        "observers": [
            {"observer": name, "answers": int(found.answers[place])}
            | {column: round(float(getattr(found, column)[place]), 4) for column in columns}
            for place, name in enumerate(compared.observers)
        ],
        "tastes": groups.sentence(),
    }
