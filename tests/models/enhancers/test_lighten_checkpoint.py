"""A checkpoint of LightenDiffusion as the world has them: wrapped, with other beginnings of names, or of something else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from cli.main import app
from models.core.storage import load_weights
from models.enhancers import UnknownEnhancer, create, published
from models.enhancers.lighten_diffusion.checkpoint import AnotherNetwork, fitted

OPTIONS: dict[str, Any] = {"width": 4, "heads": 2, "unet_width": 4, "multipliers": [1], "blocks": 1, "attention": []}


def network(seed: int = 0, **more: Any) -> Any:
    torch.manual_seed(seed)
    return create("lighten_diffusion", **(OPTIONS | more))


def theirs(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As DataParallel and other names of the two parts leave it."""
    return {
        "module." + name.replace("unet.", "Unet.").replace("ctdn.", "decom."): value for name, value in state.items()
    }


def test_the_command_writes_what_params_can_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved = network(1)
    torch.save(
        {"epoch": 3, "state_dict": theirs(saved.state_dict()), "optimizer": {"lr": torch.ones(1)}}, "net.pth.tar"
    )
    Path("names.json").write_text(json.dumps({"decom.": "ctdn."}))
    Path("options.json").write_text(json.dumps(OPTIONS))
    told = ["weights", "convert", "net.pth.tar", "--of", "lighten_diffusion", "--options", "options.json"]
    refused = CliRunner().invoke(app, [*told, "--out", "net.safetensors"])
    assert "all of the U-Net" not in str(refused.exception)
    assert re.search(r"\(\d+ of \d+ of the U-Net, 0 of \d+ of the decomposition network\)", str(refused.exception))
    assert not Path("net.safetensors").exists()
    done = CliRunner().invoke(app, [*told, "--names", "names.json", "--out", "net.safetensors"])
    assert done.exit_code == 0, done.exception
    loaded = network(2)
    load_weights(loaded, Path("net.safetensors"))
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in saved.state_dict().items())
    wrong = CliRunner().invoke(app, ["weights", "convert", "net.pth.tar", "--names", "names.json"])
    assert "--of NAME" in str(wrong.exception)
    Path("names.json").write_text("[1]")
    wrong = CliRunner().invoke(app, [*told, "--names", "names.json"])
    assert "should be an object" in str(wrong.exception)


def test_what_does_not_fit_is_named() -> None:
    state = dict(network().state_dict())
    assert list(fitted(state, {}, OPTIONS)) == list(state)
    with pytest.raises(AnotherNetwork, match=r"two tensors of the checkpoint would be called unet.conv_in.bias"):
        fitted(state | {"x.bias": state["unet.conv_in.bias"]}, {"x.": "unet.conv_in."}, OPTIONS)
    with pytest.raises(AnotherNetwork) as found:
        fitted(state, {"ctdn.retinex.first_l.": ""}, OPTIONS | {"unet_width": 8})
    text = str(found.value)
    assert "2 not in the checkpoint: ctdn.retinex.first_l.weight, ctdn.retinex.first_l.bias" in text
    assert "of another shape: unet." in text and "(4, 6, 3, 3), here (8, 6, 3, 3)" in text and "more" in text
    with pytest.raises(AnotherNetwork, match=r"0 of its 1 tensors fit \(0 of \d+ of the U-Net, 0 of \d+ of the decomp"):
        fitted({"conv1.weight": torch.zeros(64, 3, 7, 7)}, {}, OPTIONS)
    with pytest.raises(UnknownEnhancer, match="no published checkpoint of 'curve' is known; of lighten_diffusion"):
        published("curve")
