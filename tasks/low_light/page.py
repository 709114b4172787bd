"""The report's words for photos taken in the dark; see `tasks.kinds.base.Page`."""

from __future__ import annotations

from tasks.config import View
from tasks.kinds.base import Counts, Origin, Words
from tasks.pages.words import count

WORDS = Words("low-light enhancement", "enhancer", "the low-light input", "well-lit references")


def model_facts(params: View) -> tuple[str, str]:
    """Name and options."""
    options = (f"{key} {value}" for key, value in params.model.options.items())
    return "Enhancer", ", ".join([params.model.name, *options])


def origins(params: View, counts: Counts) -> list[Origin]:
    """The sample's photos are real and their darkness is made; a folder's are as they are."""
    if params.dataset.source == "sample":
        low, high = params.dataset.sample.exposure_stops
        return [
            Origin(
                "Photographs",
                "Real",
                f"{count(counts.photographs, 'photograph')} that installed Python packages ship, cut into "
                f"{count(counts.images, 'image')}.",
            ),
            Origin(
                "Darkness and noise",
                "Simulated",
                f"less exposure ({low} to {high} stops; light: {', '.join(params.dataset.sample.lights)}) and sensor "
                "noise, in linear light.",
            ),
            Origin("References", "Real", "the same photographs before they were darkened; hidden from all training."),
        ]
    return [
        Origin("Photographs", "Real", f"{count(counts.images, 'photo')} of yours."),
        Origin("Darkness and noise", "Real", "as the photos are."),
        Origin("References", "Real", f"yours, for {count(counts.with_reference, 'image')}; hidden from all training.")
        if counts.with_reference
        else Origin("References", "", "None: metrics that need one are not measured."),
    ]
