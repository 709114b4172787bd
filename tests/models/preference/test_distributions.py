from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import binom

from models.preference.distributions import at_most, log_gamma, normal, normal_quantile


@pytest.mark.parametrize("p", [0.5, 0.7, 0.95])
def test_a_tail_lies_between_the_two_of_the_binomial(p: float) -> None:
    """The saddlepoint takes about half of the value itself; within 25 % of that in the far tail."""
    for count in (20, 30, 40, 50, 59):
        middle = binom.cdf(count, 60, p) - binom.pmf(count, 60, p) / 2
        assert at_most(count, np.ones(60), np.full(60, p)) == pytest.approx(middle, rel=0.25, abs=1e-12)


def test_a_weighted_tail_by_simulation() -> None:
    random = np.random.default_rng(0)
    p, weights = random.uniform(0.3, 0.9, 50), random.normal(size=50)
    drawn = (random.random((200_000, 50)) < p) @ weights
    for quantile in (0.005, 0.05, 0.5, 0.95):
        value = float(np.quantile(drawn, quantile))
        assert at_most(value, weights, p) == pytest.approx(quantile, rel=0.1)


def test_the_ends_are_exact() -> None:
    weights, p = np.array([1.0, -2.0, 0.5]), np.array([0.2, 0.6, 0.9])
    assert at_most(1.5, weights, p) == 1.0
    assert at_most(-2.0, weights, p) == pytest.approx(0.8 * 0.6 * 0.1)


def test_gamma_and_normal() -> None:
    x = np.geomspace(0.01, 5000, 40)
    assert np.allclose(log_gamma(x), gammaln(x), rtol=1e-9, atol=1e-8)
    assert normal(normal_quantile(0.03)) == pytest.approx(0.03)
