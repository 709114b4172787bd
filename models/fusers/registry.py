"""Fusers by name. A new one is a new file and a line here; the names are known without importing torch."""

from __future__ import annotations

GROUP = "loupe.fusers"
"""Of the entry points by which an installed package offers fusers of its own."""
# name -> MODULE:CALLABLE of what builds it from its options
FUSERS: dict[str, str] = {
    "average": "models.fusers.classical:average",
    "laplacian": "models.fusers.classical:laplacian",
    "mertens": "models.fusers.classical:mertens",
    "learned_pyramid": "models.fusers.learned_pyramid:build",
    "searched": "models.fusers.searched:build",
    "maximum": "models.fusers.multiscale:Maximum",
    "pyramid": "models.fusers.multiscale:Pyramid",
    "wavelet": "models.fusers.multiscale:Wavelet",
    "guided": "models.fusers.multiscale:Guided",
    "dcevo": "models.fusers.dcevo:DCEvo",
}
