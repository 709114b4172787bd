"""Every registered enhancer passes the same tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.core.storage import load_weights, save_weights
from models.enhancers import UnknownEnhancer, create
from models.enhancers.base import Enhancer
from models.enhancers.curve import CurveNetwork, apply_curves
from models.enhancers.phases import InPhases
from models.enhancers.registry import ENHANCERS
from models.tiling import enhance_tiled

# What makes the network of a test small; its constructor's own defaults where an enhancer is not listed.
SMALL: dict[str, dict[str, Any]] = {
    "curve": {"width": 6, "iterations": 8, "scale": 4},
    "lighten_diffusion": {
        "width": 4,
        "heads": 2,
        "unet_width": 8,
        "multipliers": [1, 2],
        "blocks": 1,
        "attention": [1],
        "steps": 2,
    },
    "local_tone": {"width": 4},
    "parametric": {"brightness": 12.0, "contrast": 1.4, "gamma": 1.3},
    "predicted": {"width": 4, "hidden": 16},
}
WEIGHTS = {"spatial": 1.0, "exposure": 10.0, "colour": 5.0, "smoothness": 200.0}


def untrained(name: str, seed: int = 0) -> Enhancer:
    torch.manual_seed(seed)
    return create(name, **SMALL.get(name, {})).eval()


def strong(name: str) -> Enhancer:
    """An enhancer with large weights, so that it is far from the identity."""
    enhancer = untrained(name)
    with torch.no_grad():
        for parameter in enhancer.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape))
    return enhancer


def photo(kind: type[np.generic], height: int = 301, width: int = 217) -> np.ndarray:
    random = np.random.default_rng(0)
    top = np.iinfo(kind).max
    coarse = random.random((height // 20 + 2, width // 20 + 2, 3))
    smooth = np.kron(coarse, np.ones((20, 20, 1)))[:height, :width]
    return np.clip((0.8 * smooth + 0.2 * random.random(smooth.shape)) * top, 0, top).astype(kind)


@pytest.mark.parametrize("name", sorted(ENHANCERS))
@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (2, 3, 37, 53), (1, 3, 1, 1)])
def test_shape_and_range(name: str, shape: tuple[int, ...]) -> None:
    for image in (torch.rand(shape), torch.zeros(shape), torch.ones(shape)):
        with torch.no_grad():
            enhanced = strong(name)(image)
        assert enhanced.shape == image.shape
        assert torch.isfinite(enhanced).all()
        assert float(enhanced.min()) >= -1e-6
        assert float(enhanced.max()) <= 1 + 1e-6


@pytest.mark.parametrize("name", sorted(ENHANCERS))
def test_every_parameter_gets_a_gradient(name: str) -> None:
    enhancer: Any = untrained(name).train()
    image = 0.3 * torch.rand(2, 3, 64, 64)
    if isinstance(enhancer, InPhases):
        given = {"low": image, "normal": image}
        found = [phase.loss(enhancer, given, phase.weights) for phase in enhancer.phases()]
    else:
        found = [enhancer.pretraining_loss(image, WEIGHTS, 0.6)]
    for loss, terms in found:
        assert torch.isfinite(loss)
        assert all(torch.isfinite(term) for term in terms.values())
        loss.backward()
    without = [
        key for key, parameter in enhancer.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert without == []


@pytest.mark.parametrize("name", sorted(ENHANCERS))
def test_gradients_reach_the_image(name: str) -> None:
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    untrained(name)(image).mean().backward()
    assert image.grad is not None
    assert image.grad.any()


@pytest.mark.parametrize("name", sorted(ENHANCERS))
def test_saved_and_loaded_it_enhances_the_same(name: str, tmp_path: Path) -> None:
    enhancer, other = untrained(name), strong(name)
    image = torch.rand(1, 3, 48, 40)
    assert not torch.equal(enhancer(image), other(image))
    save_weights(enhancer, tmp_path / "model.safetensors")
    load_weights(other, tmp_path / "model.safetensors")
    assert torch.equal(enhancer(image), other(image))


@pytest.mark.parametrize("name", sorted(ENHANCERS))
def test_a_batch_equals_its_images_one_by_one(name: str) -> None:
    enhancer, images = untrained(name), torch.rand(4, 3, 40, 32)
    together = enhancer(images)
    assert torch.allclose(together, torch.cat([enhancer(image[None]) for image in images]), atol=1e-6)


@pytest.mark.parametrize("name", sorted(ENHANCERS))
@pytest.mark.parametrize(("kind", "tolerance"), [(np.uint8, 1), (np.uint16, 257)])
def test_tiled_equals_whole(name: str, kind: type[np.generic], tolerance: int) -> None:
    """301 x 217 pixels in tiles of 64, to 1/255."""
    enhancer, source = strong(name), photo(kind)
    tiled = enhance_tiled(enhancer, source, tile=64)
    whole = enhance_tiled(enhancer, source, tile=4096)
    assert tiled.dtype == whole.dtype == kind
    assert tiled.shape == source.shape
    assert np.abs(tiled.astype(int) - whole.astype(int)).max() <= tolerance
    assert np.abs(whole.astype(int) - source.astype(int)).max() > 20 * tolerance  # it did something


@pytest.mark.parametrize("name", sorted(ENHANCERS))
def test_its_halo_is_large_enough_and_needed(name: str) -> None:
    """A pixel changes nothing beyond the halo (and the grid), which tiling counts on."""
    image = torch.rand(1, 3, 200, 200)
    enhancer = strong(name).for_photo(image)
    reach = enhancer.halo + enhancer.stride
    other = image.clone()
    other[..., 100, 100] = 1 - other[..., 100, 100]
    changed = (enhancer(image) != enhancer(other)).any(1)[0].nonzero()
    assert len(changed) > 0
    assert int((changed - 100).abs().max()) <= reach


@pytest.mark.parametrize("scale", [1, 3, 4])
def test_curves_tile_at_every_scale(scale: int) -> None:
    torch.manual_seed(0)
    enhancer = CurveNetwork(width=4, iterations=4, scale=scale).eval()
    with torch.no_grad():
        enhancer.last.weight.mul_(30)
    source = photo(np.uint8, 151, 109)
    tiled, whole = enhance_tiled(enhancer, source, tile=32), enhance_tiled(enhancer, source, tile=4096)
    assert np.abs(tiled.astype(int) - whole.astype(int)).max() <= 1


def test_curves_by_hand() -> None:
    image = torch.full((1, 3, 1, 1), 0.5)
    curves = torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1, 1)
    # x + a x (1 - x), twice: 0.5 -> 0.75 -> 0.9375; 0.5 -> 0.25 -> 0.0625; 0.5 stays
    assert apply_curves(image, curves, 2).flatten().tolist() == pytest.approx([0.9375, 0.0625, 0.5])


def test_the_untrained_curve_network_is_nearly_the_identity() -> None:
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert float((untrained("curve")(image) - image).abs().mean()) < 0.05


def test_unknown_names_and_options_are_named() -> None:
    with pytest.raises(UnknownEnhancer, match=r"'curves'; known are curve, lighten_diffusion, local_tone, parametric"):
        create("curves")
    with pytest.raises(UnknownEnhancer, match="depth"):
        create("curve", depth=3)
    with pytest.raises(ValueError, match="at least 1"):
        create("curve", width=0)


@pytest.mark.parametrize("shape", [(1, 3, 5, 7), (2, 3, 301, 203)])
def test_curves_piece_by_piece_are_those_with_a_gradient_to_the_last_bit(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(shape, generator=generator).permute(0, 1, 3, 2)
    curves = 2 * torch.rand(image.shape, generator=generator) - 1
    before = image.clone()
    with torch.no_grad():
        pieces = apply_curves(image, curves, 8)
        alike = apply_curves(image, curves[:, :1], 3)
    whole = apply_curves(image.clone().requires_grad_(True), curves, 8)
    assert whole.requires_grad and torch.equal(pieces, whole.detach())
    assert torch.equal(image, before), "what was given stays as it is"
    assert torch.equal(alike, apply_curves(image.clone().requires_grad_(True), curves[:, :1], 3).detach())
