"""Losses of low_light that need nothing but the enhanced photo and the photo; for `align.keep`."""

from __future__ import annotations

from models.losses.zero_reference import colour_constancy, exposure_control, spatial_consistency

LOSSES = {
    "spatial": lambda made, sources: spatial_consistency(sources[0], made),
    "exposure": lambda made, sources: exposure_control(made),
    "colour": lambda made, sources: colour_constancy(made),
}
