"""Pictures of the workspace as tensors: read when first needed, verified by hash, kept within a memory limit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from pictures import (
    MAX_PICTURE,
    AbsentFile,
    FileFault,
    ImageError,
    as_uint8,
    mended,
    photo_from,
    read_regular,
    sha256_bytes,
)


class ImageSet:
    """Pictures by (path, sha256). `tensor(i)` is (3, H, W), float32 in [0, 1]; at most `cache_bytes` stay decoded."""

    def __init__(self, paths: Sequence[str], hashes: Sequence[str], cache_bytes: int = 2 << 30) -> None:
        self._entries = list(zip(paths, hashes, strict=True))
        self._cache: OrderedDict[int, np.ndarray] = OrderedDict()
        self._held = 0
        self._limit = cache_bytes

    def __len__(self) -> int:
        return len(self._entries)

    def tensor(self, index: int) -> torch.Tensor:
        """Picture `index`. Raises `ImageError` when the file is absent or is not the one the table names."""
        return torch.tensor(self._array(index)).permute(2, 0, 1).float() / 255

    def _array(self, index: int) -> np.ndarray:
        if index in self._cache:
            self._cache.move_to_end(index)
            return self._cache[index]
        path, sha256 = self._entries[index]
        try:
            data = read_regular(path, MAX_PICTURE)
        except AbsentFile:
            raise ImageError(path, "is missing; `dvc checkout` or `dvc repro` brings it back") from None
        except FileFault as error:
            raise ImageError(path, f"{error.reason}; {mended(path)}") from error
        if sha256_bytes(data) != sha256:
            raise ImageError(path, f"is not the picture its table names; {mended(path)}")
        array = as_uint8(photo_from(Path(path), data).pixels)
        self._cache[index] = array
        self._held += array.nbytes
        while self._held > self._limit and len(self._cache) > 1:
            self._held -= self._cache.popitem(last=False)[1].nbytes
        return array


def random_crops(pictures: Sequence[torch.Tensor], size: int, generator: torch.Generator) -> list[torch.Tensor]:
    """The same random crop and flip of several versions of one photo. pictures: (3, H, W) each; returns (3, size, size).

    A side shorter than `size` is reflected (repeatedly, where the picture is very small).
    """
    height, width = pictures[0].shape[-2:]
    top = int(torch.randint(max(height - size, 0) + 1, (1,), generator=generator))
    left = int(torch.randint(max(width - size, 0) + 1, (1,), generator=generator))
    flip = bool(torch.randint(2, (1,), generator=generator))
    crops = [reflect_to(picture[:, top : top + size, left : left + size], size) for picture in pictures]
    return [crop.flip(-1) for crop in crops] if flip else crops


def reflect_to(picture: torch.Tensor, size: int) -> torch.Tensor:
    """Extend (3, H, W) by reflection until both sides are at least `size`, then cut to it."""
    while min(picture.shape[-2:]) < size:
        height, width = picture.shape[-2:]
        right, bottom = min(max(size - width, 0), width - 1), min(max(size - height, 0), height - 1)
        if (width < size and right == 0) or (height < size and bottom == 0):
            picture = F.interpolate(picture[None], size=(max(height, 2), max(width, 2)), mode="nearest")[0]
            continue
        picture = F.pad(picture[None], (0, right, 0, bottom), mode="reflect")[0]
    return picture[:, :size, :size]
