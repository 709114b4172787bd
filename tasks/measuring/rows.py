"""The rows of `scores`, made in one place."""

from __future__ import annotations

import math
from typing import Any

from models.quality import info, names


def score_row(image: str, model: str, metric: str, value: float | None) -> dict[str, Any]:
    """Of `scores`, with the variant and the library of the metric."""
    facts = info(metric)
    return {
        "image": image, "model": model, "metric": metric, "value": value, "variant": facts.variant, "library": facts.library,
    }  # fmt: skip


def opinion_row(image: str, model: str, judge: str, value: float) -> dict[str, Any]:
    """Of `scores`, for a judge that may be a registered metric; None for a value that is not finite."""
    known = value if math.isfinite(value) else None
    if judge in names():
        return score_row(image, model, judge, known)
    return {
        "image": image,
        "model": model,
        "metric": judge,
        "value": known,
        "variant": "a judge of one's own",
        "library": "",
    }
