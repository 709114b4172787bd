"""Fusers of infrared and visible: published sizes, rules pixel by pixel, and where colour comes from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from models.fusers import UnknownFuser, create
from models.fusers.colour import luminance, rgb_to_ycbcr
from models.fusers.dcevo import DCEvo
from models.fusers.multiscale import Pyramid, Wavelet, box, guided_filter
from models.fusers.visible_colour import VisibleColour


def count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def test_dcevo_has_the_published_parameters() -> None:
    network = DCEvo()
    assert count(network) == 2_004_904
    assert count(network.stem, network.shared, network.coarse, network.fine) == 966_720
    assert count(network.reduce, network.decode, network.output) == 847_080
    assert (count(network.fuse_coarse), count(network.fuse_fine)) == (155_008, 36_096)


def small(skip: str = "logit") -> DCEvo:
    torch.manual_seed(0)
    return DCEvo(dim=8, blocks=1, depth=1, heads=2, skip=skip)


def test_dcevo_starts_as_the_average_with_skip_logit() -> None:
    network, sources = small(), torch.rand(2, 1, 1, 40, 48)
    for parameter in network.output.parameters():
        nn.init.zeros_(parameter)
    assert torch.allclose(network.parts(*sources).fused, sources.mean(0), atol=1e-6)
    published = small("mean")
    published.load_state_dict(network.state_dict())
    assert torch.allclose(published.parts(*sources).fused, torch.sigmoid(sources.mean(0)))


def test_dcevo_takes_its_sources_apart_alike() -> None:
    """Shared weights: exchanged sources exchange their parts, and are fused to the same picture."""
    network, (one, other) = small(), torch.rand(2, 1, 1, 32, 32)
    first, second = network.parts(one, other), network.parts(other, one)
    assert torch.allclose(first.fused, second.fused, atol=1e-5)
    assert torch.allclose(first.coarse[0], second.coarse[1], atol=1e-5)
    assert torch.allclose(first.fine[1], second.fine[0], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dim": 7}, "dim even"),
        ({"heads": 3}, "multiple of heads"),
        ({"skip": "none"}, "logit or mean"),
        ({"blocks": 0}, "at least 1"),
    ],
)
def test_dcevo_refuses_what_does_not_fit(options: dict[str, object], said: str) -> None:
    with pytest.raises(UnknownFuser, match=said):
        create("dcevo", **options)


@pytest.mark.parametrize("build", [Pyramid, Wavelet])
def test_bands_add_up_to_the_picture(build: type[Pyramid] | type[Wavelet]) -> None:
    fuser, picture = build(levels=3), torch.rand(1, 3, 37, 50)
    assert torch.allclose(fuser.joined(fuser.bands(picture)), picture, atol=1e-6)


@pytest.mark.parametrize("name", ["pyramid", "wavelet", "guided"])
def test_detail_of_either_source_is_kept(name: str) -> None:
    """Stripes that only one source has are in the fused picture, nearly as strong."""
    columns = torch.arange(96) % 4 < 2
    stripes = 0.5 + 0.2 * (columns.float() - 0.5)
    striped = stripes.expand(1, 3, 96, 96)
    flat = torch.full((1, 3, 96, 96), 0.5)
    fuser = create(name)
    for fused in (fuser(striped, flat), fuser(flat, striped)):
        middle = fused[0, 0, 20:-20, 20:-20]
        assert float(middle.std()) > 0.8 * float(striped[0, 0, 20:-20, 20:-20].std())


def test_maximum() -> None:
    one, other = torch.rand(2, 1, 3, 8, 8)
    assert torch.equal(create("maximum")(one, other), torch.maximum(one, other))


def test_box_means_what_lies_in_the_picture() -> None:
    picture = torch.rand(1, 1, 9, 7)
    expected = np.array(
        [
            [float(picture[0, 0, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].mean()) for x in range(7)]
            for y in range(9)
        ]
    )
    assert np.allclose(box(picture, 2)[0, 0].numpy(), expected, atol=1e-6)


def test_a_guided_filter_keeps_the_edges_of_its_guide() -> None:
    guide = torch.zeros(1, 1, 40, 40)
    guide[..., 20:] = 1
    noisy = guide + 0.1 * torch.randn(guide.shape)
    smooth = guided_filter(guide, noisy, 5, 1e-3)
    assert float((smooth - guide).abs().mean()) < 0.25 * float((noisy - guide).abs().mean())
    assert float(smooth[..., 22].mean() - smooth[..., 17].mean()) > 0.9


@pytest.mark.parametrize("name", ["average", "maximum", "pyramid", "dcevo"])
def test_colour_is_the_visible_pictures(name: str) -> None:
    options = {"dim": 8, "blocks": 1, "depth": 1, "heads": 2, "skip": "logit"} if name == "dcevo" else {}
    fuser = VisibleColour(create(name, **options))
    infrared = (0.4 + 0.2 * torch.rand(1, 1, 32, 32)).expand(1, 3, 32, 32)
    visible = 0.45 + 0.1 * torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        picture, y = fuser.fuse(infrared, visible)
    _, cb, cr = rgb_to_ycbcr(picture)
    _, cb_visible, cr_visible = rgb_to_ycbcr(visible)
    assert torch.allclose(cb, cb_visible, atol=1e-5) and torch.allclose(cr, cr_visible, atol=1e-5)
    assert torch.allclose(luminance(picture), y, atol=1e-5)
    if name == "average":
        assert torch.allclose(y, (luminance(infrared) + luminance(visible)) / 2, atol=1e-6)
