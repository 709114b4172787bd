"""Regions of the dataset's pictures as an aligner wants them, beside the crops that it is given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from models.regions.rle import decode
from pictures import sha256_file
from tasks.stage import tables
from tasks.stage.places import Places


class RegionSet:
    """The number of its region at each pixel, of images by id, from data/KIND/regions. Raises `TableError`: one has none."""

    def __init__(self, kind: str, images: Sequence[str]) -> None:
        path = Places(kind).regions / "regions.parquet"
        found: dict[str, list[tuple[int, int, int, np.ndarray]]] = {}
        for row in tables.rows(tables.read("regions", path)):
            found.setdefault(row.image, []).append((row.region, row.height, row.width, np.asarray(row.counts)))
        if missing := [image for image in images if image not in found]:
            raise tables.TableError(
                f"{path} has no regions of {missing[0]}; `dvc repro -f -s regions@{kind}` finds them"
            )
        self.identity = sha256_file(path)
        self._rows = [found[image] for image in images]

    def tensor(self, index: int) -> torch.Tensor:
        """Numbers (1, H, W), float, so that they can be cropped as a picture is."""
        _, height, width, _ = self._rows[index][0]
        labels = np.zeros((height, width), np.float32)
        for number, _, _, counts in self._rows[index]:
            labels[decode(counts.tolist(), height, width)] = number
        return torch.from_numpy(labels)[None]
