"""Pairs that people look at and can't tell: how many of these answers are too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from labelling.store.records import UNSURE, Vote


def is_undecidable(votes: Any, unsure: Any, asked: int) -> Any:
    """True for a pair that lacks votes, and of which more than half as many observers as votes are asked for said that
    they can't tell. `votes` and `unsure` are numbers of observers, arrays of them, or columns of a query.
    """
    return (votes < asked) & (2 * unsure > asked)


def undecidable_pairs(votes: Iterable[Vote], asked: int) -> set[str]:
    """Keys of the undecidable pairs among those that the effective `votes`, "can't tell" included, are about."""
    counts = Counter((vote.key, vote.preferred == UNSURE) for vote in votes)
    return {key for key, _ in counts if is_undecidable(counts[key, False], counts[key, True], asked)}
