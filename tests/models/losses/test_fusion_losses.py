"""The 19 terms by hand, their weighted sum, and the hybrid contrastive constraint."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.losses import fusion
from models.losses.fusion import (
    LOSSES,
    FusionScene,
    SharedFeatures,
    contrastive,
    hybrid,
    loss_weights,
    usable,
    weighted,
)
from models.quality.fidelity import ssim

REFERENCE_TERMS = {name for name in LOSSES if name.endswith("_reference")}


def colours(y: Tensor) -> Tensor:
    return y.expand(-1, 3, -1, -1)


def scene_of(fused: Tensor, under: Tensor, over: Tensor, reference: Tensor | None = None) -> FusionScene:
    """A colourless scene of Y pictures (B, 1, H, W)."""
    other = None if reference is None else colours(reference)
    return FusionScene(fused, under, over, colours(fused), colours(under), colours(over), reference, other)


def flat(value: float, side: int = 16) -> Tensor:
    return torch.full((2, 1, side, side), value)


def board(level: float, swing: float, side: int = 16) -> Tensor:
    """A checkerboard level -+ swing: deviation `swing` in every window of even side."""
    signs = 1 - 2.0 * ((torch.arange(side)[:, None] + torch.arange(side)[None]) % 2)
    return (level + swing * signs).expand(2, 1, side, side)


def ramp(slope: float, side: int = 16) -> Tensor:
    return (slope * torch.arange(side)).expand(2, 1, side, side)


def twice(image: Tensor) -> tuple[Tensor, Tensor]:
    """A stand-in for VGG: two layers."""
    return 2 * image, image[..., ::2, ::2]


@pytest.fixture
def noise() -> FusionScene:
    generator = torch.Generator().manual_seed(0)

    def picture(channels: int) -> Tensor:
        return torch.rand(2, channels, 24, 20, generator=generator)

    y, rgb = [picture(1) for _ in range(4)], [picture(3) for _ in range(4)]
    return FusionScene(y[0], y[1], y[2], rgb[0], rgb[1], rgb[2], y[3], rgb[3])


def test_the_table_is_complete_and_in_order() -> None:
    listed = (
        "l1_over l1_under l1_reference l2_over l2_under l2_reference gradient_max perceptual_over perceptual_under "
        "perceptual_reference ssim_over ssim_under ssim_reference mef_ssim_over mef_ssim_under mef_ssim_reference "
        "colour_reference tv psnr_reference"
    )
    assert " ".join(LOSSES) == listed


def test_terms_of_flat_pictures_by_hand() -> None:
    scene = scene_of(flat(0.5), under=flat(0.25), over=flat(1.0), reference=flat(0.4))
    terms = {name: float(term(scene, twice)) for name, term in LOSSES.items()}
    # SSIM of flat a and b is (2ab + c1) / (a^2 + b^2 + c1), c1 = 0.0001.
    wanted = {
        "l1_over": 0.5,
        "l1_under": 0.25,
        "l1_reference": 0.1,
        "l2_over": 0.25,
        "l2_under": 0.0625,
        "l2_reference": 0.01,
        "gradient_max": 0.0,
        # (2 * 0.5)^2 / (2 * 1)^2 = 0.25 on layer 1, 0.5^2 / 1^2 on layer 2
        "perceptual_over": 0.25,
        # 0.25^2 / 0.25^2
        "perceptual_under": 1.0,
        # 0.1^2 / 0.4^2
        "perceptual_reference": 0.0625,
        "ssim_over": 1 - 1.0001 / 1.2501,
        "ssim_under": 1 - 0.2501 / 0.3126,
        "ssim_reference": 1 - 0.4001 / 0.4101,
        # Brightness does not count: C / C
        "mef_ssim_over": 0.0,
        "mef_ssim_under": 0.0,
        "mef_ssim_reference": 0.0,
        # Greys have one direction; what is left is atan(1e-6 / 0.6).
        "colour_reference": 0.0,
        "tv": 0.0,
        # log10(0.01)
        "psnr_reference": -2.0,
    }
    assert terms == pytest.approx(wanted, abs=1e-5)


def test_mef_ssim_by_hand() -> None:
    scene = scene_of(board(0.5, 0.1), under=board(0.2, 0.2), over=flat(1.0), reference=board(0.6, -0.1))
    # C = 0.03^2 = 0.0009. Under: (2 * 0.1 * 0.2 + C) / (0.01 + 0.04 + C). Over is flat: C / (0.01 + C).
    # The reference is the inverted board: (-2 * 0.01 + C) / (2 * 0.01 + C).
    assert float(LOSSES["mef_ssim_under"](scene, None)) == pytest.approx(1 - 0.0409 / 0.0509, abs=1e-5)
    assert float(LOSSES["mef_ssim_over"](scene, None)) == pytest.approx(1 - 0.0009 / 0.0109, abs=1e-5)
    assert float(LOSSES["mef_ssim_reference"](scene, None)) == pytest.approx(1 + 0.0191 / 0.0209, abs=1e-5)


def test_gradient_by_hand() -> None:
    # A ramp of slope s has strength s; the stronger source has 0.03: |0.01 - 0.03| = 0.02 everywhere.
    scene = scene_of(ramp(0.01), under=ramp(0.03), over=flat(1.0))
    assert float(LOSSES["gradient_max"](scene, None)) == pytest.approx(0.02, abs=1e-6)
    # Each pixel takes its own stronger source: across 0.03 in one, down 0.04 in the other; the fused one is flat.
    scene = scene_of(flat(0.5), under=ramp(0.03), over=ramp(0.04).transpose(2, 3))
    assert float(LOSSES["gradient_max"](scene, None)) == pytest.approx(0.04, abs=1e-6)


def test_total_variation_by_hand() -> None:
    # Neighbours of the board differ by 0.2, both ways: 0.04 + 0.04. A ramp across: 0.1^2.
    assert float(fusion.total_variation(board(0.5, 0.1))) == pytest.approx(0.08, abs=1e-6)
    assert float(fusion.total_variation(ramp(0.1))) == pytest.approx(0.01, abs=1e-6)


def test_colour_by_hand() -> None:
    red, yellow, blue = (
        torch.tensor(c).view(1, 3, 1, 1).expand(1, 3, 4, 4) for c in ([1.0, 0, 0], [1.0, 1, 0], [0.0, 0, 1])
    )
    assert float(fusion.colour_angle(red, yellow)) == pytest.approx(math.pi / 4, abs=1e-4)
    assert float(fusion.colour_angle(red, blue)) == pytest.approx(math.pi / 2, abs=2e-4)
    assert float(fusion.colour_angle(red, 0.2 * red)) == pytest.approx(0.0, abs=1e-5)
    # Black has no colour to be wrong: atan(1e-6 / 1e-4) = 0.01
    assert float(fusion.colour_angle(red, 0 * red)) == pytest.approx(0.01, abs=1e-4)


def test_ssim_is_the_metric_on_eight_bit_greys() -> None:
    generator = torch.Generator().manual_seed(3)
    target = torch.randint(0, 256, (2, 1, 20, 24), generator=generator) / 255
    fused = (target * 255 * 0.9).round() / 255
    metric = ssim(colours(fused.double()), colours(target.double()))
    assert float(fusion.ssim_loss(fused, target)) == pytest.approx(1 - float(metric.mean()), abs=1e-5)


@pytest.mark.parametrize("name", list(LOSSES))
def test_every_term_has_a_finite_gradient_and_falls_along_it(name: str, noise: FusionScene) -> None:
    colour = name.startswith(("perceptual", "colour"))
    start = noise.fused_rgb if colour else noise.fused
    fused = start.clone().requires_grad_()
    key = "fused_rgb" if colour else "fused"
    before = LOSSES[name](replace(noise, **{key: fused}), twice)
    (gradient,) = torch.autograd.grad(before, fused)
    assert before.shape == ()
    assert torch.isfinite(gradient).all()
    step = 0.01 * gradient / gradient.abs().max()
    assert LOSSES[name](replace(noise, **{key: start - step}), twice) < before


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_gradients_are_finite_at_equality_and_at_clipped_pictures(level: float) -> None:
    fused = flat(level).requires_grad_()
    same = flat(level)
    loss, terms = weighted(scene_of(fused, same, same, same), torch.zeros(19), twice)
    loss.backward()
    assert torch.isfinite(terms).all()
    assert fused.grad is not None
    assert torch.isfinite(fused.grad).all()


def test_second_derivatives_exist(noise: FusionScene) -> None:
    """A one-step look-ahead differentiates the searched loss twice."""
    fused = noise.fused.clone().requires_grad_()
    loss, _ = weighted(replace(noise, fused=fused), torch.zeros(19), None)
    (gradient,) = torch.autograd.grad(loss, fused, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), fused)
    assert torch.isfinite(second).all()


def test_without_a_reference_its_terms_are_zero_and_weigh_nothing(noise: FusionScene) -> None:
    bare = replace(noise, reference=None, reference_rgb=None)
    beta = torch.arange(19.0, requires_grad=True)
    loss, terms = weighted(bare, beta, twice)
    found = dict(zip(LOSSES, terms.tolist(), strict=True))
    assert {name for name, term in found.items() if term == 0} == REFERENCE_TERMS
    assert set(usable(False)) == set(LOSSES) - REFERENCE_TERMS
    assert len(usable(True)) == 19
    weights = loss_weights(beta, usable(False))
    assert float(weights.detach().sum()) == pytest.approx(1.0)
    assert weights[list(LOSSES).index("psnr_reference")] == 0
    loss.backward()
    assert beta.grad is not None
    assert torch.isfinite(beta.grad).all()
    assert beta.grad[list(LOSSES).index("psnr_reference")] == 0


def test_without_features_the_perceptual_terms_are_left_out(noise: FusionScene) -> None:
    loss, terms = weighted(noise, torch.zeros(19), None)
    assert len(usable(True, has_features=False)) == 16
    assert float(loss) == pytest.approx(float(terms.sum()) / 16, abs=1e-6)


def test_weighted_by_hand(noise: FusionScene) -> None:
    beta = torch.zeros(19)
    beta[0] = math.log(18.0)
    # exp(beta): 18 once and 1 eighteen times: weights 1/2 and 1/36.
    loss, terms = weighted(noise, beta, twice)
    assert float(loss) == pytest.approx(float(terms[0]) / 2 + float(terms[1:].sum()) / 36, abs=1e-6)
    for i, term in enumerate(LOSSES.values()):
        assert torch.equal(terms[i], term(noise, twice))


def test_features_are_computed_once_a_picture(noise: FusionScene) -> None:
    seen = []

    def counted(image: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(image)
        return twice(image)

    shared = SharedFeatures(
        counted, known=[(noise.under_rgb, twice(noise.under_rgb)), (noise.over_rgb, twice(noise.over_rgb))]
    )
    loss, _ = weighted(noise, torch.zeros(19), shared)
    shared(noise.fused_rgb)
    assert [id(image) for image in seen] == [id(noise.fused_rgb), id(noise.reference_rgb)]
    assert torch.equal(loss, weighted(noise, torch.zeros(19), twice)[0])


def test_features_of_the_fused_picture_keep_their_graph(noise: FusionScene) -> None:
    fused = noise.fused_rgb.clone().requires_grad_()
    shared = SharedFeatures(twice)
    loss, _ = weighted(replace(noise, fused_rgb=fused), torch.zeros(19), shared)
    gamma = contrastive(shared(fused), twice(noise.reference_rgb), [twice(noise.under_rgb)])  # type: ignore[arg-type]
    for value in (loss, gamma):
        (gradient,) = torch.autograd.grad(value, fused, retain_graph=True)
        assert gradient.abs().sum() > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"over": torch.rand(2, 1, 24, 21)}, r"over should have shape \(2, 1, 24, 20\).*got \(2, 1, 24, 21\)"),
        ({"under_rgb": torch.rand(2, 1, 24, 20)}, r"under_rgb should have shape \(2, 3, 24, 20\)"),
        ({"reference_rgb": torch.rand(1, 3, 24, 20)}, "reference_rgb should have shape"),
        ({"reference": None}, "both reference"),
    ],
)
def test_scenes_are_checked(change: dict[str, Tensor | None], said: str, noise: FusionScene) -> None:
    with pytest.raises(ValueError, match=said):
        replace(noise, **change)


def test_weights_are_checked() -> None:
    with pytest.raises(ValueError, match=r"shape \(19,\), got \(18,\)"):
        loss_weights(torch.zeros(18))
    with pytest.raises(ValueError, match="called \\['l3'\\]"):
        loss_weights(torch.zeros(19), ["l3"])
    with pytest.raises(ValueError, match="no fusion loss is named"):
        loss_weights(torch.zeros(19), [])


def maps(*values: float) -> tuple[Tensor, ...]:
    """One constant map a layer, for two pictures."""
    return tuple(torch.full((2, 3, 4, 4), value) for value in values)


def test_contrastive_by_hand() -> None:
    # Layer 1: 0.3^2 / (0.5^2 + 0.5^2) = 0.18. Layer 2: 0.2^2 / (0.4^2 + 0^2) = 0.25. Sum 0.43.
    fused, positive = maps(0.5, 0.6), maps(0.2, 0.8)
    negatives = [maps(0.0, 0.2), maps(1.0, 0.6)]
    assert float(contrastive(fused, positive, negatives)) == pytest.approx(0.43, abs=1e-5)
    # The ratio is each picture's own: 0.43 on the first, 0 on the second that equals its positive.
    near = tuple(torch.stack([p[0], f[1]]) for p, f in zip(positive, fused, strict=True))
    assert float(contrastive(fused, near, negatives)) == pytest.approx(0.215, abs=1e-5)


def test_contrastive_pulls_and_pushes() -> None:
    fused = torch.full((1, 1, 2, 2), 0.5, requires_grad=True)
    positive, negative = torch.full((1, 1, 2, 2), 0.7, requires_grad=True), torch.zeros(1, 1, 2, 2)
    contrastive((fused,), (positive,), [(negative,)]).backward()
    assert positive.grad is None
    assert fused.grad is not None
    # d/df of (f - 0.7)^2 / f^2 at 0.5 is 2 (f - 0.7) 0.7 / f^3 = -2.24, over four elements: -0.56.
    assert fused.grad.flatten().tolist() == pytest.approx([-0.56] * 4, abs=1e-4)


def test_hybrid_and_its_ablations() -> None:
    fused, negatives = maps(0.5), [maps(0.0), maps(1.0)]
    reference, natural = maps(0.2), maps(0.4)
    # Gamma_R = 0.09 / 0.5 = 0.18, Gamma_N = 0.01 / 0.5 = 0.02.
    for constraint, wanted in (("both", 0.20), ("reference", 0.18), ("natural", 0.02)):
        assert float(hybrid(fused, reference, natural, negatives, constraint)) == pytest.approx(wanted, abs=1e-5)
    assert float(hybrid(fused, None, natural, negatives)) == pytest.approx(0.02, abs=1e-5)
    with pytest.raises(ValueError, match="'reference' needs reference positives"):
        hybrid(fused, None, natural, negatives, "reference")
    with pytest.raises(ValueError, match="needs reference and natural positives"):
        hybrid(fused, None, None, negatives)
    with pytest.raises(ValueError, match="one of both, reference, natural"):
        hybrid(fused, reference, natural, negatives, "none")


def test_contrastive_input_is_checked() -> None:
    with pytest.raises(ValueError, match="at least one negative"):
        contrastive(maps(0.5), maps(0.2), [])
    with pytest.raises(ValueError, match="maps of one shape"):
        contrastive(maps(0.5), maps(0.2), [maps(0.1, 0.2)])
    with pytest.raises(ValueError, match="maps of one shape"):
        contrastive(maps(0.5), (torch.zeros(1, 3, 4, 4),), [maps(0.1)])
