"""A network from outside of the project goes through the rounds' stages as f(0), with weights of its own."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from models.core.storage import load_tensors, save_weights
from models.enhancers import create
from models.fusers import create as create_fuser
from models.own import OwnModelError
from tasks.config import ConfigError, View, read_yaml, validate
from tasks.low_light import pictures, start
from tasks.low_light.kind import KIND
from tasks.rounds import align, judge_start, outputs
from tasks.stage import tables
from tasks.stage.places import MODEL, Places

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import torch
from torch import nn


class Gamma(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 1)

    def forward(self, image):
        return image ** torch.sigmoid(self.last(torch.relu(self.first(image))))
"""


def view(module: Any, **model: Any) -> View:
    values = copy.deepcopy(read_yaml(ROOT / "tests" / "tiny.yaml"))
    values[KIND.name]["model"] = model
    return View(validate(values), module.PARAMS, KIND.name)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "their_net", raising=False)
    Path("their_net.py").write_text(CODE)
    torch.manual_seed(0)
    save_weights(create("their_net:Gamma"), Path("theirs.safetensors"))
    return tmp_path


def test_a_network_from_outside_is_aligned(project: Path) -> None:
    at = Places(KIND.name)
    model = {"name": "their_net:Gamma", "options": {"width": 4}, "weights": "theirs.safetensors"}
    pictures.run(view(pictures, **model))
    for module in (start, judge_start):
        module.run(view(module, **model))
    align.run(view(align, **model), round="r00")
    outputs.run(view(outputs, **model), round="r01")
    theirs, first = load_tensors(Path("theirs.safetensors")), load_tensors(at.start / MODEL)
    assert all(torch.equal(first[name], tensor) for name, tensor in theirs.items()), "f(0) is the model as it was given"
    versions = sorted((at.start / "checkpoints").glob("*.safetensors"))
    assert len(versions) == 2
    assert not torch.equal(load_tensors(versions[0])["last.weight"], theirs["last.weight"])
    assert torch.equal(load_tensors(versions[-1])["last.weight"], theirs["last.weight"])
    aligned = load_tensors(at.model("r00") / MODEL)
    assert set(aligned) == set(theirs)
    assert any(not torch.equal(aligned[name], tensor) for name, tensor in theirs.items())
    made = tables.read("enhanced", at.outputs("r01") / "enhanced.parquet")
    assert len(made)
    assert set(made.model) == {"f1"}


def test_a_network_without_weights_is_trained_first(project: Path) -> None:
    model = {"name": "their_net:Gamma"}
    pictures.run(view(pictures, **model))
    start.run(view(start, **model))
    assert len(list((Places(KIND.name).start / "checkpoints").glob("*.safetensors"))) == 2
    assert (Places(KIND.name).start / "live" / "plots").is_dir()


def test_a_network_that_cannot_learn_is_refused_at_the_start(project: Path) -> None:
    Path("fixed_net.py").write_text("from torch import nn\n\nclass Same(nn.Identity):\n    pass\n")
    with pytest.raises(OwnModelError, match="fixed_net:Same cannot be trained: it has no parameters"):
        start.run(view(start, name="fixed_net:Same"))


def test_params_say_what_a_model_may_be(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"no enhancer is called 'nonsense'; known are curve, .*module:function"):
        view(start, name="nonsense")
    with pytest.raises(ConfigError, match=r"`loupe weights convert net\.pth` makes one"):
        view(start, name="their_net:Gamma", weights="net.pth")


FUSER = """
import torch
from torch import nn


class Mix(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(6, 1, 3, padding=1)

    def forward(self, under, over):
        share = torch.sigmoid(self.layer(torch.cat([under, over], 1)))
        return share * under + (1 - share) * over
"""


def brackets_view(module: Any, **model: Any) -> View:
    values = copy.deepcopy(read_yaml(ROOT / "tests" / "tiny.yaml"))
    values["kinds"]["brackets"]["start"] = "pictures"
    values["searched"] = []
    values["brackets"]["model"] = model
    return View(validate(values), module.PARAMS, "brackets")


@pytest.mark.parametrize("given", [False, True])
def test_a_fuser_from_outside_is_aligned_without_a_search(project: Path, given: bool) -> None:
    """Trained by all losses alike, or as it came."""
    from tasks.brackets import pictures as scenes
    from tasks.brackets import start as train

    Path("their_fuser.py").write_text(FUSER)
    __import__("sys").modules.pop("their_fuser", None)
    at, model = Places("brackets"), {"name": "their_fuser:Mix", "options": {}}
    if given:
        save_weights(create_fuser("their_fuser:Mix"), Path("mix.safetensors"))
        model["weights"] = "mix.safetensors"
    scenes.run(brackets_view(scenes, **model))
    for module in (train, judge_start):
        module.run(brackets_view(module, **model))
    align.run(brackets_view(align, **model), round="r00")
    outputs.run(brackets_view(outputs, **model), round="r01")
    first, aligned = load_tensors(at.start / MODEL), load_tensors(at.model("r00") / MODEL)
    assert set(first) == {"layer.weight", "layer.bias"}
    assert not torch.equal(first["layer.weight"], aligned["layer.weight"])
    if given:
        assert torch.equal(first["layer.weight"], load_tensors(Path("mix.safetensors"))["layer.weight"])
    assert set(tables.read("enhanced", at.outputs("r01") / "enhanced.parquet").model) == {"f1"}


def test_a_fuser_of_ones_own_and_a_search_do_not_go_together() -> None:
    values = copy.deepcopy(read_yaml(ROOT / "tests" / "tiny.yaml"))
    values["brackets"]["model"] = {"name": "their_fuser:Mix", "options": {}}
    with pytest.raises(ConfigError, match=r"kinds\.brackets\.start must be 'pictures'") as refused:
        validate(values)
    assert "searched must be []" in str(refused.value)
    values["brackets"]["model"] = {"name": "mertens", "options": {}}
    with pytest.raises(ConfigError, match="the rounds can teach searched"):
        validate(values)
