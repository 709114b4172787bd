"""Training scenes of the brackets as batches of the same random crop, a pure function of the step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch

from models.core.training import step_generator
from tasks.brackets.kind import KIND
from tasks.stage import tables
from tasks.stage.places import Places
from tasks.stage.runtime import identity
from tasks.training.image_set import ImageSet, random_crops

_CACHE = 512 << 20
Batch = dict[str, torch.Tensor]


class Scenes:
    """The training scenes. has_reference: every one has a reference; where one lacks it none is used, and that is said.
    has_natural: every one has a natural image of another photograph.

    A batch is {"under", "over", "reference" where there are, "natural" where asked for and there are}, (B, 3, crop, crop)
    float in [0, 1]. A natural image is never of its scene's photograph. Raises `TableError`.
    """

    def __init__(self, crop: int, batch: int, seed: int) -> None:
        at = Places(KIND.name).pictures
        table = tables.read_split(KIND.table, at / f"{KIND.table}.parquet", "train")
        natural = tables.read("natural", at / "natural.parquet")
        self.crop, self.batch, self.seed = crop, batch, seed
        self.has_reference = bool(table.reference.notna().all())
        if not self.has_reference and table.reference.notna().any():
            without = int(table.reference.isna().sum())
            print(f"{without} of {len(table)} training scenes have no reference: references are not used")
        parts = ("under", "over", *(("reference",) if self.has_reference else ()))
        self._pictures = {part: _pictures(table, part, f"{part}_sha256") for part in parts}
        self._natural = _pictures(natural, "path", "sha256")
        self._photographs = list(table.photograph)
        self._natural_of = list(natural.photograph)
        self.has_natural = all(self._others(place) for place in range(len(self)))
        self.identity = identity(
            *(hash_ for part in parts for hash_ in table[f"{part}_sha256"]), *natural.sha256, *natural.photograph
        )

    def __len__(self) -> int:
        return len(self._photographs)

    def batches(self, places: Sequence[int], purpose: str, natural: bool = False) -> Callable[[int], Batch]:
        """step -> batch of scenes drawn from `places`; purpose: another name draws others."""

        def make(step: int) -> Batch:
            generator = step_generator(self.seed, step, purpose)
            found: dict[str, list[torch.Tensor]] = {}
            for _ in range(self.batch):
                place = places[_draw(len(places), generator)]
                pictures = [part.tensor(place) for part in self._pictures.values()]
                for part, crop in zip(self._pictures, random_crops(pictures, self.crop, generator), strict=True):
                    found.setdefault(part, []).append(crop)
                others = self._others(place) if natural and self.has_natural else []
                if others:
                    picture = self._natural.tensor(others[_draw(len(others), generator)])
                    found.setdefault("natural", []).append(random_crops([picture], self.crop, generator)[0])
            return {part: torch.stack(crops) for part, crops in found.items()}

        return make

    def _others(self, place: int) -> list[int]:
        own = self._photographs[place]
        return [number for number, photograph in enumerate(self._natural_of) if photograph != own]


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator))


def _pictures(table: pd.DataFrame, path: str, sha256: str) -> ImageSet:
    columns: Any = table[path], table[sha256]
    return ImageSet(list(columns[0]), list(columns[1]), _CACHE)
