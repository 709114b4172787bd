"""What a panel would answer next, from its votes: shares of pairs around those of their groups, both beta. numpy only.

Within a group (pairs of the same two methods; one group of share 1/2 where no methods are known) a pair's share of votes
for its low picture is Beta(c m, c (1 - m)); the groups' shares m are Beta(s / 2, s / 2). Both concentrations are taken
at the weak end of what fits the votes, so that what little a panel agrees on is not overrated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.preference.distributions import log_gamma

_CONCENTRATIONS = np.geomspace(0.2, 2000, 60)
_DROP = 1.35  # in log likelihood: the weak end of a one-sided 95 % interval of the concentration


@dataclass(frozen=True, eq=False)
class Consensus:
    """shares: (P,) probability that the next vote on a pair is for its low picture. variances: (P,) of what is believed
    of it. group: (P,), group_variances: (G,) of what is believed of m; loading: (P,) change of a share by one of m.
    """

    shares: np.ndarray
    variances: np.ndarray
    group: np.ndarray
    group_variances: np.ndarray
    loading: np.ndarray


def consensus(counts: np.ndarray, group: np.ndarray | None) -> Consensus:
    """From counts (P, 2) of votes for the low and the high picture of each pair; group: (P,) from 0, None for unknown."""
    if group is None:
        group, means, variances = np.zeros(len(counts), dtype=int), np.full(len(counts), 0.5), np.zeros(1)
    else:
        of_group = np.stack([np.bincount(group, weights=side) for side in counts.T], axis=1)
        half = np.full(len(of_group), 0.5)
        found, variances = _believed(of_group, half, _concentration(of_group, half))
        means = found[group]
    concentration = _concentration(counts, means)
    shares, own = _believed(counts, means, concentration)
    loading = np.ones(len(counts))
    if math.isfinite(concentration):
        loading = concentration / (concentration + counts.sum(1))
    return Consensus(shares, own + loading**2 * variances[group], group, variances, loading)


def _believed(counts: np.ndarray, means: np.ndarray, concentration: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the shares, given counts."""
    if math.isinf(concentration):
        return means, np.zeros(len(means))
    total = counts.sum(1) + concentration
    shares = (counts[:, 0] + concentration * means) / total
    return shares, shares * (1 - shares) / (total + 1)


def _concentration(counts: np.ndarray, means: np.ndarray) -> float:
    """c of Beta(c m, c (1 - m)): the weakest spread that fits counts; inf for none."""
    several = counts.sum(1) > 1
    if not several.any():
        return math.inf
    cells, weights = np.unique(np.column_stack([counts, means])[several], axis=0, return_counts=True)
    low, high, mean = cells.T[:, :, None]
    one, two = _CONCENTRATIONS * mean, _CONCENTRATIONS * (1 - mean)
    fits = log_gamma(one + low) - log_gamma(one) + log_gamma(two + high) - log_gamma(two)
    fits += log_gamma(_CONCENTRATIONS) - log_gamma(_CONCENTRATIONS + low + high)
    none = low[:, 0] * np.log(mean[:, 0]) + high[:, 0] * np.log1p(-mean[:, 0])
    logs = np.append(weights @ fits, weights @ none)
    return float(np.append(_CONCENTRATIONS, math.inf)[logs >= logs.max() - _DROP].max())
