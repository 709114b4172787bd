"""The hidden utility of simulated observers, from registered metrics, and the panel that params.yaml describes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from models.preference.observers import SimulatedObserver
from models.quality import info
from tasks.config.asking import Simulated


class NoUtility(ValueError):
    """The simulated observers cannot judge a picture with the metrics they are given."""


def panel(settings: Simulated) -> list[SimulatedObserver]:
    """The simulated observers. Their names carry a hash of the settings: another panel's votes are other votes."""
    tag = hashlib.sha256(json.dumps(settings.model_dump(exclude={"observers"}), sort_keys=True).encode()).hexdigest()[
        :8
    ]
    return [
        SimulatedObserver(
            name=f"simulated-{tag}-{number}",
            noise=settings.noise,
            lapse=settings.lapse,
            position_bias=settings.position_bias,
            seed=settings.seed,
        )
        for number in range(1, settings.observers + 1)
    ]


def utility(weights: Mapping[str, float], scores: Mapping[str, float | None], image: str) -> float:
    """Sum of weight times metric, lower-is-better metrics negated; higher is better.

    Raises `NoUtility` where a metric has no value: the image has no reference, or is too small.
    """
    total = 0.0
    for name, weight in weights.items():
        value = scores[name]
        if value is None:
            needs = "needs a reference, which this image lacks" if info(name).needs_reference else "has no value here"
            raise NoUtility(
                f"simulated observers judge by {name}, which {needs}: {image}. Set labels.simulated.utility to "
                "no-reference metrics (for example {niqe: 1.0}), or give references (dataset.folder of the kind), or let people "
                "label (labels.source: people)"
            )
        total += weight * value * (1 if info(name).higher_is_better else -1)
    return total
