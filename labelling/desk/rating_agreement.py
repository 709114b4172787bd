"""How far those who rate agree: people among people, and a language model with people, each a figure of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from labelling.store import Rating
from models.preference.agreement import krippendorff_alpha

_SCORES = 5


def among_people(
    ratings: Iterable[Rating], items: Mapping[str, int], criteria: Sequence[str]
) -> dict[str, float | None]:
    """Krippendorff's alpha, ordinal, of each criterion over what people scored; None where it is not defined.

    ratings: one for each picture and observer, reviews left out. items: sha256 -> row.
    """
    people = [rating for rating in ratings if rating.kind != "llm"]
    return {name: _alpha(people, items, name) for name in criteria}


def models_with_people(
    ratings: Iterable[Rating], items: Mapping[str, int], criteria: Sequence[str]
) -> list[dict[str, Any]]:
    """Each language model against people, on the pictures that both rated: name, pictures, alpha, difference.

    alpha: ordinal, of two coders, the model and the people's (lower) median, as the mean over the criteria where it is
    defined, else None; difference: the model's score less the people's median, on average, in points.
    """
    given = list(ratings)
    medians: dict[tuple[str, str], int] = {}
    for item in items:
        people = [rating for rating in given if rating.kind != "llm" and rating.item == item]
        for name in criteria:
            scores = sorted(rating.scores[name] for rating in people if name in rating.scores)
            if scores:
                medians[item, name] = scores[(len(scores) - 1) // 2]
    found = []
    for model in sorted({rating.observer for rating in given if rating.kind == "llm"}):
        mine = [r for r in given if r.kind == "llm" and r.observer == model and r.item in items]
        alphas, differences, seen = [], [], set()
        for name in criteria:
            counts = np.zeros((len(items), _SCORES), dtype=np.int32)
            for rating in mine:
                if name in rating.scores and (rating.item, name) in medians:
                    median = medians[rating.item, name]
                    counts[items[rating.item], rating.scores[name] - 1] += 1
                    counts[items[rating.item], median - 1] += 1
                    differences.append(rating.scores[name] - median)
                    seen.add(rating.item)
            alphas.append(krippendorff_alpha(counts, ordinal=True).value)
        known = [alpha for alpha in alphas if alpha is not None]
        found.append(
            {
                "name": model,
                "pictures": len(seen),
                "alpha": float(np.mean(known)) if known else None,
                "difference": float(np.mean(differences)) if differences else None,
            }
        )
    return found


def _alpha(ratings: Sequence[Rating], items: Mapping[str, int], name: str) -> float | None:
    counts = np.zeros((len(items), _SCORES), dtype=np.int32)
    for rating in ratings:
        if name in rating.scores:
            counts[items[rating.item], rating.scores[name] - 1] += 1
    return krippendorff_alpha(counts, ordinal=True).value
