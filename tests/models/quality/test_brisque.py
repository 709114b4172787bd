"""BRISQUE against pyiqa's, also where sides are odd or small, and by what its formula says."""

from __future__ import annotations

import pytest
import skimage.data
import torch
from torch import Tensor
from torch.nn import functional as F

from models import quality
from models.quality import pyiqa_adapter
from models.quality.brisque import features


def smooth(height: int, width: int, noise: float = 0.02) -> Tensor:
    generator = torch.Generator().manual_seed(height * width)
    coarse = torch.rand(1, 3, max(2, height // 8), max(2, width // 8), generator=generator)
    image = F.interpolate(coarse, (height, width), mode="bicubic")
    return (image + noise * torch.randn(image.shape, generator=generator)).clamp(0, 1)


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (40, 16), (97, 101), (200, 152)])
def test_any_size_is_pyiqas(size: tuple[int, int]) -> None:
    image = smooth(*size)
    theirs = pyiqa_adapter.original("brisque")(image).item()
    assert quality.create("brisque")(image).item() == pytest.approx(theirs, abs=0.01)


def test_flat_places_count_as_pyiqas() -> None:
    image = torch.zeros(1, 3, 64, 64)
    image[..., 20:, 30:] = 0.7
    theirs = pyiqa_adapter.original("brisque")(image).item()
    assert quality.create("brisque")(image).item() == pytest.approx(theirs, abs=0.01)


def test_the_features_of_white_noise() -> None:
    """Neighbours have a part of their mean in common, the more the nearer they are, and so lie a little to the left of 0."""
    grey = (127 + 20 * torch.randn(200, 200, generator=torch.Generator().manual_seed(0))).round()
    found = features(grey)
    assert found.shape == (18,)
    assert 2 < float(found[0]) < 4, "less heavy tails: the window's centre is part of its own mean"
    means, left, right = found[3::4], found[4::4], found[5::4]
    assert bool((left > right).all()) and bool((means > -0.15).all()) and bool((means < 0).all())
    across, down, diagonal, other = means.tolist()
    assert across == pytest.approx(down, abs=0.01) and diagonal == pytest.approx(other, abs=0.01) and across < diagonal


def test_noise_makes_it_worse() -> None:
    metric, photo = quality.create("brisque"), torch.from_numpy(skimage.data.astronaut()).permute(2, 0, 1)[None] / 255
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    assert float(metric((photo + 0.1 * noise).clamp(0, 1))) > float(metric(photo)) + 10
