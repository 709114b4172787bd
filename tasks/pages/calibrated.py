"""What the report says of how far the judges' preferences can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.pages import charts, words

FEW_VOTES = 30
"""In a bin, under which its share is not worth much."""


def section(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """The reliability curve of the last judge and a row a judge, of metrics.json's `calibration`; None where it has none."""
    if not found:
        return None
    names = sorted(found, key=lambda name: int(name[1:]))
    last = found[names[-1]]
    bins = last["bins"]
    spoken = ", ".join(
        f"{words.percent(one['said'])} said, {words.percent(one['found'])} found in {words.count(one['votes'], 'vote')}"
        for one in bins
    )
    return {
        "judge": names[-1],
        "chart": charts.reliability(
            [(one["said"], one["found"], one["low"], one["high"]) for one in bins],
            f"How often the panel agrees with {names[-1]}, by how sure it is: {spoken}",
        ),
        "bins": [
            {
                "said": words.percent(one["said"]),
                "found": words.percent(one["found"]),
                "interval": words.interval(one["low"], one["high"]),
                "votes": one["votes"],
                "few": one["votes"] < FEW_VOTES,
            }
            for one in bins
        ],
        "rows": [
            {
                "judge": name,
                "brier": f"{found[name]['brier']:.3f}",
                "interval": f"{found[name]['brier_low']:.3f} to {found[name]['brier_high']:.3f}",
                "error": words.percent(found[name]["ece"]),
                "chance": words.percent(found[name]["ece_by_chance"]),
            }
            for name in names
        ],
        "votes": words.count(last["votes"], "vote"),
        "photographs": words.count(last["photographs"], "photograph"),
    }


def doubt(found: Mapping[str, Mapping[str, float]], models: Sequence[str]) -> dict[str, Any] | None:
    """How far a judge's members differ about each model's pictures, of metrics.json's `doubt`; None where judges have no members.

    A row a judge; `grown`: the last judge's doubt about the last model, in times of that about the first.
    """
    if not found:
        return None
    names = sorted(found, key=lambda name: int(name[1:]))
    last = found[names[-1]]
    first, end = last.get(models[0]), last.get(models[-1])
    return {
        "models": list(models),
        "rows": [
            (name, ["" if (value := found[name].get(model)) is None else f"{value:.3f}" for model in models])
            for name in names
        ],
        "judge": names[-1],
        "grown": f"{end / first:.1f}" if first and end is not None else None,
    }
