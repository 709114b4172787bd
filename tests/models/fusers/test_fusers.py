"""Every registered fuser passes the same tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.core.storage import WeightsError, load_weights, save_weights
from models.fusers import UnknownFuser, create
from models.fusers.base import Fuser
from models.fusers.many import exposure_order, fold
from models.fusers.registry import FUSERS
from models.fusers.searched import SearchedFuser, build, calibrate, load, recalibrate, save
from models.search.genotype import balanced, random_like
from models.tiling import fuse_tiled

SMALL: dict[str, dict[str, Any]] = {
    "searched": {"width": 4}, "laplacian": {"levels": 3}, "pyramid": {"levels": 3},
    "dcevo": {"dim": 8, "blocks": 1, "depth": 1, "heads": 2, "skip": "logit"},
}  # fmt: skip
LEARNED = ["searched", "dcevo"]
DIFFERENTIABLE = ["average", "laplacian", "searched", "pyramid", "wavelet", "guided", "dcevo"]
TILED = ["average", "laplacian", "searched", "maximum", "pyramid", "wavelet", "guided"]


def untrained(name: str, seed: int = 0) -> Fuser:
    torch.manual_seed(seed)
    return create(name, **SMALL.get(name, {})).eval()


def strong(name: str) -> Fuser:
    """A fuser whose learned parts do much, with statistics that are not those of a fresh network."""
    fuser = untrained(name)
    with torch.no_grad():
        for parameter in fuser.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
        for key, buffer in fuser.named_buffers():
            if key.endswith("running_mean"):
                buffer.add_(0.2 * torch.randn(buffer.shape))
    return fuser


def photos(kind: type[np.unsignedinteger], height: int = 151, width: int = 117, count: int = 2) -> list[np.ndarray]:
    """A scene in `count` exposures, darkest first."""
    random = np.random.default_rng(0)
    top = np.iinfo(kind).max
    coarse = np.kron(random.random((height // 20 + 2, width // 20 + 2, 3)), np.ones((20, 20, 1)))[:height, :width]
    scene = 0.8 * coarse + 0.2 * random.random(coarse.shape)
    gains = np.linspace(0.4, 2.0, count)
    return [np.clip(scene * gain * top, 0, top).astype(kind) for gain in gains]


@pytest.mark.parametrize("name", sorted(FUSERS))
@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (2, 3, 37, 53), (1, 3, 1, 1)])
def test_shape_and_range(name: str, shape: tuple[int, ...]) -> None:
    for under, over in ((torch.rand(shape), torch.rand(shape)), (torch.zeros(shape), torch.ones(shape))):
        with torch.no_grad():
            fused = strong(name)(under, over)
        assert fused.shape == shape
        assert torch.isfinite(fused).all()
        assert float(fused.min()) >= 0 and float(fused.max()) <= 1


@pytest.mark.parametrize("name", sorted(FUSERS))
def test_identical_grey_exposures_are_left_nearly_alone(name: str) -> None:
    """Nothing is to be fused: the classical ones return the picture, the untrained network is near it."""
    picture = (torch.rand(1, 1, 48, 48) * 0.5 + 0.25).expand(1, 3, 48, 48)
    with torch.no_grad():
        difference = (untrained(name)(picture, picture) - picture).abs()
    assert float(difference.mean()) < (0.05 if name in LEARNED else 1e-4)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_reach_the_sources_and_every_parameter(name: str) -> None:
    fuser = untrained(name).train()
    under = (0.4 * torch.rand(2, 3, 32, 32)).requires_grad_()
    over = (0.5 + 0.5 * torch.rand(2, 3, 32, 32)).requires_grad_()
    (fuser(under, over) - torch.rand(2, 3, 32, 32)).square().mean().backward()
    for source in (under, over):
        assert source.grad is not None and torch.isfinite(source.grad).all() and source.grad.any()
    without = [key for key, parameter in fuser.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert without == []


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_are_finite_where_everything_is_black_grey_or_white(name: str) -> None:
    for value in (0.0, 0.5, 1.0):
        under = torch.full((1, 3, 16, 16), value, requires_grad=True)
        untrained(name)(under, torch.full((1, 3, 16, 16), value)).sum().backward()
        assert under.grad is not None and torch.isfinite(under.grad).all()


@pytest.mark.parametrize("name", LEARNED)
def test_saved_and_loaded_it_fuses_the_same(name: str, tmp_path: Path) -> None:
    fuser, other = untrained(name), strong(name)
    sources = torch.rand(2, 1, 3, 40, 32)
    assert not torch.equal(fuser(*sources), other(*sources))
    save_weights(fuser, tmp_path / "model.safetensors")
    load_weights(other, tmp_path / "model.safetensors")
    assert torch.equal(fuser(*sources), other(*sources))


@pytest.mark.parametrize("name", sorted(FUSERS))
def test_a_batch_equals_its_pictures_one_by_one(name: str) -> None:
    fuser, (under, over) = strong(name), torch.rand(2, 3, 3, 40, 32)
    with torch.no_grad():
        alone = [fuser(under[i : i + 1], over[i : i + 1]) for i in range(3)]
        assert torch.allclose(
            fuser(under, over), torch.cat(alone), atol=1e-3
        )  # float32, through 20 layers of large weights


@pytest.mark.parametrize("name", sorted(FUSERS))
@pytest.mark.parametrize(("kind", "tolerance"), [(np.uint8, 1), (np.uint16, 257)])
@pytest.mark.parametrize("count", [2, 3])
def test_tiled_equals_whole(name: str, kind: type[np.unsignedinteger], tolerance: int, count: int) -> None:
    """151 x 117 pixels in tiles of 48, to 1/255; three exposures in a wrong order."""
    fuser, sources = strong(name), photos(kind, count=count)
    given = [sources[2], sources[0], sources[1]] if count == 3 else sources
    tiled, whole = fuse_tiled(fuser, given, tile=48), fuse_tiled(fuser, sources, tile=4096)
    assert tiled.dtype == whole.dtype == kind
    assert tiled.shape == sources[0].shape
    assert np.abs(tiled.astype(int) - whole.astype(int)).max() <= tolerance
    pictures = [torch.from_numpy(s.astype(np.float32)).permute(2, 0, 1)[None] / np.iinfo(kind).max for s in sources]
    with torch.no_grad():
        expected = fold(fuser, pictures)[0].permute(1, 2, 0).numpy() * np.iinfo(kind).max
    assert np.abs(whole - expected).max() <= tolerance


@pytest.mark.parametrize("name", TILED)
def test_its_halo_is_large_enough(name: str) -> None:
    """A pixel changes nothing beyond the halo (and the grid), which tiling counts on."""
    fuser = strong(name)
    side = 2 * (fuser.halo + fuser.stride) + 21
    under, over = torch.rand(2, 1, 3, side, side)
    other, middle = under.clone(), side // 2
    other[..., middle, middle] = 1 - other[..., middle, middle]
    with torch.no_grad():
        changed = (fuser(under, over) != fuser(other, over)).any(1)[0].nonzero()
    assert len(changed) > 0
    assert int((changed - middle).abs().max()) <= fuser.halo + fuser.stride


def test_a_smaller_halo_would_show() -> None:
    fuser, sources = strong("searched"), photos(np.uint8)
    whole = fuse_tiled(fuser, sources, tile=4096)
    fuser.halo = 2
    assert np.abs(fuse_tiled(fuser, sources, tile=48).astype(int) - whole.astype(int)).max() > 1


class Counting(Fuser):
    """Adds a tenth of the brighter to the darker, and notes the mean of what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[float, float]] = []

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        self.seen.append((round(float(under.mean()), 4), round(float(over.mean()), 4)))
        return under + over / 10


