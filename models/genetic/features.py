"""Distance of deep features between a photo and its enhanced versions (entropy-driven NSGA-II, Sec. 3.1 and 3.3)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.genetic.palette import Palette

SIDE = 224
Extractor = Callable[[Tensor], Tensor]


def pooled(extractor: Extractor, image: Tensor) -> Tensor:
    """Feature vectors (B, C) of images (B, 3, H, W): the last block's max pooling, then the average over the picture."""
    return F.max_pool2d(extractor(image), 2).flatten(2).mean(2)


def reduced(image: Tensor, side: int = SIDE) -> Tensor:
    """Images (B, 3, H, W) at side x side, bilinear with antialiasing, the aspect ratio not kept, as VGG16 is fed."""
    if image.shape[-2:] == (side, side):
        return image
    return F.interpolate(image, (side, side), mode="bilinear", align_corners=False, antialias=True)


class FeatureDistance:
    """Euclidean distance of pooled VGG16 features between a photo and what genes make of it.

    photo: (H, W, 3) uint8 or uint16. palette: of the same photo. extractor: VGG16 up to relu5_3 on `device`. side: of
    the picture that the network sees. batch: individuals a pass; memory is that of one enhanced photo and one batch.
    """

    def __init__(
        self, photo: np.ndarray, palette: Palette, extractor: Extractor, device: str | torch.device = "cpu",
        side: int = SIDE, batch: int = 10,
    ) -> None:  # fmt: skip
        self._levels = torch.from_numpy(photo.astype(np.int32).transpose(2, 0, 1).copy()).to(device)  # (3, H, W)
        self._palette = palette
        self._extractor = extractor
        self._side = side
        self._batch = batch
        values = self._levels.float() / (palette.levels - 1)
        self._original = pooled(extractor, _fast(reduced(values[None], side)))

    def __call__(self, genes: Tensor) -> Tensor:
        """(P,) float64 distances for genes (P, 3)."""
        found = []
        for part in genes.split(self._batch):
            tables = self._palette.table(part)
            pictures = torch.cat([self._enhanced(table) for table in tables])
            found.append((pooled(self._extractor, _fast(pictures)) - self._original).double().norm(dim=1))
        return torch.cat(found)

    def _enhanced(self, table: Tensor) -> Tensor:
        """The whole photo through one table of levels, reduced for the network: (1, 3, side, side)."""
        whole = table.index_select(0, self._levels.flatten()).view(1, *self._levels.shape)
        return reduced(whole, self._side)


def _fast(image: Tensor) -> Tensor:
    """Channels last: convolutions on the CPU are quicker so, and give the same figures."""
    return image.contiguous(memory_format=torch.channels_last)
