"""The terms of infrared and visible fusion: their values where these are known, and their slopes."""

from __future__ import annotations

import pytest
import torch

from models.losses.infrared import LOSSES, Scene, correlation, weighted


def sources() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.rand(2, 1, 24, 24), torch.rand(2, 1, 24, 24)


def test_each_term_is_least_for_the_picture_it_wants() -> None:
    infrared, visible = sources()
    wants = {
        "intensity": torch.maximum(infrared, visible),
        "ssim_infrared": infrared,
        "ssim_visible": visible,
        "gradient": None,
        "detail": None,
        "correlation": None,
    }
    for name, wanted in wants.items():
        if wanted is not None:
            assert float(LOSSES[name](Scene(wanted, infrared, visible))) == pytest.approx(0, abs=1e-5)
    flat, average = torch.full_like(visible, 0.5), (infrared + visible) / 2
    for name in ("gradient", "detail", "correlation"):
        assert float(LOSSES[name](Scene(average, infrared, visible))) < float(
            LOSSES[name](Scene(flat, infrared, visible))
        )
    alike = Scene(visible, visible, visible)
    assert all(float(LOSSES[name](alike)) < 1e-4 for name in wants)


def test_detail_wants_the_stronger_source_pixel_by_pixel() -> None:
    infrared, visible = sources()
    infrared[..., :12], visible[..., 12:] = 0.5, 0.5  # each has detail on one half
    whole = torch.cat([visible[..., :12], infrared[..., 12:]], -1)
    inner = [picture.clone() for picture in (whole, infrared, visible)]
    kept, hot, seen = (float(LOSSES["detail"](Scene(fused, infrared, visible))) for fused in inner)
    assert kept < 0.35 * hot and kept < 0.35 * seen


def test_transfer_is_what_qabf_measures() -> None:
    from models.quality import create

    infrared, visible = (torch.nn.functional.interpolate(y, (96, 96), mode="bicubic").clamp(0, 1) for y in sources())
    metric = create("qabf")
    for fused in (visible, torch.maximum(infrared, visible), (infrared + visible) / 2):
        pictures = [y.repeat(1, 3, 1, 1) for y in (fused, infrared, visible)]
        wanted = float(metric(pictures[0], sources=(pictures[1], pictures[2])).mean())
        assert 1 - float(LOSSES["transfer"](Scene(fused, infrared, visible))) == pytest.approx(wanted, abs=0.05)
    shown = ((infrared + visible) / 2).requires_grad_()
    LOSSES["transfer"](Scene(shown, infrared, visible)).backward()
    assert shown.grad is not None and bool(torch.isfinite(shown.grad).all()) and bool(shown.grad.any())
    flat = torch.full_like(visible, 0.5).requires_grad_()
    LOSSES["transfer"](Scene(flat, infrared, visible)).backward()
    assert flat.grad is not None and bool(torch.isfinite(flat.grad).all())


def test_correlation() -> None:
    one = torch.rand(1, 3, 16, 16)
    assert float(correlation(one, 3 * one + 1)) == pytest.approx(1, abs=1e-4)
    assert float(correlation(one, -one)) == pytest.approx(-1, abs=1e-4)
    assert float(correlation(one, torch.full_like(one, 0.3))) == pytest.approx(0, abs=1e-6)


def test_decomposition_wants_unlike_details_on_like_bases() -> None:
    infrared, visible = sources()
    apart, base = torch.randn(2, 2, 4, 24, 24).unbind(0)
    good = Scene(visible, infrared, visible, coarse=(base, base), fine=(apart, torch.randn_like(apart)))
    bad = Scene(visible, infrared, visible, coarse=(base, torch.randn_like(base)), fine=(apart, apart))
    assert float(LOSSES["decomposition"](good)) < 0.01
    assert float(LOSSES["decomposition"](bad)) > 0.9
    assert float(LOSSES["decomposition"](Scene(visible, infrared, visible))) == 0, "a network without parts"


def test_weighted_sums_what_has_a_weight() -> None:
    infrared, visible = sources()
    fused = ((infrared + visible) / 2).requires_grad_()
    scene = Scene(fused, infrared, visible)
    total, terms = weighted(scene, {"intensity": 2.0, "gradient": 0.0, "detail": 3.0})
    assert set(terms) == {"intensity", "detail"}
    assert float(total) == pytest.approx(2 * float(terms["intensity"]) + 3 * float(terms["detail"]))
    total.backward()
    assert fused.grad is not None and fused.grad.any()
    with pytest.raises(KeyError):
        weighted(scene, {"thermal": 1.0})


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_slopes_are_finite_where_all_is_flat(value: float) -> None:
    flat = torch.full((1, 1, 16, 16), value)
    fused = flat.clone().requires_grad_()
    weighted(Scene(fused, flat, flat, (flat, flat), (flat, flat)), dict.fromkeys(LOSSES, 1.0))[0].backward()
    assert fused.grad is not None and torch.isfinite(fused.grad).all()
