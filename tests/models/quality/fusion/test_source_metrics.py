"""The fusion metrics behind the registry: their input, batches, and direction."""

from __future__ import annotations

import pytest
import torch

from models import quality
from models.quality.metric import Metric, MetricInfo

WITH_SOURCES = [
    "loe", "clipped", "cast",
    "mef_ssim", "qabf", "mef_ms_ssim", "qabf_folded", "viff", "vif_sources", "ms_ssim_sources", "mi", "nmi", "cross_entropy",
    "scd", "cc_sources", "ssim_sources", "psnr_sources",
    "nabf", "qw", "fmi", "qcb", "qcv",
]  # fmt: skip
LOWER = {"loe", "clipped", "cast", "cross_entropy", "nabf", "qcv"}
WITH_REFERENCE = ["cc", "tmqi", "vif", "ms_ssim"]
ALL = [*WITH_SOURCES, *WITH_REFERENCE, "sd", "sf", "ag", "ei"]
SIDE = (161, 168)


def pictures(count: int, seed: int) -> torch.Tensor:
    """Smooth and rough parts, (count, 3, 161, 168)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 12, 12, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=SIDE, mode="bicubic").clamp(0, 1)
    return (0.8 * smooth + 0.2 * torch.rand(count, 3, *SIDE, generator=generator)).clamp(0, 1)


@pytest.fixture(scope="module")
def scene() -> dict[str, torch.Tensor]:
    """Three scenes: what was there, two exposures of it, their mean, and something else."""
    there = pictures(3, 0)
    under, over = (there * 1.4 - 0.5).clamp(0, 1), (there * 1.4 + 0.1).clamp(0, 1)
    return {"there": there, "under": under, "over": over, "mean": (under + over) / 2, "other": pictures(3, 1)}


def value(name: str, image: torch.Tensor, scene: dict[str, torch.Tensor]) -> torch.Tensor:
    return quality.create(name)(image, scene["there"], sources=(scene["under"], scene["over"]))


def test_what_each_needs() -> None:
    assert [name for name in quality.names() if quality.info(name).needs_sources] == WITH_SOURCES
    for name in ALL:
        facts = quality.info(name)
        assert facts.higher_is_better == (name not in LOWER)
        assert facts.needs_reference == (name in WITH_REFERENCE)


@pytest.mark.parametrize("name", ALL)
def test_a_batch_of_three_equals_three_of_one(name: str, scene: dict[str, torch.Tensor]) -> None:
    whole = value(name, scene["mean"], scene)
    assert whole.shape == (3,)
    assert torch.isfinite(whole).all()
    low, high = quality.info(name).value_range
    assert ((whole >= low) & (whole <= high)).all()
    parts = [{key: pictures[i : i + 1] for key, pictures in scene.items()} for i in range(3)]
    single = torch.cat([value(name, part["mean"], part) for part in parts])
    assert torch.allclose(whole, single, rtol=1e-5, atol=1e-6)
    assert torch.equal(whole, value(name, scene["mean"], scene))


@pytest.mark.parametrize("name", [*WITH_SOURCES, *WITH_REFERENCE])
def test_the_mean_beats_another_picture(name: str, scene: dict[str, torch.Tensor]) -> None:
    mean, other = value(name, scene["mean"], scene), value(name, scene["other"], scene)
    assert ((mean < other) if name in LOWER else (mean > other)).all()


@pytest.mark.parametrize("name", ["vif", "ms_ssim", "cc"])
def test_the_reference_itself_is_perfect(name: str, scene: dict[str, torch.Tensor]) -> None:
    assert value(name, scene["there"], scene).tolist() == pytest.approx([1.0] * 3, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "of", "times"),
    [
        ("vif_sources", "vif", 1.0),
        ("ms_ssim_sources", "ms_ssim", 0.5),
        ("ssim_sources", "ssim", 0.5),
        ("cc_sources", "cc", 0.5),
    ],
)
def test_sums_over_sources(name: str, of: str, times: float, scene: dict[str, torch.Tensor]) -> None:
    one = quality.create(of)
    wanted = times * (one(scene["mean"], scene["under"]) + one(scene["mean"], scene["over"]))
    assert torch.allclose(value(name, scene["mean"], scene), wanted)
    # A fused picture that equals both sources: VIF 1 + 1, MS-SSIM (1 + 1) / 2.
    same = quality.create(name)(scene["there"], sources=(scene["there"], scene["there"]))
    assert same.tolist() == pytest.approx([2 * times] * 3, abs=1e-5)


@pytest.mark.parametrize("name", WITH_SOURCES)
def test_more_than_two_sources(name: str, scene: dict[str, torch.Tensor]) -> None:
    metric = quality.create(name)
    three = metric(scene["mean"], sources=(scene["under"], scene["there"], scene["over"]))
    swapped = metric(scene["mean"], sources=(scene["over"], scene["under"], scene["there"]))
    assert torch.allclose(three, swapped, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_gradients_only_where_promised(name: str, scene: dict[str, torch.Tensor]) -> None:
    image = scene["mean"][:1].clone().requires_grad_()
    first = {key: pictures[:1] for key, pictures in scene.items()}
    result = value(name, image, first)
    assert result.requires_grad == quality.info(name).differentiable == (name == "mef_ssim")


@pytest.mark.parametrize("name", ALL)
def test_the_smallest_size_works_and_a_smaller_one_is_refused(name: str, scene: dict[str, torch.Tensor]) -> None:
    least = quality.info(name).min_size
    small = {key: pictures[..., :least, :least] for key, pictures in scene.items()}
    if least > 1:
        assert torch.isfinite(value(name, small["mean"], small)).all()
        with pytest.raises(ValueError, match=f"both sides need at least {least}"):
            value(name, small["mean"][..., 1:], small)


IMAGE = torch.rand(1, 3, 16, 16)


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (None, "a tuple of two or more; none were given"),
        ((IMAGE,), "two or more; 1 was given"),
        (IMAGE, "two or more; a tensor was given"),
        ((IMAGE, IMAGE[..., :12]), r"image and source 2 differ: \(1, 3, 16, 16\) and \(1, 3, 16, 12\)"),
        ((IMAGE * 255, IMAGE), r"the source 1 should lie in \[0, 1\]"),
        ((IMAGE, IMAGE[:, :2]), r"the source 2 should have shape \(B, 3, H, W\) or \(B, 1, H, W\) .*\(1, 2, 16, 16\)"),
        ((IMAGE, IMAGE[:, :1, :, 1:]), "image and source 2 differ"),
        ((IMAGE, IMAGE[:, :1] * 300), r"the source 2 should lie in \[0, 1\]"),
        ((IMAGE, IMAGE[0, :1]), "the source 2 should have shape"),
        ((IMAGE, IMAGE[:, :0]), "the source 2 should have shape"),
    ],
)
def test_bad_sources_are_named(sources: tuple[torch.Tensor, ...] | None, said: str) -> None:
    facts = MetricInfo("toy", True, (0.0, 1.0), needs_reference=False, variant="toy", needs_sources=True)
    with pytest.raises(ValueError, match=said):
        Metric(facts, lambda x, y: x.mean(dim=(1, 2, 3)))(IMAGE, sources=sources)


@pytest.mark.parametrize("name", WITH_SOURCES)
def test_one_channel_counts_as_three_equal_ones(name: str, scene: dict[str, torch.Tensor]) -> None:
    metric = quality.create(name)
    fused, under, over = (scene[key][:1, :1] for key in ("mean", "under", "over"))
    wanted = metric(fused.repeat(1, 3, 1, 1), sources=(under.repeat(1, 3, 1, 1), over.repeat(1, 3, 1, 1)))
    assert torch.equal(metric(fused, sources=(under, over)), wanted)
    colour = scene["mean"][:1]
    mixed = metric(colour, sources=(under, scene["over"][:1]))
    assert torch.equal(mixed, metric(colour, sources=(under.repeat(1, 3, 1, 1), scene["over"][:1])))


def test_one_channel_is_refused_where_no_sources_are_compared() -> None:
    for name in ("sd", "cc"):
        with pytest.raises(ValueError, match=r"should have shape \(B, 3, H, W\) with"):
            quality.create(name)(IMAGE[:, :1], IMAGE[:, :1])


@pytest.mark.parametrize(
    ("least", "sources", "said"),
    [
        (1, None, "a tuple of one or more; none were given"),
        (1, (), "a tuple of one or more; 0 were given"),
        (1, IMAGE, "a tuple of one or more; a tensor was given"),
        (3, (IMAGE, IMAGE), "a tuple of at least 3; 2 were given"),
    ],
)
def test_a_metric_says_how_many_sources_it_takes(
    least: int, sources: tuple[torch.Tensor, ...] | None, said: str
) -> None:
    facts = MetricInfo("toy", True, (0.0, 1.0), False, "toy", needs_sources=True, least_sources=least)
    metric = Metric(facts, lambda x, y: x.mean(dim=(1, 2, 3)))
    with pytest.raises(ValueError, match=said):
        metric(IMAGE, sources=sources)
    assert metric(IMAGE, sources=(IMAGE,) * least).item() == IMAGE.mean().item()
    assert [facts.measures(False, count) for count in (least - 1, least)] == [False, True]


def test_no_metric_takes_no_sources_and_needs_them() -> None:
    with pytest.raises(ValueError, match="takes 0 sources; one is the least"):
        MetricInfo("toy", True, (0.0, 1.0), False, "toy", needs_sources=True, least_sources=0)


def test_sources_are_ignored_where_none_are_needed() -> None:
    assert quality.create("sd")(IMAGE, None, (IMAGE * 300,)) == quality.create("sd")(IMAGE)


def test_a_metric_compares_with_one_thing() -> None:
    with pytest.raises(ValueError, match="one or the other"):
        MetricInfo("toy", True, (0.0, 1.0), needs_reference=True, variant="toy", needs_sources=True)
