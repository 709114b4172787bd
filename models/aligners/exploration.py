"""Exploration: how a network that makes one picture becomes a policy that makes many: a Gaussian around its output.

Each says how it draws, and the exact energy of a picture: minus twice its log-probability, without the constant, spread over the
pixels so that its expectation is 1 at each. A region's log-probability is -1/2 its mean over the region's pixels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import cast

import torch
from torch.nn import functional as F

from models.own import faults_of_options


class Exploration(ABC):
    """Noise (G, B, C, H, W) of standard deviation `scale` (of [0, 1]) at a pixel.

    colour: independent in R, G and B (C is 3); else the same in all three (C is 1), which leaves chroma alone.
    """

    def __init__(self, scale: float, colour: bool = False) -> None:
        if not 0 < scale < 1:
            raise ValueError(f"scale is between 0 and 1, not {scale}")
        self.scale, self.channels = scale, 3 if colour else 1

    def scaled(self, factor: float) -> Exploration:
        """The same with another deviation."""
        found = copy(self)
        found.scale = self.scale * factor
        return found

    @abstractmethod
    def noise(self, scene: Scene, samples: int, generator: torch.Generator) -> torch.Tensor:
        """(samples, B, C, H, W); each odd one is the negative of the one before."""

    @abstractmethod
    def plane(self, difference: torch.Tensor, scene: Scene) -> torch.Tensor:
        """The energy of each channel alone, (G, N, H, W) of differences (G, N, H, W), N being B times C."""

    def seen(self, pictures: torch.Tensor) -> torch.Tensor:
        """Of pictures (..., 3, H, W) what the policy is about: (..., C, H, W)."""
        return pictures if self.channels == 3 else pictures.mean(-3, keepdim=True)

    def energy(self, difference: torch.Tensor, scene: Scene) -> torch.Tensor:
        """(G, B, H, W) of differences (G, B, C, H, W) between what is `seen` of pictures and of the policy's mean."""
        found = self.plane(difference.flatten(1, 2), scene)
        return found.unflatten(1, (-1, self.channels)).mean(2)


class Scene:
    """What is around a policy's mean. before: (B, 3, H, W), the mean when it was sampled; sources: of the same shape; regions:
    (B, K, H, W) float, 1 within.
    """

    def __init__(self, before: torch.Tensor, sources: Sequence[torch.Tensor], regions: torch.Tensor) -> None:
        self.before, self.sources, self.regions = before, sources, regions


