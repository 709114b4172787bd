"""The type that all estimators take: what it refuses, and what it counts."""

from __future__ import annotations

import numpy as np
import pytest

from models.preference.comparisons import FIRST, SECOND, TIE, UNKNOWN, Comparisons, comparisons_of, places


def answers(first: list[int], second: list[int], choice: list[int]) -> Comparisons:
    zeros = np.zeros(len(first), dtype=int)
    return Comparisons(
        items=("a", "b", "c"), observers=("o",), scenes=("s",), first=np.array(first), second=np.array(second),
        choice=np.array(choice), observer=zeros, scene=zeros,
    )  # fmt: skip


def test_wins_count_a_tie_half_to_each() -> None:
    found = answers([0, 1, 0], [1, 0, 2], [FIRST, FIRST, TIE])
    assert found.wins().tolist() == [[0, 1, 0.5], [1, 0, 0], [0.5, 0, 0]]
    assert found.left.tolist() == [UNKNOWN] * 3
    assert len(found.where(found.choice == TIE)) == 1


@pytest.mark.parametrize(
    "first, second, choice, said",
    [([0], [0], [FIRST], "itself"), ([0], [3], [SECOND], "second holds"), ([0], [1], [3], "choice holds"),
     ([0, 1], [1], [FIRST], "one length")],
)  # fmt: skip
def test_what_is_no_comparison_is_refused(first: list[int], second: list[int], choice: list[int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        answers(first, second, choice)


def test_places_are_of_names_in_order() -> None:
    names, found = places(["b", "a", "b"])
    assert names == ("a", "b")
    assert found.tolist() == [1, 0, 1]


def test_answers_in_words() -> None:
    rows = [
        ("b", "a", "first", "o", "p"), ("a", "c", "tie", "n", "q"), ("c", "a", "second", "o", "q"), ("b", "c", "unsure", "z", "z")
    ]  # fmt: skip
    found = comparisons_of("cba", rows)
    assert found.items == ("c", "b", "a")
    assert (found.observers, found.scenes) == (("n", "o"), ("p", "q"))
    assert found.wins().tolist() == [[0, 0, 0.5], [0, 0, 1], [1.5, 0, 0]]
    with pytest.raises(ValueError, match="not compared: b"):
        comparisons_of("ac", rows)