def test_folding_goes_from_the_darkest_to_the_brightest() -> None:
    exposures = [torch.full((1, 3, 4, 4), value) for value in (0.5, 0.1, 0.9, 0.3)]
    fuser = Counting()
    fused = fold(fuser, exposures, "fold")
    # 0.1 + 0.03 = 0.13; + 0.05 = 0.18; + 0.09 = 0.27
    assert fuser.seen == [(0.1, 0.3), (0.13, 0.5), (0.18, 0.9)]
    assert float(fused.mean()) == pytest.approx(0.27)
    extremes = Counting()
    assert float(fold(extremes, exposures, rule="extremes").mean()) == pytest.approx(0.19)
    assert extremes.seen == [(0.1, 0.9)]
    assert exposure_order(exposures) == [1, 3, 0, 2]
    assert exposure_order([np.full((2, 2, 3), value, np.uint16) for value in (900, 7)]) == [1, 0]


def test_native_fusers_take_all_at_once() -> None:
    exposures = [torch.full((1, 3, 4, 4), value) for value in (0.3, 0.0, 0.9)]
    assert torch.allclose(fold(create("average"), exposures), torch.full((1, 3, 4, 4), 0.4))


def test_what_cannot_be_fused_is_refused() -> None:
    one, other = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 9)
    for wrong in ([one], [one, other], [one[:, :1], one[:, :1]]):
        with pytest.raises(ValueError, match="at least two exposures"):
            fold(create("average"), wrong)
    with pytest.raises(ValueError, match="pairs, extremes, tree or fold"):
        fold(create("average"), [one, one], rule="middle")  # type: ignore[arg-type]
    small, large = np.zeros((4, 4, 3), np.uint8), np.zeros((5, 4, 3), np.uint8)
    wrong_sets: list[list[np.ndarray]] = [[small], [small, large], [small, small.astype(np.uint16)], []]
    for photographs in wrong_sets:
        with pytest.raises(ValueError, match="one shape and type"):
            fuse_tiled(create("average"), photographs)
    with pytest.raises(ValueError, match="uint8 or uint16"):
        fuse_tiled(create("average"), [small[..., 0], small[..., 0]])


