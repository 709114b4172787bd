"""What a search optimises: the paper's two objectives, and judges and metrics by name (entropy-driven NSGA-II, Eq. 3.3).

An objective looks at a photo and at genes, (P, 3) float64 brightness, contrast, gamma, and gives (P,) float64 values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from models.enhancers.parametric import apply_genes
from models.genetic.features import Extractor, FeatureDistance
from models.genetic.palette import Palette


@dataclass(frozen=True)
class Objective:
    """One objective of one photo. `maximise`: its direction. `cheap`: needs no network and no full-size photo."""

    name: str
    maximise: bool
    cheap: bool
    values: Callable[[Tensor], Tensor]


class Opinion(Protocol):
    """What a judge or a metric says of enhanced pictures (B, 3, H, W) in [0, 1], made of a photo of that shape: (B,)."""

    def __call__(self, image: Tensor, photo: Tensor, /) -> Tensor: ...


class Photo:
    """A photo under search: its palette, and what several objectives share, computed once for equal genes."""

    def __init__(self, pixels: np.ndarray, device: str | torch.device = "cpu") -> None:
        self.pixels = pixels
        self.device = device
        self.palette = Palette(pixels, device)
        self._grey: tuple[bytes, tuple[Tensor, Tensor]] | None = None

    def entropy_and_mean(self, genes: Tensor) -> tuple[Tensor, Tensor]:
        """See `Palette.entropy_and_mean`; the last answer is kept, because two objectives ask for it in turn."""
        key = genes.numpy().tobytes()
        if self._grey is None or self._grey[0] != key:
            found = self.palette.entropy_and_mean(genes.to(self.device, torch.float32))
            self._grey = (key, (found[0].cpu(), found[1].cpu()))
        return self._grey[1]


def entropy(photo: Photo) -> Objective:
    """f1: Shannon entropy of the grey histogram, to be maximised (Eq. in Sec. 3.3)."""
    return Objective("entropy", True, True, lambda genes: photo.entropy_and_mean(genes)[0])


def brightness_penalty(mean: Tensor, low: float, high: float) -> Tensor:
    """Distance of the mean brightness from [low, high] (Appendix A.1; Sec. 3.3 has only the lower bound)."""
    return (low - mean).clamp(min=0) + (mean - high).clamp(min=0)


def distance(
    photo: Photo, extractor: Extractor, *, penalty: float = 30.0, low: float = 0.35, high: float = 0.7, side: int = 224,
    batch: int = 10,
) -> Objective:  # fmt: skip
    """f2: feature distance + penalty * brightness penalty, to be minimised (Sec. 3.3; lambda 30 of Table 1)."""
    features = FeatureDistance(photo.pixels, photo.palette, extractor, photo.device, side, batch)

    def values(genes: Tensor) -> Tensor:
        _, mean = photo.entropy_and_mean(genes)
        apart = features(genes.to(photo.device, torch.float32)).cpu()
        return apart + penalty * brightness_penalty(mean, low, high)

    return Objective("distance", False, False, values)


def judged(photo: Photo, name: str, opinion: Opinion, *, maximise: bool) -> Objective:
    """Any judge or metric of the enhanced photo at its own size, one individual at a time."""
    top = photo.palette.levels - 1
    whole = torch.from_numpy(photo.pixels.astype(np.float32) / top).permute(2, 0, 1)[None].to(photo.device)

    def values(genes: Tensor) -> Tensor:
        found = []
        with torch.no_grad():
            for one in genes.to(photo.device, torch.float32):
                found.append(opinion(apply_genes(whole, one[None]), whole).double().reshape(1))
        return torch.cat(found).cpu()

    return Objective(name, maximise, False, values)


class Fitness:
    """The objectives of a photo over genes, each value computed once: equal genes are never evaluated twice.

    `evaluations` counts computed values by objective.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        if len(objectives) < 2 or len({objective.name for objective in objectives}) < len(objectives):
            raise ValueError("a search needs at least two objectives, each once")
        self.objectives = tuple(objectives)
        self.evaluations = dict.fromkeys((objective.name for objective in objectives), 0)
        self._known: list[dict[bytes, float]] = [{} for _ in objectives]

    @property
    def weights(self) -> tuple[float, ...]:
        """+1 for an objective to maximise, -1 for one to minimise, as DEAP takes them."""
        return tuple(1.0 if objective.maximise else -1.0 for objective in self.objectives)

    def of(self, genes: np.ndarray, place: int) -> np.ndarray:
        """(P,) values of objective `place` for genes (P, 3) float64; NaN and infinities are passed on."""
        known, objective = self._known[place], self.objectives[place]
        keys = [row.tobytes() for row in genes]
        missing = {key: index for index, key in enumerate(keys) if key not in known}
        if missing:
            wanted = torch.from_numpy(genes[list(missing.values())])
            values = objective.values(wanted).double().numpy()
            known.update(zip(missing, (float(value) for value in values), strict=True))
            self.evaluations[objective.name] += len(missing)
        return np.array([known[key] for key in keys])

    def all(self, genes: np.ndarray) -> np.ndarray:
        """(P, objectives) values of every objective."""
        return np.stack([self.of(genes, place) for place in range(len(self.objectives))], axis=1)
