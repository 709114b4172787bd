"""Mean scores as the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.pages import words


def higher_is_better(metric: str) -> bool:
    from models.quality import info

    return info(metric).higher_is_better


def mean_rows(
    means: Mapping[str, Mapping[str, float]], metrics: Sequence[str], models: Sequence[str]
) -> list[dict[str, Any]]:
    """Rows of (model, cells) with the mean of each metric; the best of a column is marked. means: model -> metric -> value."""
    rows: list[dict[str, Any]] = [{"model": model, "cells": []} for model in models]
    for metric in metrics:
        values = [means.get(model, {}).get(metric) for model in models]
        shown = [words.metric_value(metric, value) for value in values]
        known = [value for value in values if value is not None]
        best = None if not known else words.metric_value(metric, (max if higher_is_better(metric) else min)(known))
        for row, text in zip(rows, shown, strict=True):
            row["cells"].append({"text": text, "best": text == best and len(set(shown)) > 1})
    return rows
