"""How an observer answers, as a table: chances of an answer by sensitivity, side bias and lapses. numpy and scipy only.

An observer to whom the difference of two pictures is d, and who sees the first one on the left (z = 1) or on the right
(z = -1), prefers the first with probability

    lapse / 2 + (1 - lapse) Phi(sensitivity d + bias z)

Phi: Thurstone's model of comparison (Psychological Review 1927, Case V; the noise of a difference has unit variance for an
observer of sensitivity 1). lapse: answers at random (Wichmann and Hill, Perception & Psychophysics 2001, Eq. 1). A negative
sensitivity is that of somebody who prefers what the others do not, as the quality of an annotator below 1/2 in Chen et al.,
Pairwise ranking aggregation in a crowdsourced setting (WSDM 2013). All three lie on a grid, so that what is believed of an
observer is a table of chances and no single guess, and hardly moves where there are few answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import ndtr
from scipy.stats import beta, norm, t

SENSITIVITIES = np.array([-1.7, -1.0, -0.6, 0.6, 1.0, 1.7])
BIASES = np.array([-3.0, -1.5, -0.7, -0.3, 0.0, 0.3, 0.7, 1.5, 3.0])
LAPSES = np.array([0.01, 0.03, 0.07, 0.15, 0.3, 0.5, 0.75, 0.98])
DIFFERENCES = np.linspace(-4.8, 4.8, 25)
"""What the difference of two pictures may be, in units of the noise of a difference; the same on both sides of 0."""
SIDES = np.array([0.0, 1.0, -1.0])
"""z of a first picture whose side is not known, which was on the left, and on the right."""

OPPOSED = 0.1  # of observers are expected to prefer what the others do not
CARELESS = 0.1  # of observers may lapse at any rate; the others as Beta(1, 15), 6 % on average
SPREAD_OF_SENSITIVITY = 0.5  # standard deviation of log |sensitivity|
BIAS_SCALE = 0.15  # of Student's t with 2 degrees of freedom: most have hardly a bias, some a large one


@dataclass(frozen=True, eq=False)
class Answering:
    """K kinds of observers. sensitivity, bias, lapse: (K,). prior: (K,), how many are expected, sums to 1.

    logs: (K, S, 2, D) log probability that the first (0) or the second (1) is preferred, by SIDES and DIFFERENCES.
    """

    sensitivity: np.ndarray
    bias: np.ndarray
    lapse: np.ndarray
    prior: np.ndarray
    logs: np.ndarray

    def preferring_better(self, difference: float = 1.0) -> np.ndarray:
        """(K,): probability of preferring the better of two pictures so far apart, where sides are drawn by chance."""
        both = [ndtr(self.sensitivity * difference + side * self.bias) for side in (1, -1)]
        return self.lapse / 2 + (1 - self.lapse) * (both[0] + both[1]) / 2

    def preferring_left(self) -> np.ndarray:
        """(K,): probability of preferring the left one of two pictures that are equally good."""
        return self.lapse / 2 + (1 - self.lapse) * ndtr(self.bias)


@cache
def answering(opposed: float = OPPOSED) -> Answering:
    """The kinds of observers. opposed: share that is expected to prefer what the others do not, in [0, 1); 0 leaves them out."""
    grid = np.meshgrid(SENSITIVITIES, BIASES, LAPSES, indexing="ij")
    sensitivity, bias, lapse = (values.reshape(-1) for values in grid)
    size = norm.pdf(np.log(np.abs(SENSITIVITIES)) / SPREAD_OF_SENSITIVITY)
    of_sensitivity = size * np.where(SENSITIVITIES < 0, opposed, 1 - opposed)
    of_bias = t.pdf(BIASES / BIAS_SCALE, 2) * np.gradient(BIASES)
    usual = beta.pdf(LAPSES, 1, 15) * np.gradient(LAPSES)
    anything = np.gradient(LAPSES)
    of_lapse = (1 - CARELESS) * usual / usual.sum() + CARELESS * anything / anything.sum()
    prior = np.einsum("i,j,k->ijk", of_sensitivity, of_bias, of_lapse).reshape(-1)
    kept = prior > 0
    sensitivity, bias, lapse, prior = sensitivity[kept], bias[kept], lapse[kept], prior[kept] / prior.sum()
    seen = sensitivity[:, None] * DIFFERENCES
    chances = []
    for side in SIDES:
        shifts = (bias, -bias) if side == 0 else (side * bias,)  # a side that is not known was drawn by chance
        first = sum(ndtr(seen + shift[:, None]) for shift in shifts) / len(shifts)
        first = lapse[:, None] / 2 + (1 - lapse[:, None]) * first
        chances.append(np.stack([first, 1 - first], axis=1))
    return Answering(sensitivity, bias, lapse, prior, np.log(np.stack(chances, axis=1)))
