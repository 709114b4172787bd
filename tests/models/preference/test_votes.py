from __future__ import annotations

import numpy as np
import pytest

from models.preference import votes
from models.preference.votes import balance, clustered, drawn_means, majority, win_rate


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        (["first", "first", "second"], "first"),
        (["second"], "second"),
        (["first", "second"], None),
        (["tie", "tie", "second"], "second"),
        (["unsure", "unsure", "first"], "first"),
        (["tie"], None),
        ([], None),
    ],
)
def test_majority(choices: list[str], expected: str | None) -> None:
    assert majority(choices) == expected
    assert majority(reversed(choices)) == expected


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(ValueError, match="not 'left'"):
        majority(["first", "left"])


def test_win_rate_by_hand() -> None:
    found = win_rate([1, 0, 1, 0.5], ["x", "x", "y", "y"], draws=500)
    assert found.rate == pytest.approx(2.5 / 4)
    assert (found.votes, found.clusters) == (4, 2)
    # Means of the photographs are 0.5 and 0.75: the bootstrap cannot leave them.
    assert (found.low, found.high) == (0.5, 0.75)


def test_one_photograph_says_nothing_about_others() -> None:
    found = win_rate([1, 1, 0], ["x"] * 3)
    assert found.low == found.rate == found.high == pytest.approx(2 / 3)
    assert found.clusters == 1


def test_the_interval_covers_the_truth() -> None:
    """Votes on one photograph agree with each other: a binomial interval over votes would be too narrow."""
    random = np.random.default_rng(0)
    covered, binomial = 0, 0
    for trial in range(200):
        rates = random.beta(2, 1, size=40)  # win rate of each photograph; 2/3 on average
        wins = [float(random.random() < rate) for rate in rates for _ in range(12)]
        clusters = [f"photo{number}" for number in range(40) for _ in range(12)]
        found = win_rate(wins, clusters, draws=300, seed=trial)
        covered += found.low <= 2 / 3 <= found.high
        deviation = np.sqrt(found.rate * (1 - found.rate) / len(wins))
        binomial += abs(found.rate - 2 / 3) < 1.96 * deviation
    assert 0.85 * 200 <= covered < 200
    assert binomial < covered


def test_the_interval_is_the_same_for_the_same_votes_in_another_order() -> None:
    random = np.random.default_rng(1)
    wins, clusters = list(random.integers(0, 2, 60).astype(float)), [f"p{n % 7}" for n in range(60)]
    order = random.permutation(60)
    assert win_rate(wins, clusters) == win_rate([wins[i] for i in order], [clusters[i] for i in order])


def test_win_rate_needs_votes_and_clusters() -> None:
    with pytest.raises(ValueError, match="got 0, 0"):
        win_rate([], [])
    with pytest.raises(ValueError, match="got 2, 1"):
        win_rate([1, 0], ["x"])


def test_the_balance_of_many_pairs_is_their_majority() -> None:
    words = ["first", "tie", "second", "unsure", "second"]
    assert balance(words).tolist() == [1, 0, -1, 0, -1]
    assert balance([]).tolist() == []
    with pytest.raises(ValueError, match="not 'left'"):
        balance(["first", "left"])


def test_sums_of_clusters_and_their_bootstrap_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    sums, sizes = clustered(np.array([1.0, 2.0, 4.0, 8.0]), ["b", "a", "b", "c"])
    assert (sums.tolist(), sizes.tolist()) == ([2.0, 5.0, 8.0], [1, 2, 1])
    drawn = np.random.default_rng(3).integers(0, 3, (50, 3))
    expected = sums[drawn].sum(1) / sizes[drawn].sum(1)
    for held in (1 << 21, 12, 1):
        monkeypatch.setattr(votes, "_HELD", held)
        assert drawn_means(sums, sizes, 50, 3).tolist() == expected.tolist()
