"""A user's own network: found, checked, probed and trained, or refused with one clear line."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from models.core.storage import load_weights, save_weights
from models.enhancers import create
from models.own import OwnModelError, is_own
from models.own.enhancers import OwnEnhancer
from models.tiling import enhance_tiled
from models.weights.checkpoint import CheckpointError, convert

GROUP = "loupe.enhancers"
CODE = """
import torch
from torch import nn
from torch.nn import functional as F


class Brighten(nn.Module):
    def __init__(self, width=8, gain=1.5):
        super().__init__()
        self.first, self.last, self.gain = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1), gain

    def forward(self, image):
        return image * self.gain + 0.1 * self.last(torch.relu(self.first(image)))


class Halved(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, image):
        small = self.layer(F.avg_pool2d(image, 4))
        return F.interpolate(small, scale_factor=4, mode="nearest")


class Bad(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how, self.scale = how, nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, image):
        made = image * self.scale
        return {"raises": lambda: 1 / 0, "shape": lambda: made[..., :-1], "grey": lambda: made.mean(1, keepdim=True),
                "bytes": lambda: made * 255, "nan": lambda: made * float("nan"), "array": lambda: made.detach().numpy(),
                "whole numbers": lambda: (made * 9).long(), "cut off": lambda: made.detach(),
                "mean": lambda: made - made.mean() + 0.5}[self.how]()


def broken():
    raise OSError("no such file: weights.bin")


def nothing():
    return None


number = 3
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "outside_net", raising=False)
    Path("outside_net.py").write_text(CODE)


def photo(side: int = 96) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (side, side + 32, 3), dtype=np.uint8)


def test_a_network_from_outside_is_an_enhancer() -> None:
    torch.manual_seed(0)
    enhancer = create("outside_net:Brighten", width=4)
    assert isinstance(enhancer, OwnEnhancer)
    assert (enhancer.halo, enhancer.stride, enhancer.whole, enhancer.learns_not) == (2, 1, False, None)
    whole = enhance_tiled(enhancer, photo(), tile=512)
    assert np.abs(whole.astype(int) - enhance_tiled(enhancer, photo(), tile=32)).max() <= 1
    assert float(enhancer(torch.ones(1, 3, 8, 8)).max()) <= 1.0


def test_the_grid_of_a_reduced_copy_is_found() -> None:
    torch.manual_seed(0)
    enhancer = create("outside_net:Halved")
    assert enhancer.stride == 4
    assert enhancer.halo >= 4
    whole = enhance_tiled(enhancer, photo(128), tile=512)
    assert np.abs(whole.astype(int) - enhance_tiled(enhancer, photo(128), tile=32)).max() <= 1


def test_what_looks_at_the_whole_photo_gets_no_tiles() -> None:
    enhancer = create("outside_net:Bad", how="mean")
    assert enhancer.whole
    assert np.array_equal(enhance_tiled(enhancer, photo(), tile=32), enhance_tiled(enhancer, photo(), tile=512))


def test_weights_keep_their_own_names(tmp_path: Path) -> None:
    enhancer = create("outside_net:Brighten", width=4)
    save_weights(enhancer, tmp_path / "w.safetensors")
    assert set(enhancer.state_dict()) == {"first.weight", "first.bias", "last.weight", "last.bias"}
    again = create("outside_net:Brighten", width=4)
    load_weights(again, tmp_path / "w.safetensors")
    image = torch.rand(1, 3, 16, 16)
    assert torch.equal(again(image), enhancer(image))
    assert torch.equal(copy.deepcopy(enhancer)(image), enhancer(image))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raises", "fails on pictures of 64 x 64 pixels .ZeroDivisionError"),
        ("shape", r"returns \(1, 3, 64, 63\) for \(1, 3, 64, 64\)"),
        ("grey", r"returns \(1, 1, 64, 64\)"),
        ("bytes", "returns values from .* to 255"),
        ("nan", "not finite"),
        ("array", "returns a ndarray, not a tensor"),
        ("whole numbers", "returns int64"),
    ],
)
def test_what_makes_no_pictures_is_refused(how: str, said: str) -> None:
    with pytest.raises(OwnModelError, match=said):
        create("outside_net:Bad", how=how)


