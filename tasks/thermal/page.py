"""The report's words for infrared and visible pictures that are fused; see `tasks.kinds.base.Page`."""

from __future__ import annotations

from tasks.config import View
from tasks.kinds.base import Counts, Origin, Words
from tasks.pages.words import count

WORDS = Words(
    "infrared and visible fusion", "fuser", "the mean of infrared and visible, called “input” here", "references"
)


def model_facts(params: View) -> tuple[str, str]:
    """Name and options."""
    options = (f"{key} {value}" for key, value in params.model.options.items())
    return "Fuser", ", ".join([params.model.name, *options])


def origins(params: View, counts: Counts) -> list[Origin]:
    """The sample's visible pictures are real photographs, its infrared is made up; a folder's pictures are as they are."""
    if params.dataset.source == "sample":
        low, high = params.dataset.sample.stops
        return [
            Origin(
                "Visible",
                "Real",
                f"{count(counts.photographs, 'photograph')} that installed Python packages ship, cut into "
                f"{count(counts.images, 'image')}, {low} to {high} stops darker, with sensor noise.",
            ),
            Origin(
                "Infrared",
                "Simulated",
                "computed from the photograph's colours, with warm shapes that the visible picture does not show. No camera "
                "made it: numbers here say that the pipeline runs, and nothing about fusion.",
            ),
        ]
    return [Origin("Infrared and visible", "Real", f"{count(counts.images, 'pair')} of yours.")]
