"""The registry, the facts, and the check of inputs."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from models import quality
from models.quality import colour
from models.quality.lpips import unit
from models.quality.metric import Metric, MetricInfo

OWN = ["entropy", "psnr", "ssim", "lpips", "delta_e", "ssim_rgb", "ciede2000", "dists"]
ALL = [*OWN, "niqe", "brisque", "piqe"]
MISSING_HERE = ["musiq", "nrqm", "pi"]
FUSION = [
    "loe", "clipped", "cast",
    "vif", "ms_ssim", "sd", "cc", "tmqi", "mef_ssim", "mef_ms_ssim", "qabf", "qabf_folded", "viff", "vif_sources",
    "ms_ssim_sources", "sf", "ag", "ei", "mi", "nmi", "cross_entropy", "scd", "cc_sources", "ssim_sources", "psnr_sources",
    "nabf", "qw", "fmi", "qcb", "qcv",
]  # fmt: skip
"""Tested in fusion/test_source_metrics.py, on larger images."""


def test_names() -> None:
    assert sorted(quality.names()) == sorted(ALL + MISSING_HERE + FUSION)


def test_unknown_and_duplicate() -> None:
    with pytest.raises(quality.UnknownMetric, match=r"'nice'.*niqe"):
        quality.create("nice")
    with pytest.raises(ValueError, match="two metrics are called 'delta_e'"):
        quality.register(quality.info("delta_e"), colour.build)


def test_facts_need_no_torch_no_pyiqa_and_no_weights() -> None:
    code = (
        "import sys\nfrom models import quality\n"
        "print(all(quality.info(n).variant and quality.info(n).library for n in quality.names()))\n"
        "print([m for m in ('torch', 'pyiqa', 'torchvision', 'skimage', 'scipy') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split("\n")[:2] == ["True", "[]"]


@pytest.mark.parametrize("name", ["psnr", "ssim", "lpips", "delta_e", "ssim_rgb", "ciede2000", "dists"])
def test_equal_images_get_the_best_value(name: str) -> None:
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    other = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    facts, metric = quality.info(name), quality.create(name)
    best = facts.value_range[1 if facts.higher_is_better else 0]
    assert metric(image, image).tolist() == pytest.approx([best, best], abs=1e-4)
    sign = 1 if facts.higher_is_better else -1
    assert (sign * (metric(image, image) - metric(image, other)) > 0).all()


@pytest.mark.parametrize("name", ALL)
def test_a_batch_of_eight_equals_eight_of_one(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    image, reference = (torch.rand(8, 3, 96, 100, generator=generator) for _ in range(2))
    metric = quality.create(name)
    whole = metric(image, reference)
    assert whole.shape == (8,)
    assert whole.is_floating_point()
    assert torch.isfinite(whole).all()
    single = torch.cat([metric(image[i : i + 1], reference[i : i + 1]) for i in range(8)])
    rounding = 1e-5 if quality.info(name).needs_reference else 0.0
    assert torch.allclose(whole, single, rtol=rounding, atol=rounding)
    assert torch.equal(whole, metric(image, reference))


@pytest.mark.parametrize("name", ALL)
def test_gradients_only_where_promised(name: str) -> None:
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0)).requires_grad_()
    reference = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    value = quality.create(name)(image, reference)
    assert value.requires_grad == quality.info(name).differentiable
    if value.requires_grad:
        value.sum().backward()
        assert image.grad is not None
        assert torch.isfinite(image.grad).all()
        assert image.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["lpips", "delta_e", "dists"])
def test_gradient_is_finite_at_equality_and_at_black(name: str) -> None:
    image = torch.zeros(1, 3, 40, 40)
    image[..., 20:] = 0.5
    image.requires_grad_()
    quality.create(name)(image, image.detach()).sum().backward()
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()


def test_lpips_gradient_is_finite_where_no_feature_fires() -> None:
    features = torch.zeros(1, 4, 2, 2, requires_grad=True)
    unit(features).sum().backward()
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()


@pytest.mark.parametrize(
    ("image", "reference", "said"),
    [
        (torch.rand(3, 96, 96), None, r"shape \(B, 3, H, W\).*\(3, 96, 96\)"),
        (torch.rand(1, 1, 96, 96), None, r"shape \(B, 3, H, W\)"),
        (torch.rand(0, 3, 96, 96), None, "B >= 1"),
        (torch.zeros(1, 3, 96, 96, dtype=torch.uint8), None, "divide 8-bit values by 255"),
        (torch.rand(1, 3, 96, 10), None, "10 x 96; both sides need at least 32"),
        (torch.full((1, 3, 96, 96), torch.nan), None, "NaN or infinite"),
        (torch.rand(1, 3, 96, 96) * 255, None, r"should lie in \[0, 1\]"),
        (torch.rand(1, 3, 96, 96), None, "compares with a reference, and none was given"),
        (torch.rand(1, 3, 96, 96), torch.rand(1, 3, 96, 90), "shapes of image and reference differ"),
        (torch.rand(1, 3, 96, 96), torch.rand(1, 3, 96, 96) - 1, "the reference should lie in"),
        ("photo.png", None, "torch tensor, got str"),
    ],
)
def test_bad_input_is_named(image: torch.Tensor, reference: torch.Tensor | None, said: str) -> None:
    facts = MetricInfo("toy", True, (0.0, 1.0), needs_reference=True, variant="toy", min_size=32)
    with pytest.raises(ValueError, match=said):
        Metric(facts, lambda x, y: x.mean(dim=(1, 2, 3)))(image, reference)


def test_rounding_just_outside_the_range_passes() -> None:
    assert quality.create("entropy")(torch.full((1, 3, 8, 8), 1 + 1e-6)).item() == 0.0
