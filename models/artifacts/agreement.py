"""How a predicted heatmap agrees with the true one: CC, SIM, NSS, AUC, as saliency models are measured (Bylinskii 2019)."""

from __future__ import annotations

import numpy as np

MARKED = 0.5
"""Of the true heatmap, from which on a pixel counts as marked."""


def cc(predicted: np.ndarray, true: np.ndarray) -> float | None:
    """Linear correlation of two maps (H, W); None where one is flat."""
    one, other = (values - values.mean(dtype=np.float64) for values in (predicted, true))
    norm = float(np.sqrt((one * one).sum() * (other * other).sum()))
    return float((one * other).sum()) / norm if norm > 1e-9 else None


def sim(predicted: np.ndarray, true: np.ndarray) -> float | None:
    """Sum of the smaller values once both maps (H, W), at least 0, sum to 1; None where one is 0 everywhere."""
    if predicted.sum() <= 0 or true.sum() <= 0:
        return None
    return float(np.minimum(predicted / predicted.sum(), true / true.sum()).sum())


def nss(predicted: np.ndarray, true: np.ndarray) -> float | None:
    """Mean standard score of the predicted map (H, W) at marked pixels; None where it is flat or nothing is marked."""
    marked, predicted = true >= MARKED, predicted.astype(np.float64)
    deviation = float(predicted.std())
    if not marked.any() or deviation <= 1e-12:
        return None
    return float(((predicted - predicted.mean()) / deviation)[marked].mean())


def auc(predicted: np.ndarray, true: np.ndarray) -> float | None:
    """Chance that a marked pixel has a higher prediction than one that is not, ties halved; None where all are alike marked."""
    marked = (true >= MARKED).ravel()
    count, others = int(marked.sum()), int((~marked).sum())
    if not count or not others:
        return None
    values, places = np.unique(predicted.ravel(), return_inverse=True)
    sizes = np.bincount(places, minlength=len(values))
    ranks = np.cumsum(sizes) - (sizes - 1) / 2  # the mean rank of equal values, from 1
    return float((ranks[places][marked].sum() - count * (count + 1) / 2) / (count * others))
