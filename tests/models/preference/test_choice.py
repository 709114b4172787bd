from __future__ import annotations

import numpy as np
import pytest

from models.preference.choice import STRATEGIES, Candidates, OneOpinion, choose, expected_information, member_log_odds

GAPS = np.array([0.1, -0.9, 0.5, 0.9, 0.0])


def alone(gaps: np.ndarray) -> Candidates:
    """As a judge of one opinion sees pairs with these gaps."""
    return Candidates(gaps[:, None], np.zeros((len(gaps), 1)))


def of_members(differences: list[list[float]], photographs: tuple[str, ...] = ()) -> Candidates:
    first = np.array(differences, dtype=float)
    return Candidates(first, np.zeros_like(first), photographs)


MEMBERS = of_members([[1.0, 1.1], [-2.0, 2.0], [0.1, -0.1], [-3.0, 3.0], [0.0, 0.0]])


def test_the_largest_gaps_whatever_their_sign() -> None:
    assert choose("gap", alone(GAPS), 3, seed=0).tolist() == [1, 3, 2]  # the tie of 0.9 in order of index


def test_random_ones_are_seeded_and_without_repetition() -> None:
    chosen = choose("random", alone(GAPS), 4, seed=3)
    assert len(set(chosen.tolist())) == 4
    assert np.array_equal(chosen, choose("random", alone(GAPS), 4, seed=3))
    assert any(not np.array_equal(chosen, choose("random", alone(GAPS), 4, seed=seed)) for seed in range(10))
    first = np.bincount([choose("random", alone(GAPS), 1, seed)[0] for seed in range(1000)], minlength=5)
    assert np.abs(first - 200).max() < 4 * np.sqrt(1000 * 0.2 * 0.8)


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_never_more_than_there_are(strategy: str) -> None:
    assert sorted(choose(strategy, MEMBERS, 99, seed=0).tolist()) == [0, 1, 2, 3, 4]
    assert len(choose(strategy, Candidates(np.empty((0, 2)), np.empty((0, 2))), 3, seed=0)) == 0


def test_information_by_hand() -> None:
    told = expected_information(np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 1.0], [0.25, 0.75]]))
    # Two members that contradict each other: one bit. Two that shrug, or agree: none.
    # 0.25 and 0.75: H(0.5) - (H(0.25) + H(0.75)) / 2 = 1 - 0.811278
    assert told == pytest.approx([1.0, 0.0, 0.0, 1 - 0.8112781245], abs=1e-9)


def test_information_asks_where_members_contradict_each_other() -> None:
    assert choose("information", MEMBERS, 2, seed=0).tolist()[0] == 3
    assert choose("gap", MEMBERS, 1, seed=0).tolist() == [0]  # where they agree


def test_the_pair_in_the_middle_is_one_of_which_the_judge_is_sure_by_three_to_one() -> None:
    odds = np.exp(member_log_odds(of_members([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])))
    assert odds == pytest.approx(np.array([[3**0.5, 3**0.5], [3.0, 3.0], [3**1.5, 3**1.5]]))
    assert np.array_equal(member_log_odds(of_members([[0.0, 0.0]])), [[0.0, 0.0]])


def test_a_batch_does_not_ask_the_same_twice() -> None:
    # Pairs 0 to 2 are one question, on which member 0 stands alone; pair 3 is another, a little less in dispute.
    same, other = [3.0, -1.5, -1.5], [0.0, 2.0, -2.0]
    alike = of_members([same, same, same, other, *[[0.5] * 3] * 5])
    told = expected_information(1 / (1 + np.exp(-member_log_odds(alike))))
    assert told[0] == told[1] == told[2] > 0 and told[3] > 0
    assert choose("information", alike, 2, seed=0).tolist() in ([0, 3], [3, 0])


def test_a_photograph_is_asked_about_before_another_one_twice() -> None:
    pairs = [[2.0, -2.0]] * 3
    assert choose("information", of_members(pairs, ("a", "a", "b")), 2, seed=0).tolist() == [0, 2]
    assert choose("information", of_members(pairs), 2, seed=0).tolist() == [0, 1]


def test_unknown_strategies_and_broken_scores_are_named() -> None:
    with pytest.raises(ValueError, match=r"'gaps'; known are gap, information, random"):
        choose("gaps", alone(GAPS), 1, seed=0)
    with pytest.raises(ValueError, match="not finite"):
        alone(np.array([0.1, np.nan]))
    with pytest.raises(ValueError, match=r"costs .N, K. of both sides"):
        Candidates(np.zeros((2, 1)), np.zeros((3, 1)))
    with pytest.raises(OneOpinion, match=r"a single opinion: take judge\.name: ensemble"):
        choose("information", alone(GAPS), 1, seed=0)
