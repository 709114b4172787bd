"""Enhancers by name. A new one is a new file and a line here; the names are known without importing torch."""

from __future__ import annotations

GROUP = "loupe.enhancers"
"""Of the entry points by which an installed package offers enhancers of its own."""
# name -> MODULE:CALLABLE of what builds it from its options
ENHANCERS: dict[str, str] = {
    "curve": "models.enhancers.curve:build",
    "lighten_diffusion": "models.enhancers.lighten_diffusion:build",
    "local_tone": "models.enhancers.local_tone:build",
    "parametric": "models.enhancers.parametric:build",
    "predicted": "models.enhancers.predicted:build",
}
# name -> MODULE:CALLABLE of what gives a published checkpoint this project's names, where one is known
PUBLISHED: dict[str, str] = {"lighten_diffusion": "models.enhancers.lighten_diffusion.checkpoint:fitted"}
