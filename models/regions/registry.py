"""Segmenters by name. A new one is a new file and a line here; the names are known without importing torch."""

from __future__ import annotations

# name -> MODULE:CLASS, a `Segmenter` that is built from its options
REGIONS: dict[str, str] = {
    "superpixels": "models.regions.simple:Superpixels",
    "grid": "models.regions.simple:Grid",
    "boxes": "models.regions.simple:Boxes",
    "whole": "models.regions.simple:Whole",
    "sam": "models.regions.sam:Sam",
    "mobile_sam": "models.regions.mobile_sam:MobileSam",
}
