"""The palette gives the figures of the whole enhanced photo."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.enhancers.parametric import BOUNDS, apply_genes
from models.genetic.palette import Palette
from models.quality import create

GENES = np.random.default_rng(1).uniform(*np.array(BOUNDS).T, (12, 3))
EDGES = np.array([[-10.0, 1.0, 1.0], [60.0, 2.0, 2.0], [0.0, 1.0, 1.0]])


def photo(kind: str, dtype: type[np.generic]) -> np.ndarray:
    random = np.random.default_rng(0)
    top = np.iinfo(dtype).max
    return {
        "noise": random.integers(0, top // 3, (37, 53, 3)).astype(dtype),
        "one colour": np.full((9, 7, 3), top // 5, dtype),
        "black": np.zeros((8, 8, 3), dtype),
        "white": np.full((8, 8, 3), top, dtype),
        "one pixel": random.integers(0, top, (1, 1, 3)).astype(dtype),
    }[kind]


def plainly(pixels: np.ndarray, genes: np.ndarray) -> tuple[float, float]:
    """Entropy and mean grey of the whole enhanced photo."""
    image = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / float(np.iinfo(pixels.dtype).max)
    enhanced = apply_genes(image, torch.tensor(genes, dtype=torch.float32)[None])
    grey = torch.einsum("bchw,c->bhw", enhanced.double(), torch.tensor([0.299, 0.587, 0.114]).double())
    return float(create("entropy")(enhanced)), float(grey.mean())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["noise", "one colour", "black", "white", "one pixel"])
def test_it_equals_the_whole_photo(kind: str, dtype: type[np.generic]) -> None:
    pixels = photo(kind, dtype)
    genes = np.concatenate([GENES, EDGES])
    entropy, mean = Palette(pixels).entropy_and_mean(torch.tensor(genes, dtype=torch.float32))
    expected = np.array([plainly(pixels, row) for row in genes])
    assert np.abs(entropy.numpy() - expected[:, 0]).max() < 1e-6
    assert np.abs(mean.numpy() - expected[:, 1]).max() < 1e-6


def test_more_colours_than_a_chunk() -> None:
    pixels = np.random.default_rng(2).integers(0, 255, (400, 400, 3)).astype(np.uint8)
    palette = Palette(pixels)
    assert palette.colours.shape[1] > 1 << 16
    entropy, _ = palette.entropy_and_mean(torch.tensor(GENES[:2], dtype=torch.float32))
    assert np.abs(entropy.numpy() - [plainly(pixels, row)[0] for row in GENES[:2]]).max() < 1e-6


def test_entropy_by_hand() -> None:
    # Two greys half and half: one bit; four in shares 1/2, 1/4, 1/8, 1/8: 1.75 bits. Genes that change nothing.
    same = torch.tensor([[0.0, 1.0, 1.0]])
    for greys, bits in (([10, 200], 1.0), ([0, 0, 0, 0, 50, 50, 90, 250], 1.75)):
        pixels = np.repeat(np.array(greys, np.uint8)[None, :, None], 3, axis=2)
        entropy, mean = Palette(pixels).entropy_and_mean(same)
        assert float(entropy) == pytest.approx(bits, abs=1e-12)
        assert float(mean) == pytest.approx(np.mean(greys) / 255, abs=1e-6)


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_photo_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a photo is"):
        Palette(pixels)
