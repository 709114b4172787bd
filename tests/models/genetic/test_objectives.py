"""The paper's objectives of a photo, beside the plain way, and judges by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.enhancers.parametric import BOUNDS, apply_genes
from models.genetic import objectives
from models.genetic.objectives import Fitness, Photo
from models.genetic.search import SearchSettings, search
from models.quality import create

GENES = torch.from_numpy(np.random.default_rng(3).uniform(*np.array(BOUNDS).T, (7, 3)))


def extractor(image: Tensor) -> Tensor:
    """A stand-in for VGG16: its weights come from a package, and its value is tested elsewhere."""
    kernel = torch.sin(torch.arange(5 * 3 * 9.0)).view(5, 3, 3, 3)
    return F.relu(F.conv2d(image, kernel, stride=2))


def photo(dtype: type[np.generic] = np.uint8, height: int = 90, width: int = 70) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.integers(0, np.iinfo(dtype).max // 4, (height, width, 3)).astype(dtype)


def plain_distance(pixels: np.ndarray, genes: Tensor) -> float:
    image = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / float(np.iinfo(pixels.dtype).max)
    enhanced = apply_genes(image, genes[None].float())

    def features(picture: Tensor) -> Tensor:
        small = F.interpolate(picture, (32, 32), mode="bilinear", align_corners=False, antialias=True)
        return F.adaptive_avg_pool2d(F.max_pool2d(extractor(small), 2), 1).flatten()

    mean = float((enhanced * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1).mean())
    return float((features(enhanced) - features(image)).norm()) + 30 * (max(0, 0.35 - mean) + max(0, mean - 0.7))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_distance_equals_the_plain_way(dtype: type[np.generic]) -> None:
    pixels = photo(dtype)
    found = objectives.distance(Photo(pixels), extractor, side=32, batch=3).values(GENES)
    expected = [plain_distance(pixels, genes) for genes in GENES]
    assert np.abs(found.numpy() - expected).max() < 1e-4


def test_distance_of_nothing_changed_is_the_penalty_alone() -> None:
    pixels = np.full((8, 8, 3), 51, np.uint8)  # mean 0.2: 30 * (0.35 - 0.2)
    found = objectives.distance(Photo(pixels), extractor, side=32).values(torch.tensor([[0.0, 1.0, 1.0]]))
    assert float(found) == pytest.approx(4.5, abs=1e-4)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 8, 3), np.uint8),
        np.full((8, 8, 3), 255, np.uint8),
        np.full((5, 9, 3), 40, np.uint8),
        photo(np.uint8, 1, 1),
    ],
    ids=["black", "white", "one colour", "one pixel"],
)
def test_odd_photos_are_searched(pixels: np.ndarray) -> None:
    searched = Photo(pixels)
    fitness = Fitness([objectives.entropy(searched), objectives.distance(searched, extractor, side=32)])
    front = search(fitness, SearchSettings(population=8, generations=2), seed=1)
    assert np.isfinite(front.values).all()
    assert (front.values[:, 0] == 0).all()


def test_a_metric_as_an_objective() -> None:
    searched = Photo(photo())
    judged = objectives.judged(searched, "piqe", create("piqe"), maximise=False)
    found = judged.values(GENES[:2])
    image = torch.from_numpy(searched.pixels.astype(np.float32)).permute(2, 0, 1)[None] / 255
    assert found.tolist() == pytest.approx(
        [float(create("piqe")(apply_genes(image, one[None].float()))) for one in GENES[:2]]
    )
