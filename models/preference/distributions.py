"""Tails of sums of weighted Bernoulli variables, and what they need. numpy alone: the web server uses them."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np


def at_most(value: float, weights: np.ndarray, p: np.ndarray) -> float:
    """P(sum_k weights_k X_k <= value), X_k ~ Bernoulli(p_k), by the saddlepoint of Lugannani and Rice (1980)."""
    lowest, highest = float(weights.clip(max=0).sum()), float(weights.clip(min=0).sum())
    slack = 1e-9 * (1 + highest - lowest)
    if value >= highest - slack:
        return 1.0
    if value <= lowest + slack:
        return float(np.exp(np.log(np.where(weights > 0, 1 - p, np.where(weights < 0, p, 1.0))).sum()))
    mean, variance = float((weights * p).sum()), float((weights**2 * p * (1 - p)).sum())
    if abs(value - mean) < 0.05 * math.sqrt(variance):
        return normal((value - mean) / math.sqrt(variance))
    odds = np.log(p) - np.log1p(-p)
    low, high = (-1.0, 0.0) if value < mean else (0.0, 1.0)

    def slopes(t: float) -> tuple[float, float]:
        tilted = logistic(odds + weights * t)
        return float(weights @ tilted), float((weights**2) @ (tilted * (1 - tilted)))

    while slopes(low)[0] > value:
        low *= 2
    while slopes(high)[0] < value:
        high *= 2
    t = min(max((value - mean) / variance, low), high)
    for _ in range(60):  # Newton's steps, kept between the bounds
        slope, curve = slopes(t)
        low, high = (t, high) if slope < value else (low, t)
        step = (value - slope) / curve if curve > 0 else math.inf
        if abs(step) < 1e-9 * (1 + abs(t)):
            break
        t = t + step if low < t + step < high else (low + high) / 2
    # log (1 - p + p e^wt), from the odds, so that nothing overflows
    cumulant = float((np.logaddexp(0, odds + weights * t) - np.logaddexp(0, odds)).sum())
    root = math.copysign(math.sqrt(max(0.0, 2 * (t * value - cumulant))), t)
    width = t * math.sqrt(slopes(t)[1])
    density = math.exp(-root * root / 2) / math.sqrt(2 * math.pi)
    return min(1.0, max(0.0, normal(root) + density * (1 / root - 1 / width)))


def logistic(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))


def normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def normal_quantile(p: float) -> float:
    return NormalDist().inv_cdf(p)


def log_gamma(x: np.ndarray) -> np.ndarray:
    """log Gamma(x) for x > 0 by Stirling's series, shifted by eight; relative error below 1e-9."""
    x = np.asarray(x, dtype=float)
    shift = np.log(x[..., None] + np.arange(8)).sum(-1)
    y = x + 8
    series = 1 / (12 * y) - 1 / (360 * y**3) + 1 / (1260 * y**5)
    return (y - 0.5) * np.log(y) - y + 0.5 * math.log(2 * math.pi) + series - shift
