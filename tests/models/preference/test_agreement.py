"""Golden values from Krippendorff's "Computing Krippendorff's Alpha-Reliability" (2011), and by hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from models.preference.agreement import (
    Share,
    agreement_with_majority,
    chance_of_at_least,
    krippendorff_alpha,
    pairwise_agreement,
    position_bias,
    repeat_consistency,
)

ROOT = Path(__file__).resolve().parents[3]


def counts_of(answers: Sequence[str], values: str) -> np.ndarray:
    """One string an observer, one character a unit ('.' is missing) -> (N, V)."""
    return np.array(
        [[sum(said[unit] == value for said in answers) for value in values] for unit in range(len(answers[0]))]
    )


def test_alpha_of_binary_data() -> None:
    """Section A: Meg and Owen on 10 units. 4 of 10 differ, n0 = 14, n1 = 6: 1 - (20 - 1) 4 / (14 * 6) = 0.095."""
    found = krippendorff_alpha(counts_of(["0100000010", "1110010000"], "01"))
    assert found.value == pytest.approx(1 - 19 * 4 / (14 * 6), abs=1e-12)
    assert round(found.value, 3) == 0.095


def test_alpha_of_nominal_data() -> None:
    """Section B: Ben and Gerry on 12 units, five categories: 0.692."""
    found = krippendorff_alpha(counts_of(["aabbdcccedda", "babbbccceddd"], "abcde"))
    assert round(found.value or 0, 3) == 0.692


MISSING = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]


def test_alpha_with_missing_data() -> None:
    """Section C: four observers, 12 units, 41 values, some missing: nominal 0.743, ordinal 0.815."""
    counts = counts_of(MISSING, "12345")
    assert counts.sum() == 41
    assert round(krippendorff_alpha(counts).value or 0, 3) == 0.743
    assert round(krippendorff_alpha(counts, ordinal=True).value or 0, 3) == 0.815


def test_values_nobody_used_change_nothing() -> None:
    counts = counts_of(MISSING, "12345")
    wider = np.insert(counts, 2, 0, axis=1)
    for ordinal in (False, True):
        assert krippendorff_alpha(wider, ordinal).value == pytest.approx(krippendorff_alpha(counts, ordinal).value)


def test_alpha_is_undefined_with_a_reason() -> None:
    unanimous = krippendorff_alpha(np.array([[3, 0], [3, 0]]))
    assert unanimous.value is None
    assert "all answers are the same" in str(unanimous.reason)
    single = krippendorff_alpha(np.array([[1, 0], [0, 1]]))
    assert single.value is None
    assert "two observers" in str(single.reason)
    assert krippendorff_alpha(np.zeros((0, 2), dtype=int)).value is None


def test_perfect_and_opposite_agreement() -> None:
    assert krippendorff_alpha(np.array([[2, 0], [0, 2]])).value == pytest.approx(1)
    # Always opposite on 2 units: Do = 1, De = 2 * 2 * 2 / (4 * 3) = 2/3.
    assert krippendorff_alpha(np.array([[1, 1], [1, 1]])).value == pytest.approx(1 - 1 / (2 / 3))


@pytest.mark.parametrize("wrong", [np.array([[0.5, 1]]), np.array([[-1, 2]]), np.array([1, 2])])
def test_alpha_refuses_what_are_no_counts(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="value counts"):
        krippendorff_alpha(wrong)


def test_pairwise_agreement_by_hand() -> None:
    """3:0 gives 3 of 3 equal pairs, 2:1 gives 1 of 3, 1:0 none: 4 of 6."""
    assert pairwise_agreement(np.array([[3, 0], [2, 1], [1, 0]])) == pytest.approx(4 / 6)
    assert pairwise_agreement(np.array([[1, 0]])) is None


def test_repeat_consistency_leaves_out_what_was_not_told() -> None:
    found = repeat_consistency(np.array([0, 1, 1, -1, 0]), np.array([0, 1, 0, 1, -1]))
    assert (found.count, found.total, found.rate) == (2, 3, pytest.approx(2 / 3))
    assert repeat_consistency(np.array([]), np.array([])).rate is None


def test_agreement_with_the_majority_of_the_others() -> None:
    mine = np.array([0, 1, 0, 1])
    others = np.array([[2, 0], [2, 0], [1, 1], [0, 1]])  # agree, differ, balanced, agree
    assert agreement_with_majority(mine, others) == Share(2, 3)


@pytest.mark.parametrize(("count", "total"), [(0, 0), (0, 5), (3, 5), (5, 5), (60, 100), (40, 100), (5200, 10000)])
def test_chance_agrees_with_scipy(count: int, total: int) -> None:
    expected = binomtest(count, total, 0.5, alternative="greater").pvalue if total else 1.0
    assert chance_of_at_least(count, total) == pytest.approx(expected, rel=1e-9)


def test_position_bias_by_hand() -> None:
    """8 of 10 left: two tails of (45 + 10 + 1) / 1024 = 0.109375."""
    found = position_bias(np.array([True] * 8 + [False] * 2))
    assert found.left == Share(8, 10)
    assert found.p == pytest.approx(2 * 56 / 1024)
    assert position_bias(np.array([True, False])).p == 1.0
    assert position_bias(np.array([], dtype=bool)).p is None


def test_nothing_heavy_is_imported() -> None:
    """The watch page runs in the web server, which has 300 MB."""
    code = (
        "import sys, numpy as np\nfrom models.preference import agreement as a\n"
        "a.krippendorff_alpha(np.array([[2, 0], [0, 2]])); a.position_bias(np.array([True]))\n"
        "print(sorted({'torch', 'pandas', 'scipy', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
