"""Enhancers by name. A new one is a new file and a line here; the names are known without importing torch."""

from __future__ import annotations

GROUP = "loupe.enhancers"
"""Of the entry points by which an installed package offers enhancers of its own."""
# name -> module that has `build(**options) -> nn.Module`
ENHANCERS: dict[str, str] = {
    "curve": "models.enhancers.curve",
    "parametric": "models.enhancers.parametric",
    "predicted": "models.enhancers.predicted",
}
