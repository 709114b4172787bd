"""`loupe check` looks at the user's own model before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from photo_helpers import ROOT

from cli.checking import check
from models.core.storage import save_weights
from models.enhancers import create
from tasks.config import ConfigError, read_yaml

CODE = """
import torch
from torch import nn


class Gain(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)

    def forward(self, image):
        return torch.sigmoid(self.layer(image))


class Stiff(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)

    def forward(self, image):
        return torch.sigmoid(self.layer(image)).detach()


class Fixed(nn.Module):
    def forward(self, image):
        return image


class Taste(nn.Module):
    higher_is_better = True

    def __init__(self, learns="pairs"):
        super().__init__()
        self.layer, self.learns = nn.Linear(3, 1), learns

    def forward(self, pictures):
        return self.layer(pictures.mean((2, 3))).squeeze(1)
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOUPE_LABELS", str(tmp_path / "labels.sqlite"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "checked_net", raising=False)
    Path("checked_net.py").write_text(CODE)


def said(**model: Any) -> str:
    """The fault that the check ends with; empty where there is none."""
    return said_of("low_light", "model", model)


def said_of(kind: str, part: str, section: dict[str, Any]) -> str:
    import yaml

    values = read_yaml(ROOT / "tests" / "tiny.yaml")
    values[kind][part] = section
    Path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    try:
        check()
    except ConfigError as error:
        return str(error)
    return ""


def test_a_model_that_fits_is_no_fault() -> None:
    save_weights(create("checked_net:Gain"), Path("theirs.safetensors"))
    assert said(name="checked_net:Gain", options={"width": 4}, weights="theirs.safetensors") == ""


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (
            {"name": "checked_net:Gain", "options": {"widht": 4}},
            "low_light.model: checked_net:Gain has no option 'widht'",
        ),
        (
            {"name": "curve", "options": {"depth": 4}},
            "low_light.model: enhancer 'curve' has no option 'depth'; it takes width",
        ),
        ({"name": "checked_net:Fixed"}, "low_light.model: checked_net:Fixed cannot be aligned: it has no parameters"),
        ({"name": "absent_net:Net"}, "low_light.model: absent_net:Net: the module 'absent_net' cannot be imported"),
        (
            {"name": "checked_net:Gain", "weights": "no.safetensors"},
            "low_light.model.weights: no.safetensors is missing",
        ),
    ],
)
def test_a_model_that_does_not_fit_is_one_line(model: dict[str, Any], fault: str) -> None:
    message = said(**model)
    assert message.startswith("params.yaml has 1 fault:\n")
    assert fault in message


def test_a_training_that_the_model_has_not_is_named() -> None:
    start = read_yaml(ROOT / "tests" / "tiny.yaml")["low_light"]["start"]
    wavelet = {name: start[name] for name in ("steps", "batch", "crop", "learning_rate")}
    fault = "low_light.start.phases names wavelet; this enhancer has one training, low_light.start"
    assert fault in said_of("low_light", "start", start | {"phases": {"wavelet": wavelet}})


def test_what_has_no_gradient_is_for_aligners_that_need_none() -> None:
    save_weights(create("checked_net:Stiff"), Path("stiff.safetensors"))
    assert "low_light.model: checked_net:Stiff cannot be aligned: what it makes has no gradient" in said(
        name="checked_net:Stiff"
    )
    assert "low_light.align: ranker_loss cannot work" in said(name="checked_net:Stiff", weights="stiff.safetensors")


def test_weights_of_another_network_are_named() -> None:
    torch.manual_seed(0)
    save_weights(create("curve", width=4), Path("other.safetensors"))
    assert "low_light.model.weights: other.safetensors holds another network: missing layer.weight" in said(
        name="checked_net:Gain", weights="other.safetensors"
    )


def judge(name: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "options": options, "start": None, "rounds": None}


@pytest.mark.parametrize(
    ("kind", "section", "fault"),
    [
        ("brackets", judge("metric", metric="mef_ssim"), ""),
        ("low_light", judge("checked_net:Taste", learns=None), ""),
        ("low_light", judge("checked_net:Taste", learns={"from": "pairs"}), "judge.options.learns: should be a number"),
        ("low_light", judge("metric", metric="niqe"), "low_light.align: ranker_loss cannot work with the judge niqe"),
        (
            "low_light",
            judge("metric", metric="mef_ssim"),
            "low_light: judge.options.metric names mef_ssim, which compare",
        ),
        ("low_light", judge("metric", metric="psnr"), "low_light.judge.options.metric: psnr compares with a reference"),
        ("low_light", judge("metric", metric="beauty"), "metric names unknown metrics ['beauty']"),
        ("low_light", judge("ranker", widths=[4] * 10), "low_light.judge.options.strides: Field required"),
        (
            "low_light",
            judge("checked_net:Taste"),
            "checked_net:Taste learns from pairs; start and rounds have to say how",
        ),
        ("low_light", judge("checked_net:Taste", learns="stars"), "checked_net:Taste says that it learns from 'stars'"),
        (
            "low_light",
            judge("checked_net:Gain"),
            "checked_net:Gain does not say whether its higher or its lower scores",
        ),
        ("low_light", judge("taste"), "no judge is called 'taste'; known are ensemble, metric, ranker"),
    ],
)
def test_a_judge_is_built_and_compared_with_the_aligner(kind: str, section: dict[str, Any], fault: str) -> None:
    message = said_of(kind, "judge", section)
    assert bool(message) == bool(fault)
    assert fault in message


def test_an_aligner_that_there_is_not_is_named() -> None:
    section = read_yaml(ROOT / "tests" / "tiny.yaml")["low_light"]["align"]
    assert "low_light.align.name: no aligner is called 'magic'; known are direct, dpo, grpo" in said_of(
        "low_light", "align", section | {"name": "magic"}
    )
    assert "aligner 'grpo' has no option 'lambda_ranker'" in said_of("low_light", "align", section | {"name": "grpo"})
    fault = said_of("low_light", "align", section | {"options": {"lambda_ranker": 1.0, "layer": "relu1_1"}})
    assert "low_light.align.options.content_layer: Field required" in fault
    assert "low_light.align.options.layer: unknown key" in fault
