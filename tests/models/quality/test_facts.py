"""What the registry says of every metric, tried: range, least size, direction, precision, names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from models import quality
from models.quality.colour import delta_e
from models.quality.fidelity import luma, psnr

SIDE = 176


def has(name: str) -> quality.Metric:
    try:
        return quality.create(name)
    except quality.MetricUnavailable as error:
        pytest.skip(str(error))


def measured(metric: quality.Metric, image: torch.Tensor, other: torch.Tensor, third: torch.Tensor) -> torch.Tensor:
    facts = metric.info
    return metric(image, other if facts.needs_reference else None, (other, third) if facts.needs_sources else None)


def flat(level: float) -> torch.Tensor:
    return torch.full((1, 3, SIDE, SIDE), level)


def cases() -> Iterator[tuple[str, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """(what, image, other, third): extremes of every kind."""
    generator = torch.Generator().manual_seed(0)
    one, two, three = (torch.rand(1, 3, SIDE, SIDE, generator=generator) for _ in range(3))
    down = torch.linspace(0, 1, SIDE).view(1, 1, SIDE, 1).expand(1, 3, SIDE, SIDE).contiguous()
    board = ((torch.arange(SIDE)[:, None] // 8 + torch.arange(SIDE) // 8) % 2).float().expand(1, 3, SIDE, SIDE)
    yield "random", one, two, three
    yield "equal", one, one, one
    yield "reversed", 1 - one, one, one
    yield "board reversed", 1 - board, board, board
    yield "board", board, down, one
    yield "ramp and noise", down, one, two
    yield "noise and ramp", one, down, down
    yield "black", flat(0.0), one, two
    yield "white", flat(1.0), one, two
    yield "black and white", flat(0.0), flat(1.0), flat(1.0)
    yield "all black", flat(0.0), flat(0.0), flat(0.0)
    yield "of black", one, flat(0.0), flat(1.0)
    yield "a little over", torch.full_like(one, 1 + 9e-6), torch.full_like(one, -9e-6), one


@pytest.mark.parametrize("name", quality.names())
def test_no_value_leaves_the_stated_range(name: str) -> None:
    metric = has(name)
    low, high = metric.info.value_range
    seen = 0
    for what, image, other, third in cases():
        value = measured(metric, image, other, third)
        assert value.shape == (1,) and value.is_floating_point(), what
        if not torch.isnan(value).any():
            seen += 1
            assert torch.isfinite(value).all(), f"{what}: {value.tolist()}"
            assert low <= value.item() <= high, f"{what}: {value.item()} is outside {low} to {high}"
            assert not torch.signbit(value).any() or value.item() < 0, f"{what}: -0.0"
    assert seen >= 5


@pytest.mark.parametrize("name", quality.names())
def test_the_least_size_is_measured_and_a_smaller_one_refused(name: str) -> None:
    metric = has(name)
    least = metric.info.min_size
    pictures = torch.rand(3, 1, 3, max(least, 2), max(least, 2), generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(measured(metric, *pictures)).all()
    if least > 1:
        with pytest.raises(ValueError, match=f"both sides need at least {least}"):
            measured(metric, *pictures[..., 1:])


@pytest.mark.parametrize("name", [name for name in quality.names() if quality.info(name).needs_reference])
def test_noise_moves_a_value_against_its_direction(name: str) -> None:
    metric = has(name)
    coarse = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    clean = torch.nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bicubic").clamp(0, 1)
    noise = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    better, worse = (metric((clean + strength * noise).clamp(0, 1), clean).item() for strength in (0.02, 0.2))
    assert better > worse if metric.info.higher_is_better else better < worse


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", [name for name in quality.names() if name not in ("musiq", "nrqm", "pi")])
def test_half_precision_is_measured_in_float32(name: str, kind: torch.dtype) -> None:
    pictures = torch.rand(3, 1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).to(kind)
    metric = has(name)
    value = measured(metric, *pictures)
    assert value.dtype in (torch.float32, torch.float64)
    assert value.item() == measured(metric, *pictures.float()).item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert measured(metric, *pictures.float()).item() == value.item()


def test_the_functions_take_half_precision_too() -> None:
    one, two = torch.rand(2, 1, 3, 40, 40, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    assert torch.equal(luma(one), luma(one.float()))
    assert torch.equal(psnr(one, two), psnr(one.float(), two.float()))
    assert torch.equal(delta_e(one, two), delta_e(one.float(), two.float()))


@pytest.mark.parametrize(
    ("value", "said"), [(1.0001, r"\[1, 1\.0001\]"), (1.00002, r"\[1, 1\.00002\]"), (-2e-5, "-2e-05")]
)
def test_what_is_just_outside_is_shown_with_the_digits_that_tell(value: float, said: str) -> None:
    image = torch.ones(1, 3, 8, 8)
    image[0, 0, 0, 0] = value
    with pytest.raises(ValueError, match=rf"should lie in \[0, 1\], got .*{said}"):
        quality.create("entropy")(image)


def test_psnr_has_no_epsilon_and_a_stated_cap() -> None:
    image = torch.full((1, 3, 100, 100), 0.5)
    for decibels in (48.13, 70.0, 90.0):
        other = image.double() + 10 ** (-decibels / 20)
        assert quality.create("psnr")(other, image.double()).item() == pytest.approx(decibels, abs=1e-9)
    cap = quality.info("psnr").value_range[1]
    assert quality.create("psnr")(image, image).item() == cap == 100.0
    assert "100" in quality.info("psnr").variant
    near = image.clone().requires_grad_()
    psnr(near, image).sum().backward()
    assert near.grad is not None and torch.isfinite(near.grad).all()


def test_a_flat_picture_has_the_blind_quality_of_no_active_block() -> None:
    for level in (0.0, 0.25, 1.0):
        assert quality.create("piqe")(flat(level)).item() == 100.0
    assert "100 where no block is active" in quality.info("piqe").variant


def test_a_former_name_reads_old_tables_and_makes_no_new_ones() -> None:
    assert "vif_fusion" not in quality.names()
    assert quality.info("vif_fusion") == quality.info("vif_sources")
    with pytest.raises(quality.UnknownMetric, match="'vif_fusion' is now called 'vif_sources'"):
        quality.create("vif_fusion")


def test_variants_tell_apart_what_shares_a_name_elsewhere() -> None:
    for one, other in (("qabf", "qabf_folded"), ("mef_ssim", "mef_ms_ssim"), ("viff", "vif_sources")):
        assert quality.info(one).variant != quality.info(other).variant
    assert quality.info("lpips").value_range[1] == float("inf")
    assert quality.info("ssim").value_range == (-1.0, 1.0)


def test_the_page_has_a_row_for_every_metric_with_its_range_and_direction() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = [line.replace("\\|", "").split("|")[1:-1] for line in page.splitlines() if line.startswith("| `")]
    found = {row[0].strip().strip("`"): [cell.strip() for cell in row] for row in rows}
    assert sorted(found) == sorted(quality.names())
    for name, cells in found.items():
        facts = quality.info(name)
        low, high = (f"{end:g}".replace("inf", "∞") for end in facts.value_range)
        against = "the sources" if facts.needs_sources else "the reference" if facts.needs_reference else "nothing"
        assert cells[2:5] == [f"{low} to {high}", "higher" if facts.higher_is_better else "lower", against], name
