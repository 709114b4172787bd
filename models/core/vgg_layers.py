"""The activations of VGG16 by their usual names; kept apart so that a configuration can be checked without torch."""

from __future__ import annotations

# Convolutions per block of VGG16 (configuration D of Simonyan and Zisserman, 2015).
CONVOLUTIONS_PER_BLOCK = (2, 2, 3, 3, 3)

VGG16_LAYERS: tuple[str, ...] = tuple(
    f"relu{block}_{convolution}"
    for block, convolutions in enumerate(CONVOLUTIONS_PER_BLOCK, start=1)
    for convolution in range(1, convolutions + 1)
)
