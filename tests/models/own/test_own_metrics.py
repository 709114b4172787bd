"""A user's own function as a metric, wherever a metric is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models import quality
from models.own import OwnModelError
from tasks.measuring.scoring import score

CODE = """
import torch


def red(image):
    return image[:, 0].mean((1, 2))


red.higher_is_better = True
red.variant = "mean of R"


def apart(image, reference):
    return (image - reference).abs().mean((1, 2, 3))


apart.higher_is_better, apart.needs_reference, apart.differentiable, apart.min_size = False, True, True, 16


def extremes(image, sources):
    return (torch.stack(sources).amax(0) - image).abs().mean((1, 2, 3))


extremes.higher_is_better, extremes.needs_sources = False, True


def mute(image):
    return image.mean((1, 2, 3))


def bad(image):
    return {"raises": lambda: 1 / 0, "shape": lambda: image.mean(), "number": lambda: 3.0,
            "whole": lambda: image.mean((1, 2, 3)).long()}[bad.how]()


bad.higher_is_better = True
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "outside_metric", raising=False)
    quality._own.cache_clear()
    Path("outside_metric.py").write_text(CODE)


def test_it_is_a_metric_with_facts() -> None:
    facts = quality.info("outside_metric:red")
    assert (facts.higher_is_better, facts.needs_reference, facts.needs_sources) == (True, False, False)
    assert (facts.variant, facts.library) == ("mean of R", "outside_metric")
    image = torch.rand(3, 3, 20, 30)
    assert torch.equal(quality.create("outside_metric:red")(image), image[:, 0].mean((1, 2)))


def test_it_gets_the_reference_or_the_sources_that_it_needs() -> None:
    generator = np.random.default_rng(0)
    picture, reference, under, over = (generator.integers(0, 256, (24, 24, 3), dtype=np.uint8) for _ in range(4))
    names = ("outside_metric:red", "outside_metric:apart", "outside_metric:extremes", "psnr")
    found = score(names, picture, reference, (under, over))
    assert found["outside_metric:apart"] == pytest.approx(np.abs(picture / 255 - reference / 255).mean(), abs=1e-5)
    assert found["outside_metric:extremes"] == pytest.approx(
        np.abs(np.maximum(under, over) / 255 - picture / 255).mean(), abs=1e-5
    )
    assert score(names, picture)["outside_metric:apart"] is None
    assert score(names, picture[:8, :8], reference[:8, :8])["outside_metric:apart"] is None, "smaller than min_size"


def test_what_it_does_not_say_of_itself_is_asked_for() -> None:
    with pytest.raises(OwnModelError, match="outside_metric:mute does not say whether its higher or its lower values"):
        quality.info("outside_metric:mute")
    with pytest.raises(quality.UnknownMetric, match="no metric is called 'beauty'"):
        quality.info("beauty")
    Path("m.pt").write_bytes(b"x")
    with pytest.raises(OwnModelError, match=r"m\.pt is a file; a metric of your own is a function"):
        quality.info("m.pt")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raises", "outside_metric:bad fails .ZeroDivisionError"),
        ("shape", r"returns \(\), float32; it should give a value \(B,\)"),
        ("number", "returns a float, not a tensor"),
        ("whole", r"returns \(2,\), int64"),
    ],
)
def test_what_it_returns_is_looked_at(how: str, said: str) -> None:
    metric = quality.create("outside_metric:bad")
    __import__("outside_metric").bad.how = how
    with pytest.raises(OwnModelError, match=said):
        metric(torch.rand(2, 3, 8, 8))