def test_what_cannot_learn_says_why() -> None:
    enhancer = create("outside_net:Bad", how="cut off")
    assert isinstance(enhancer, OwnEnhancer)
    assert "no gradient" in str(enhancer.learns_not)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        (
            "outside_net:Brighten",
            {"widht": 4, "depth": 2},
            "no option 'widht'; it takes width, gain; .*no option 'depth'",
        ),
        ("outside_net:Bad", {}, "needs the option 'how'"),
        ("outside_net:broken", {}, "cannot be built: OSError: no such file: weights.bin"),
        ("outside_net:nothing", {}, "makes a NoneType; it should make a torch.nn.Module"),
        ("outside_net:number", {}, "is a int; it should be a function or a class"),
        ("outside_net:absent", {}, "outside_net has no 'absent'"),
        ("no_such_module:Net", {}, "cannot be imported from .*ModuleNotFoundError"),
        ("absent.ts", {}, "there is no such file"),
        ("model.pth", {}, "`loupe weights convert model.pth`"),
    ],
)
def test_names_and_options_that_do_not_fit(name: str, options: dict[str, int], said: str) -> None:
    assert is_own(name, GROUP)
    with pytest.raises(OwnModelError, match=said):
        create(name, **options)


def test_a_torchscript_file(tmp_path: Path) -> None:
    network = create("outside_net:Brighten", width=4)
    assert isinstance(network, OwnEnhancer)
    torch.jit.script(network.network).save("net.ts")
    loaded = create("net.ts")
    image = torch.rand(1, 3, 32, 32)
    assert torch.allclose(loaded(image), network(image), atol=1e-6)
    assert loaded.halo == 2
    Path("not.ts").write_bytes(b"nothing of the kind")
    with pytest.raises(OwnModelError, match="no TorchScript file"):
        create("not.ts")


def test_a_checkpoint_becomes_safetensors(tmp_path: Path) -> None:
    network = create("outside_net:Brighten", width=4)
    state = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state, "optimizer": {"state": {}}}, "net.pth")
    said = convert(Path("net.pth"))
    assert said.startswith("net.safetensors: 4 tensors under 'state_dict', ")
    again = create("outside_net:Brighten", width=4)
    load_weights(again, Path("net.safetensors"))
    assert torch.equal(again(torch.ones(1, 3, 8, 8)), network(torch.ones(1, 3, 8, 8)))
    with pytest.raises(CheckpointError, match="there already"):
        convert(Path("net.pth"))
    torch.save({"params": state, "params_ema": state}, "two.pth")
    with pytest.raises(CheckpointError, match=r"--key: params \(4 tensors\), params_ema"):
        convert(Path("two.pth"))
    assert "under 'params_ema'" in convert(Path("two.pth"), Path("ema.safetensors"), "params_ema")


def test_a_pickle_that_would_run_code_is_not_opened(tmp_path: Path) -> None:
    torch.save(create("outside_net:Brighten"), "whole.pth")
    with pytest.raises(CheckpointError, match="cannot be read as tensors alone"):
        convert(Path("whole.pth"))
    assert not Path("whole.safetensors").exists()


def test_an_onnx_file_makes_pictures_and_cannot_learn() -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    network = create("outside_net:Brighten", width=4)
    sides = {0: "batch", 2: "height", 3: "width"}
    torch.onnx.export(
        network, (torch.rand(1, 3, 32, 32),), "net.onnx", input_names=["image"], output_names=["made"],
        dynamic_axes={"image": sides, "made": sides}, dynamo=False,
    )  # fmt: skip
    loaded = create("net.onnx")
    image = torch.rand(1, 3, 40, 56)
    assert torch.allclose(loaded(image), network(image), atol=1e-5)
    assert isinstance(loaded, OwnEnhancer)
    assert loaded.learns_not == "it has no parameters"
    Path("not.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(OwnModelError, match="no ONNX file"):
        create("not.onnx")
