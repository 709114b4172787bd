"""The pyramid whose weights are learnt: what it is before it learns, and what it may never depend on."""

from __future__ import annotations

import pytest
import torch

from models.fusers import pyramids
from models.fusers.classical import LaplacianPyramid
from models.fusers.learned_pyramid import LearnedPyramid


def exposures(count: int, height: int = 70, width: int = 93) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    scene = torch.rand(1, 3, height, width, generator=generator)
    return [(scene * 2.0**stops).clamp(0, 1) for stops in torch.linspace(-2, 2, count)]


def strong() -> LearnedPyramid:
    torch.manual_seed(0)
    fuser = LearnedPyramid(6).eval()
    with torch.no_grad():
        for head in (fuser.detail, fuser.base):
            head.weight.normal_(0, 0.8)
    return fuser


@torch.no_grad()
def test_untrained_it_blends_as_the_weights_of_mertens_do() -> None:
    pair = exposures(2)
    plain = LaplacianPyramid(levels=5, floor=1 / 255).fuse_all(pair)
    assert torch.allclose(LearnedPyramid(6, levels=5)(*pair), plain, atol=2e-3)


@torch.no_grad()
@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_order_of_the_exposures_does_not_matter_and_any_number_goes(count: int) -> None:
    fuser, given = strong(), exposures(count)
    made = fuser.fuse_all(given)
    assert made.shape == given[0].shape
    assert torch.allclose(made, fuser.fuse_all(given[::-1]), atol=1e-5)
    assert float((made - LearnedPyramid(6).fuse_all(given)).abs().mean()) > 0.003, "what it learns changes the picture"


@torch.no_grad()
def test_a_batch_is_its_scenes_one_by_one() -> None:
    fuser, (under, over) = strong(), exposures(2)
    batch = torch.cat([under, over.flip(3)]), torch.cat([over, under.flip(3)])
    made = fuser(*batch)
    for place in range(2):
        assert torch.allclose(
            made[place : place + 1], fuser(batch[0][place : place + 1], batch[1][place : place + 1]), atol=1e-5
        )


def test_strip_by_strip_is_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    fuser, given = strong(), exposures(3)
    whole = fuser.fuse_all(given).detach()
    monkeypatch.setattr(pyramids, "STRIP", 93 * 9)
    with torch.no_grad():
        assert torch.allclose(fuser.fuse_all(given), whole, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (5, 7)])
def test_small_pictures(shape: tuple[int, int]) -> None:
    pair = exposures(2, *shape)
    made = strong()(*pair)
    assert made.shape == pair[0].shape and bool(made.isfinite().all())


@torch.no_grad()
def test_an_exposure_twice_is_that_exposure_with_other_contrast_at_most() -> None:
    picture = exposures(2)[0]
    assert torch.allclose(LearnedPyramid(6)(picture, picture), picture, atol=1e-5)


def test_it_learns_from_the_exposures_alone() -> None:
    from models.quality.fusion.mef_ssim import mef_ssim

    torch.manual_seed(0)
    fuser, pair = LearnedPyramid(6, levels=4), exposures(2, 48, 48)
    before = float(mef_ssim(fuser(*pair), pair).detach())
    optimiser = torch.optim.Adam(fuser.parameters(), 0.01)
    for _ in range(15):
        optimiser.zero_grad()
        (1 - mef_ssim(fuser(*pair), pair)).sum().backward()
        optimiser.step()
    assert float(mef_ssim(fuser(*pair), pair).detach()) > before + 0.002


def test_options_that_make_no_pyramid() -> None:
    with pytest.raises(ValueError, match="width and levels must be at least 1, not 4 and 0"):
        LearnedPyramid(4, 0)
