"""The report's words for exposures that are fused; see `tasks.kinds.base.Page`."""

from __future__ import annotations

from tasks.brackets.kind import SEARCHED
from tasks.config import View
from tasks.kinds.base import Counts, Origin, Words
from tasks.pages.words import count

WORDS = Words("multi-exposure fusion", "fuser", "the plain average of the exposures, called “input” here", "references")


def model_facts(params: View) -> tuple[str, str]:
    """Architecture, width and loss."""
    if params.model.name != SEARCHED:
        return f"Fuser {params.model.name}", "your own" + (", as it came" if params.model.weights else "")
    how = f"{params.start.architecture} architecture, width {params.model.options['width']}, {params.start.loss} loss"
    return "Fuser", how


def origins(params: View, counts: Counts) -> list[Origin]:
    """The sample's exposures are made of real photographs; a folder's are as they are."""
    sample = params.dataset.source == "sample"
    if sample:
        of = params.dataset.sample
        (low, high), (lower, higher), (least, most) = of.under_stops, of.over_stops, of.contrast_stops
        uneven = [name for name in of.lights if name not in ("even", "fine")]
        light = f"; light ({', '.join(of.lights)}) of {least} to {most} stops from dark to bright" if uneven else ""
        photographs = (
            f"{count(counts.photographs, 'photograph')} that installed Python packages ship, cut into "
            f"{count(counts.images, 'image')}."
        )
        exposures = Origin(
            "Exposures",
            "Simulated",
            f"{low} to {high} stops shorter and {lower} to {higher} stops longer in linear light{light}, clipped, with "
            "sensor noise.",
        )
    else:
        photographs = f"{count(counts.images, 'scene')} of yours."
        exposures = Origin("Exposures", "Real", "as the photos are.")
    whose = "the same photographs as they were" if sample else f"yours, for {count(counts.with_reference, 'image')}"
    references = (
        Origin("References", "Real", f"{whose}; the training of f0 uses those of the training scenes.")
        if counts.with_reference
        else Origin("References", "", "None: metrics that need one are not measured.")
    )
    return [Origin("Photographs", "Real", photographs), exposures, references]
