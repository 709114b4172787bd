"""Entropy and mean brightness of an enhanced photo, from its distinct colours and their counts.

The operator acts on each channel value alone, so that a photo is its colours and how often each occurs, and a colour is
three entries of a table with one enhanced value for each level. Nothing of full size is computed, and nothing is left
out: the figures are those of the whole enhanced photo.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.enhancers.parametric import apply_genes

GREY = (0.299, 0.587, 0.114)
"""Rec. 601 weights of Y, as in the registered `entropy`."""
BINS = 256
_CHUNK = 1 << 16  # colours at a time: their rows stay in the cache


class Palette:
    """Distinct colours of a photo (H, W, 3), uint8 or uint16, RGB, with their counts, on a device.

    16 bits are exact too: the table then has 65536 levels. Raises ValueError for another type or shape, or no pixel.
    """

    def __init__(self, photo: np.ndarray, device: str | torch.device = "cpu") -> None:
        if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype not in (np.uint8, np.uint16) or not photo.size:
            raise ValueError(
                f"a photo is (H, W, 3) uint8 or uint16 with at least one pixel, not {photo.shape} {photo.dtype}"
            )
        self.levels = int(np.iinfo(photo.dtype).max) + 1
        bits = 16 if photo.dtype == np.uint16 else 8
        # int32 sorts faster than int64 and holds three channels of 8 bits.
        wide: Any = photo.astype(np.int32 if bits == 8 else np.int64).reshape(-1, 3)
        packed = (wide[:, 0] << 2 * bits) | (wide[:, 1] << bits) | wide[:, 2]
        distinct, counts = np.unique(packed, return_counts=True)
        channels = [(distinct >> shift) & (self.levels - 1) for shift in (2 * bits, bits, 0)]
        self.colours = torch.from_numpy(np.stack(channels).astype(np.int32)).to(device)  # (3, M)
        self.counts = torch.from_numpy(counts.astype(np.int64)).to(device)  # (M,)
        self.pixels = int(counts.sum())

    def table(self, genes: Tensor) -> Tensor:
        """(P, levels): what becomes of each channel value in [0, 1] under each of the genes (P, 3)."""
        values = torch.arange(self.levels, device=genes.device, dtype=torch.float32) / (self.levels - 1)
        return apply_genes(values[None], genes)

    def entropy_and_mean(self, genes: Tensor) -> tuple[Tensor, Tensor]:
        """Of the photo under each of the genes (P, 3): entropy in bits of the 256-bin grey histogram, and mean grey in [0, 1].

        Grey is Y of YIQ; the histogram's is rounded to 8 bits, as in the registered `entropy`. Two (P,) float64.
        """
        table = self.table(genes)
        people = len(table)
        # A bin a level: the product with the weights is the same number that the whole photo would give.
        weighted = [table * weight for weight in GREY]
        histogram = torch.zeros(people * BINS, dtype=torch.float64, device=table.device)
        total = torch.zeros(people, dtype=torch.float64, device=table.device)
        offsets = torch.arange(people, device=table.device)[:, None] * BINS
        for start in range(0, self.colours.shape[1], _CHUNK):
            part = slice(start, start + _CHUNK)
            red, green, blue = self.colours[:, part]
            counts = self.counts[part].double()
            grey = weighted[0].index_select(1, red)
            grey += weighted[1].index_select(1, green)
            grey += weighted[2].index_select(1, blue)
            total += grey.double() @ counts
            bins = (grey * (BINS - 1)).round_().clamp_(0, BINS - 1).long()
            histogram.index_add_(0, (bins + offsets).flatten(), counts.expand(people, -1).flatten())
        shares = histogram.view(people, BINS) / self.pixels
        entropy = -torch.special.xlogy(shares, shares).sum(1) / np.log(2)
        return entropy.clamp(min=0), total / self.pixels