def normal(shape: Sequence[int], like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Standard normal numbers, drawn on the CPU, so that every device draws the same."""
    return torch.randn(tuple(shape), generator=generator).to(like.device, like.dtype)


def antithetic(drawn: torch.Tensor, samples: int) -> torch.Tensor:
    """Each of the drawn (ceil(samples / 2), ...) and its negative: `samples` of them."""
    return torch.stack([drawn, -drawn], 1).flatten(0, 1)[:samples]


class White(Exploration):
    """Independent at each pixel."""

    def __init__(self, scale: float = 0.01, colour: bool = False) -> None:
        super().__init__(scale, colour)

    def noise(self, scene: Scene, samples: int, generator: torch.Generator) -> torch.Tensor:
        batch, _, height, width = scene.before.shape
        drawn = normal(((samples + 1) // 2, batch, self.channels, height, width), scene.before, generator)
        return self.scale * antithetic(drawn, samples)

    def plane(self, difference: torch.Tensor, scene: Scene) -> torch.Tensor:
        return difference.square() / self.scale**2


class Cells(Exploration):
    """The same for all pixels of a square cell of `size`; only the cells' means of a difference have a probability."""

    def __init__(self, scale: float = 0.02, size: int = 16, colour: bool = False) -> None:
        super().__init__(scale, colour)
        if size < 1:
            raise ValueError(f"size is 1 or more, not {size}")
        self.size = size

    def noise(self, scene: Scene, samples: int, generator: torch.Generator) -> torch.Tensor:
        batch, _, height, width = scene.before.shape
        rows, columns = -(-height // self.size), -(-width // self.size)
        drawn = normal(((samples + 1) // 2, batch, self.channels, rows, columns), scene.before, generator)
        return self.scale * spread(antithetic(drawn, samples), self.size)[..., :height, :width]

    def plane(self, difference: torch.Tensor, scene: Scene) -> torch.Tensor:
        return cell_means(difference, self.size).square() / self.scale**2


class Scales(Exploration):
    """The sum of `Cells` of sizes 1, 2, 4, ... (`levels` of them), equal in deviation; exact by the orthogonal levels of means.

    On the differences between the means of cells of one size and of the next the covariance of the sum is a number: the sum over
    the sizes that are not larger of variance times pixels of a cell. Exact where the sides are multiples of the largest cell.
    """

    def __init__(self, scale: float = 0.02, levels: int = 4, colour: bool = False) -> None:
        super().__init__(scale, colour)
        if not 1 <= levels <= 8:
            raise ValueError(f"levels is 1 to 8, not {levels}")
        self.levels = levels

    def noise(self, scene: Scene, samples: int, generator: torch.Generator) -> torch.Tensor:
        batch, _, height, width = scene.before.shape
        total = scene.before.new_zeros((samples + 1) // 2, batch, self.channels, height, width)
        for level in range(self.levels):
            size = 1 << level
            drawn = normal(
                (len(total), batch, self.channels, -(-height // size), -(-width // size)), scene.before, generator
            )
            total = total + spread(drawn, size)[..., :height, :width]
        return antithetic(total * (self.scale / self.levels**0.5), samples)

    def plane(self, difference: torch.Tensor, scene: Scene) -> torch.Tensor:
        variance = self.scale**2 / self.levels
        known, total, weight = difference, torch.zeros_like(difference), 0.0
        for level in range(self.levels):
            weight += variance * 4**level
            coarser = cell_means(difference, 2 << level) if level + 1 < self.levels else torch.zeros_like(known)
            total = total + (known - coarser).square() / weight
            known = coarser
        return total


class Gain(Exploration):
    """Each region brighter or darker by a factor, and mixed: with two sources towards one or the other, with one towards it.

    gain, mixing: standard deviations of the factor and of the share. Only what a difference is along these two in a region has a
    probability (least squares).
    """

    def __init__(self, gain: float = 0.05, mixing: float = 0.05) -> None:
        super().__init__(gain)
        if not 0 < mixing < 1:
            raise ValueError(f"mixing is between 0 and 1, not {mixing}")
        self.mixing = mixing

    @property
    def deviations(self) -> tuple[float, float]:
        return self.scale, self.mixing

    def scaled(self, factor: float) -> Exploration:
        found = cast(Gain, super().scaled(factor))
        found.mixing = self.mixing * factor
        return found

    def noise(self, scene: Scene, samples: int, generator: torch.Generator) -> torch.Tensor:
        batch, count = scene.regions.shape[:2]
        drawn = antithetic(normal(((samples + 1) // 2, batch, count, 2), scene.before, generator), samples)
        drawn = drawn * drawn.new_tensor(self.deviations)
        return torch.einsum("gbkd,bkhw,bdhw->gbhw", drawn, scene.regions, self._directions(scene))[:, :, None]

    def plane(self, difference: torch.Tensor, scene: Scene) -> torch.Tensor:
        directions, regions = self._directions(scene), scene.regions
        products = torch.einsum("bdhw,behw,bkhw->bkde", directions, directions, regions)
        ridge = 1e-9 + 1e-6 * products.diagonal(dim1=-2, dim2=-1).mean(-1)
        products = products + ridge[..., None, None] * torch.eye(2, device=products.device)
        along = torch.einsum("gbhw,bdhw,bkhw->gbkd", difference, directions, regions)
        found = torch.linalg.solve(products[None].expand(len(along), -1, -1, -1, -1), along)
        each = (found / found.new_tensor(self.deviations)).square().mean(-1)
        return torch.einsum("gbk,bkhw->gbhw", each, regions)

    @staticmethod
    def _directions(scene: Scene) -> torch.Tensor:
        """(B, 2, H, W): the mean itself, and from one source to the other."""
        before = scene.before.mean(1)
        ends = [source.mean(1) for source in scene.sources]
        return torch.stack([before, ends[0] - (ends[-1] if len(ends) > 1 else before)], 1)


def spread(cells: torch.Tensor, size: int) -> torch.Tensor:
    """Each value as a square of `size` pixels."""
    return cells.repeat_interleave(size, -2).repeat_interleave(size, -1) if size > 1 else cells


def cell_means(difference: torch.Tensor, size: int) -> torch.Tensor:
    """(G, B, H, W) with each pixel the mean of its cell; a cell at the edge is the mean of the pixels that it has."""
    height, width = difference.shape[-2:]
    pool = F.avg_pool2d(difference, size, ceil_mode=True, count_include_pad=False)
    return spread(pool, size)[..., :height, :width]


EXPLORATIONS: dict[str, type[Exploration]] = {"white": White, "cells": Cells, "scales": Scales, "gain": Gain}


def exploration(name: str, **options: float) -> Exploration:
    """Build one by name with its options. Raises ValueError: no such name, option or value."""
    if name not in EXPLORATIONS:
        raise ValueError(f"no exploration is called {name!r}; known are {', '.join(sorted(EXPLORATIONS))}")
    if faults := faults_of_options(f"exploration {name!r}", EXPLORATIONS[name], options):
        raise ValueError("; ".join(faults))
    return EXPLORATIONS[name](**options)  # type: ignore[arg-type]
