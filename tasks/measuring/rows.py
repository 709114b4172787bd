"""The rows of `scores`, made in one place."""

from __future__ import annotations

from typing import Any

from models.quality import info


def score_row(image: str, model: str, metric: str, value: float | None) -> dict[str, Any]:
    """Of `scores`, with the variant and the library of the metric."""
    facts = info(metric)
    return {
        "image": image, "model": model, "metric": metric, "value": value, "variant": facts.variant, "library": facts.library,
    }  # fmt: skip


def opinion_row(image: str, model: str, judge: str, value: float | None) -> dict[str, Any]:
    """Of `scores`, for a judge of the user's own, by its name."""
    return {
        "image": image, "model": model, "metric": judge, "value": value, "variant": "a judge of one's own", "library": "",
    }  # fmt: skip
