"""Local tone curves: what they must not do, by hand; and tiles that know where they lie."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.enhancers.base import Window
from models.enhancers.local_tone import LocalTone, luma, rational_curve
from models.tiling import enhance_tiled


def driven(coefficients: tuple[float, float, float, float]) -> LocalTone:
    """A network that decides the same everywhere: lift, slope, saturation, colour noise."""
    network = LocalTone(4).eval()
    with torch.no_grad():
        network.last.weight.zero_()
        network.last.bias.copy_(torch.tensor(coefficients))  # type: ignore[union-attr]
    return network


def test_the_curve_by_hand() -> None:
    values = torch.tensor([0.0, 0.2, 0.5, 1.0])
    # 4 x / (1 + 3 x): 0, 0.8 / 1.6, 2 / 2.5, 4 / 4
    assert rational_curve(values, torch.tensor(4.0)).tolist() == pytest.approx([0.0, 0.5, 0.8, 1.0])
    assert torch.allclose(rational_curve(rational_curve(values, torch.tensor(4.0)), torch.tensor(0.25)), values)


@torch.no_grad()
def test_black_white_and_grey_stay() -> None:
    network = driven((1.5, -0.5, 0.7, -3.0))
    for level in (0.0, 1.0):
        assert torch.allclose(network(torch.full((1, 3, 40, 56), level)), torch.full((1, 3, 40, 56), level), atol=1e-5)
    grey = torch.rand(1, 1, 48, 48).expand(-1, 3, -1, -1)
    made = network(grey)
    assert float((made.amax(1) - made.amin(1)).max()) < 1e-5
    assert float(made.mean()) > float(grey.mean()) + 0.1


@torch.no_grad()
def test_a_lift_that_falls_with_the_grey_lifts_the_dark_more() -> None:
    dark, bright = torch.full((1, 3, 32, 32), 0.1), torch.full((1, 3, 32, 32), 0.7)
    flat, falling = driven((0.5, 0.0, 0.0, -9.0)), driven((0.5, -0.6, 0.0, -9.0))
    assert float(falling(dark).mean()) > float(flat(dark).mean())
    assert float(falling(bright).mean()) < float(flat(bright).mean())
    # By hand: 2 * 0.5 - 4 * 0.6 * (0.1 - 0.3) = 1.48; gain = exp(2.5 tanh(1.48 / 2.5)); gain x / (1 + (gain - 1) x)
    gain = np.exp(2.5 * np.tanh(1.48 / 2.5))
    assert float(falling(dark).mean()) == pytest.approx(gain * 0.1 / (1 + (gain - 1) * 0.1), abs=1e-4)


@torch.no_grad()
def test_colour_noise_is_shrunk_and_the_grey_of_it_kept() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = 0.03 * torch.randn(1, 3, 64, 64, generator=generator)
    image = (0.2 + noise - luma(noise)).clamp(0, 1)
    made = driven((0.0, 0.0, 0.0, 2.0))(image)
    inner = (..., slice(8, -8), slice(8, -8))
    assert float((made - luma(made))[inner].std()) < 0.5 * float((image - luma(image))[inner].std())
    assert torch.allclose(luma(made), luma(image), atol=1e-5)
    edges = torch.zeros(1, 3, 64, 64)
    edges[:, 0, :, 32:], edges[:, 2, :, :32] = 0.6, 0.6
    assert float((driven((0.0, 0.0, 0.0, 2.0))(edges) - edges).abs().mean()) < 0.03, "an edge of colour is no noise"


@torch.no_grad()
def test_a_tile_is_enhanced_as_its_place_in_the_photo_asks() -> None:
    torch.manual_seed(0)
    network = LocalTone(4).eval()
    network.last.weight.mul_(200)
    photo = torch.rand(1, 3, 160, 200) * torch.linspace(0.05, 1, 200)
    seen = network.for_photo(photo)
    whole = seen(photo)
    part = seen.on_tile(photo[..., 40:120, 80:200], Window(40, 80, 160, 200))
    assert torch.allclose(part[..., 12:-12, 12:-12], whole[..., 52:108, 92:188], atol=1e-5)
    alone = network(photo[..., 40:120, 80:200])
    assert float((alone - whole[..., 40:120, 80:200]).abs().mean()) > 0.002, (
        "without its place it would be another picture"
    )


def test_a_photo_of_one_row_in_tiles() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (1, 300, 3), dtype=np.uint8)
    assert enhance_tiled(LocalTone(4).eval(), photo, tile=64).shape == photo.shape


def test_no_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="width must be at least 1, not 0"):
        LocalTone(0)


@torch.no_grad()
@pytest.mark.parametrize("size", [(96, 96), (130, 171), (601, 530)])
def test_a_trace_is_the_network_at_any_size(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = LocalTone(4).eval()
    network.last.weight.normal_(0, 0.3)
    script = torch.jit.trace(network, torch.rand(1, 3, 96, 96), check_trace=False)
    image = torch.rand(1, 3, *size)
    assert torch.allclose(script(image), network(image), atol=1e-5)
