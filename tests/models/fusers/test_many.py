"""More than two exposures: pairs half the sequence apart, judged on sequences whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

from models.degradation import expose
from models.fusers import create
from models.fusers.base import Fuser
from models.fusers.classical import LaplacianPyramid
from models.fusers.colour import compose, luminance, rgb_to_ycbcr
from models.fusers.many import CLIPPED_SHARE, Rule, clipped, empty, fold, paired, pairs, passes
from models.tiling import fuse_tiled
from pictures import quantise


class Lightening(Fuser):
    """As a trained fuser does: near the brighter exposure where that is not clipped, and lighter than the mean of both."""

    halo = 2

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        dark, light = luminance(under), luminance(over)
        weight = 0.75 * (1 - torch.sigmoid(12 * (light - 0.9)))
        _, blue, red = rgb_to_ycbcr((under + over) / 2)
        return compose(((1 - weight) * dark + weight * light + 0.05).clamp(0, 1), blue, red)


def sequence(photo: np.ndarray, count: int) -> tuple[list[torch.Tensor], torch.Tensor]:
    """`count` exposures from -4 to +4 stops of a crop, and the crop itself."""
    random, crop = np.random.default_rng(0), photo[40:200, 100:300].astype(np.float32) / 255
    shots = [quantise(expose(crop, stops, 0.0003, 0.001, random), 8) for stops in np.linspace(-4, 4, count)]
    return [tensor(shot) for shot in shots], torch.from_numpy(crop).permute(2, 0, 1)[None]


def tensor(photo: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(photo.astype(np.float32) / np.iinfo(photo.dtype).max).permute(2, 0, 1)[None]


def error(fused: torch.Tensor, truth: torch.Tensor) -> float:
    return float((fused - truth).square().mean())


@pytest.mark.parametrize("count", [5, 6, 7])
def test_a_fuser_of_two_does_not_turn_many_exposures_white(count: int) -> None:
    exposures, truth = sequence(data.astronaut(), count)
    found = {rule: fold(Lightening(), exposures, rule) for rule in ("pairs", "tree", "fold")}
    assert abs(float(found["pairs"].mean() - truth.mean())) < 0.12
    assert float(found["fold"].mean() - truth.mean()) > 0.18, "what it is to mend"
    assert error(found["pairs"], truth) < 0.6 * error(found["fold"], truth)
    assert error(found["pairs"], truth) < error(found["tree"], truth) + 0.006
    assert torch.equal(found["pairs"], fold(Lightening(), exposures[::-1])), "the default, in any order"


def test_pairs_are_half_the_sequence_apart() -> None:
    assert pairs(3) == [(0, 1), (1, 2)]
    assert pairs(4) == [(0, 2), (1, 3)]
    assert pairs(5) == [(0, 2), (1, 3), (2, 4)]
    assert pairs(7) == [(0, 3), (1, 4), (2, 5), (3, 6)]
    for count in range(3, 12):
        assert {place for pair in pairs(count) for place in pair} == set(range(count)), "every exposure is used"


def test_native_fusers_and_two_exposures_are_not_paired() -> None:
    assert paired(Lightening(), 3, "pairs")
    assert not paired(Lightening(), 2, "pairs") and not paired(create("average"), 5, "pairs")
    assert not paired(Lightening(), 5, "tree")
    assert [passes(Lightening(), 5, rule) for rule in ("fold", "tree", "extremes")] == [4, 3, 1]
    one, other = torch.rand(2, 1, 3, 8, 8)
    under, over = sorted((one, other), key=lambda exposure: float(luminance(exposure).mean()))
    assert torch.equal(fold(Lightening(), [one, other]), Lightening()(under, over))


@pytest.mark.parametrize("rule", ["pairs", "tree", "fold", "extremes"])
@pytest.mark.parametrize(("kind", "tolerance"), [(np.uint8, 1), (np.uint16, 257)])
def test_tiled_equals_whole_by_every_rule(rule: Rule, kind: type[np.unsignedinteger], tolerance: int) -> None:
    """Five exposures with flat, clipped and grey areas, where rounding could rule the weights of the blend."""
    torch.manual_seed(0)
    fuser = create("searched", width=2, unrolled=1).eval()
    with torch.no_grad():
        for parameter in fuser.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    photo = data.coffee()[:131, :157].copy()
    photo[:60, :60], photo[60:, 90:] = 255, 128
    shots = [(photo.astype(np.float64) / 255 * gain).clip(0, 1) * np.iinfo(kind).max for gain in (0.1, 0.3, 1, 2, 4)]
    shots = [shot.astype(kind) for shot in shots]
    whole = fuse_tiled(fuser, shots, tile=4096, rule=rule)
    assert np.abs(fuse_tiled(fuser, shots, tile=48, rule=rule).astype(int) - whole).max() <= tolerance
    with torch.no_grad():
        expected = fold(fuser, [tensor(shot) for shot in shots], rule)[0].permute(1, 2, 0).numpy() * np.iinfo(kind).max
    assert np.abs(whole - expected).max() <= tolerance


def test_a_floor_keeps_rounding_out_of_the_weights() -> None:
    """Of two flat pictures one carries noise of a 16-bit step: without a floor it alone would be taken."""
    flat = torch.full((1, 3, 64, 64), 0.4)
    other = torch.full((1, 3, 64, 64), 0.6) + torch.randn(1, 3, 64, 64) / 65535
    assert float(LaplacianPyramid(floor=1 / 255).fuse_all([flat, other]).mean()) == pytest.approx(0.5, abs=1e-3)
    assert float(LaplacianPyramid().fuse_all([flat, other]).mean()) > 0.59
    with pytest.raises(ValueError, match="floor should be at least 0"):
        LaplacianPyramid(floor=-1)


@pytest.mark.parametrize("top", [255, 65535, 1])
def test_exposures_that_show_nothing_are_told(top: int) -> None:
    kind = {255: np.uint8, 65535: np.uint16, 1: np.float32}[top]
    photo = np.full((100, 100, 3), top, kind)
    photo[:1, :50] = top / 2
    assert clipped(photo) == (0.0, 0.995) and empty(photo) == "99.5 % of it is white"
    photo[:2] = top / 2
    assert clipped(photo)[1] <= CLIPPED_SHARE and empty(photo) is None
    assert empty(np.zeros((9, 9, 3), kind)) == "100 % of it is black"
    red = np.zeros((9, 9, 3), kind)
    red[..., 0] = top
    assert empty(red) is None, "one channel alone is clipped"
