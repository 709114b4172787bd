"""Aligners by name. A new one is a new file and a line here; the names are known without importing torch."""

from __future__ import annotations

# name -> MODULE:CLASS, an `Aligner` that is built from its options
ALIGNERS: dict[str, str] = {"ranker_loss": "models.aligners.ranker_loss:RankerLoss"}
