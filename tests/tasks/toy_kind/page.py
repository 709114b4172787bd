"""The report's words for flat pictures; see `tasks.kinds.base.Page`."""

from __future__ import annotations

from tasks.config import View
from tasks.kinds.base import Counts, Origin, Words
from tasks.pages.words import count

WORDS = Words("contrast restoration", "stretcher", "the flat picture", "unflattened originals")


def model_facts(params: View) -> tuple[str, str]:
    return "Stretcher", f"two numbers, limit {params.model.limit}"


def origins(params: View, counts: Counts) -> list[Origin]:
    return [Origin("Pictures", "Simulated", f"{count(counts.images, 'picture')} of waves and noise, drawn flat.")]