def test_unknown_names_and_options_are_named() -> None:
    with pytest.raises(UnknownFuser, match=r"'search'; known are average, dcevo, .*searched"):
        create("search")
    with pytest.raises(UnknownFuser, match="'searched' has no option 'depth'; it takes genotype, width, unrolled"):
        create("searched", depth=3)
    with pytest.raises(ValueError, match="at least 1"):
        create("searched", width=0)


def test_calibrated_statistics_are_the_mean_over_the_batches_and_stay() -> None:
    fuser = strong("searched")
    assert isinstance(fuser, SearchedFuser)
    norm = fuser.norms()[0]
    seen: list[torch.Tensor] = []
    norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().mean((0, 2, 3))))
    batches = [(torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)) for _ in range(3)]
    calibrate(fuser, batches)
    assert norm.running_mean is not None
    assert torch.allclose(norm.running_mean, torch.stack(seen).mean(0), atol=1e-5)
    assert norm.momentum == 0.1 and not fuser.training
    before = {key: buffer.clone() for key, buffer in fuser.named_buffers()}
    with torch.no_grad():
        evaluated, trained = fuser(*batches[0]), fuser.train()(*batches[0])
    assert fuser.training and torch.equal(evaluated, trained)
    assert all(torch.equal(buffer, before[key]) for key, buffer in fuser.named_buffers())
    with pytest.raises(ValueError, match="at least one batch"):
        calibrate(untrained_network(), [])
    with pytest.raises(ValueError, match="keeps its statistics"):
        recalibrate(fuser, batches)


def untrained_network() -> SearchedFuser:
    fuser = untrained("searched")
    assert isinstance(fuser, SearchedFuser)
    return fuser


def test_a_saved_fuser_needs_nothing_beside_its_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    fuser, pair = (
        build(random_like(balanced(), 3), width=3, unrolled=2),
        (torch.rand(2, 3, 40, 40), torch.rand(2, 3, 40, 40)),
    )
    calibrate(fuser, [pair])
    for name in ("one", "two"):
        save(fuser, tmp_path / f"{name}.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    again = load(tmp_path / "one.safetensors")
    assert again.genotype == fuser.genotype and again.calibrated
    assert torch.equal(again.eval()(*pair), fuser.eval()(*pair))
    save(build(width=3), tmp_path / "fresh.safetensors")
    assert not load(tmp_path / "fresh.safetensors").calibrated


def test_files_that_hold_no_fuser_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(WeightsError, match="is missing"):
        load(path)
    save_weights(build(width=2), path)
    with pytest.raises(WeightsError, match="does not say which network it holds"):
        load(path)
    for architecture in ("no JSON", "[]", "{}", '{"genotype": {}, "width": 2, "unrolled": 3, "calibrated": true}'):
        save_weights(build(width=2), path, architecture)
        with pytest.raises(WeightsError, match="holds no fuser of this project"):
            load(path)
    path.write_bytes(b"x" * 100)
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        load(path)
