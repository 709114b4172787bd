"""Who is named, on simulated panels with seeds; the whole table is printed by benchmarks.outliers."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.outliers import panel
from models.preference.outliers import Answers, judge

ROOT = Path(__file__).resolve().parents[3]


def named(family: str, difference: float, pairs: int, observers: int, known: bool, panels: int) -> list[list[bool]]:
    random = np.random.default_rng([pairs, observers, round(10 * difference)])
    return [
        [bool(verdict.reasons) for verdict in judge(panel(family, difference, pairs, observers, known, random))]
        for _ in range(panels)
    ]


@pytest.mark.parametrize("difference", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
def test_honest_people_are_not_named(difference: float) -> None:
    """Under 5 % of them, pairs alone and methods known, in small and large panels."""
    flat: list[bool] = []
    for pairs, observers, known in ((48, 6, False), (144, 10, False), (60, 15, True)):
        flat += [one for told in named("honest", difference, pairs, observers, known, 12) for one in told]
    assert np.mean(flat) < 0.05


@pytest.mark.parametrize("difference", [0.1, 0.8])
def test_always_left_is_found_at_any_difference_with_its_reason(difference: float) -> None:
    found = judge(panel("left", difference, 60, 6, False, np.random.default_rng(3)))
    assert any("for the left picture" in reason for reason in found[0].reasons)
    assert np.mean([told[0] for told in named("left", difference, 60, 6, False, 20)]) == 1.0


@pytest.mark.parametrize("family", ["random", "opposite"])
def test_guessers_and_the_contrary_are_found_where_there_is_something_to_see(family: str) -> None:
    assert np.mean([told[0] for told in named(family, 0.8, 60, 15, True, 30)]) > 0.8
    assert np.mean([told[0] for told in named(family, 0.8, 144, 15, False, 20)]) > 0.8


def test_the_contrary_is_told_from_a_guesser() -> None:
    found = judge(panel("opposite", 0.8, 144, 10, True, np.random.default_rng(0)))
    assert any("votes against the others" in reason for reason in found[0].reasons)


def test_where_pairs_are_too_close_it_says_so() -> None:
    found = judge(panel("honest", 0.1, 96, 10, False, np.random.default_rng(0)))
    assert all(not verdict.reasons for verdict in found)
    assert all(verdict.untold for verdict in found)
    clear = judge(panel("honest", 0.8, 144, 15, True, np.random.default_rng(0)))
    assert all(verdict.untold is None for verdict in clear)


def made(choices: list[list[int]], left_low: np.ndarray | None = None, seconds: float = 3.0) -> Answers:
    """One row an observer, one column a pair; sides by chance."""
    observers, pairs = np.shape(choices)
    if left_low is None:
        left_low = np.random.default_rng(0).random((observers, pairs)) < 0.5
    return Answers(
        pair=np.tile(np.arange(pairs), observers), observer=np.repeat(np.arange(observers), pairs),
        choice=np.ravel(choices), left_low=np.ravel(left_low), seconds=np.full(observers * pairs, seconds),
        repeat=np.zeros(observers * pairs, dtype=bool), pairs=pairs, observers=observers,
    )  # fmt: skip


def test_fast_answers_are_a_reason_of_their_own_from_ten_on() -> None:
    agreed = [[0] * 10] * 3
    assert all("too fast" in verdict.reasons[0] for verdict in judge(made(agreed, seconds=0.2)))
    assert not any(verdict.reasons for verdict in judge(made(agreed, seconds=0.6)))
    assert not any(verdict.reasons for verdict in judge(made([[0] * 9] * 3, seconds=0.2)))
    # The median: a few quick answers, or unknown times, are no reason.
    some = made(agreed, seconds=0.2)
    slow = np.where(np.arange(30) % 10 < 6, 2.0, 0.1)
    assert not any(verdict.reasons for verdict in judge(replace(some, seconds=slow)))
    assert not any(verdict.reasons for verdict in judge(replace(some, seconds=np.full(30, np.nan))))


def test_repeats_that_contradict_are_named_and_memory_is_not() -> None:
    """24 pairs again, sides swapped, each answered otherwise: nobody who looks does that, whatever the pairs."""
    random = np.random.default_rng(1)
    first = random.integers(0, 2, 24)
    base = made([first.tolist()] * 3)
    again = made([first.tolist()] * 3)
    for wrong in (False, True):
        choice = again.choice.copy()
        choice[:24] = 1 - choice[:24] if wrong else choice[:24]
        columns = {
            name: np.concatenate([getattr(base, name), getattr(again, name)])
            for name in ("pair", "observer", "left_low", "seconds")
        }
        both = Answers(
            **columns, choice=np.concatenate([base.choice, choice]), repeat=np.repeat([False, True], 72), pairs=24,
            observers=3,
        )  # fmt: skip
        reasons = judge(both)[0].reasons
        assert any("only 0 of 24 repeats" in reason for reason in reasons) is wrong


def test_sides_that_are_always_the_same_say_nothing_of_a_person() -> None:
    """Imported votes without sides: the better picture, which all choose, counts as left each time."""
    choices = [[0] * 40] * 3
    assert not any(v.reasons for v in judge(made(choices, np.ones((3, 40), dtype=bool))))


def test_few_votes_name_nobody() -> None:
    for pairs in (1, 2, 5, 9):
        found = judge(made([[0] * pairs, [0] * pairs, [1] * pairs]))
        assert not any(verdict.reasons for verdict in found)
        assert all("only" in str(verdict.untold) for verdict in found)
    assert judge(made([[0] * 50]))[0].untold == "only 0 votes on pairs that others voted on"


def test_ties_and_cannot_tell_are_no_votes() -> None:
    found = judge(made([[0] * 40, [0] * 40, [2, 3] * 20]))
    assert found[2].reasons == ()
    assert "only 0 votes" in str(found[2].untold)


def test_a_thousand_votes_take_less_than_a_tenth_of_a_second() -> None:
    answers = panel("random", 0.5, 100, 10, False, np.random.default_rng(0))
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        judge(answers)
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.1


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys\nfrom models.preference.outliers import judge\n"
        "print(sorted({'torch', 'pandas', 'scipy', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
