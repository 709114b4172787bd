"""Scores that come from the prior are told (Ford's condition)."""

from __future__ import annotations

from test_scaling import chain, comparisons

from models.preference.connectivity import from_prior, groups
from models.preference.pairs import Pairs, pairs_of


def pairs(wins: str, size: int) -> Pairs:
    return pairs_of(comparisons(chain(wins, size)))


def test_fords_condition() -> None:
    assert from_prior(pairs("01 12 20", 3)) == (None, None, None)
    assert from_prior(pairs("01 12 20 30 31", 4)) == (None, None, None, "undefeated")
    assert from_prior(pairs("01 12 20 03", 4)) == (None, None, None, "never preferred")
    assert from_prior(pairs("01 12 20", 4)) == (None, None, None, "never compared")
    # A chain: nobody beats anybody back, the middle one neither.
    beaten = ("undefeated", "compared with the others only one way round", "never preferred")
    assert from_prior(pairs("01 12", 3)) == beaten


def test_a_tie_is_half_a_win_each_way() -> None:
    assert from_prior(pairs_of(comparisons(chain("01", 2), [[0, 1], [0, 0]]))) == (None, None)


def test_groups_that_never_met_are_marked() -> None:
    assert from_prior(pairs("01 10 23 32", 4)) == ("compared only within its group",) * 4
    found = pairs("01 10 23 34 42", 5)
    assert from_prior(found) == ("compared only within its group",) * 2 + (None,) * 3
    assert groups(found) == 2
