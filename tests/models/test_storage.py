from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from models.core import storage
from models.core.storage import WeightsError, load_tensors, load_weights, save_tensors, save_weights


def network(width: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    one, other = network(), network()
    one(torch.rand(2, 3, 8, 8))  # moves the running statistics, which are buffers
    save_weights(one, tmp_path / "deep" / "model.safetensors")
    load_weights(other, tmp_path / "deep" / "model.safetensors")
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    model = network()
    for name in ("a", "b"):
        save_weights(model, tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_views_are_saved(tmp_path: Path) -> None:
    tensor = torch.arange(12.0).view(3, 4)
    save_tensors({"turned": tensor.T, "part": tensor[1:, ::2]}, tmp_path / "x.safetensors")
    loaded = load_tensors(tmp_path / "x.safetensors")
    assert torch.equal(loaded["turned"], tensor.T)
    assert torch.equal(loaded["part"], tensor[1:, ::2])


class Harmful:
    """Runs a command when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, (f"touch {self.proof}",)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".safetensors"])
def test_a_pickle_is_never_opened(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    torch.save({"state": Harmful(tmp_path / "proof")}, path)
    with pytest.raises(WeightsError) as refused:
        load_weights(network(), path)
    assert str(path) in str(refused.value)
    if suffix != ".safetensors":
        assert "can run code" in str(refused.value)
        assert "convert it once" in str(refused.value)
    assert not (tmp_path / "proof").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.safetensors is missing"):
        load_tensors(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("kept", [0, 4, 40, -10])
def test_a_truncated_file_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "model.safetensors"
    save_weights(network(), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"model\.safetensors is not a readable safetensors file"):
        load_weights(network(), path)


def test_a_file_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    save_weights(network(), path)
    monkeypatch.setattr(storage, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(WeightsError, match="more than the"):
        load_weights(network(), path)


def test_another_network_is_described(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_tensors({"0.weight": torch.zeros(4, 3, 3, 3), "0.bias": torch.zeros(3), "head": torch.zeros(1)}, path)
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(WeightsError) as refused:
        load_weights(model, path)
    message = str(refused.value)
    # Seven faults: five missing tensors of the batch normalisation, one unknown, one of another shape.
    assert "missing 1.weight" in message
    assert "and 4 more" in message
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_unknown_names_and_other_shapes_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    tensors = network().state_dict()
    save_tensors({**tensors, "0.bias": torch.zeros(5), "head": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"unknown head; 0\.bias is \(5,\), the network has \(3,\)"):
        load_weights(network(), path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused_by_name(tmp_path: Path, value: float) -> None:
    path = tmp_path / "model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in network().state_dict().items()}
    tensors["1.running_var"][1] = value
    save_tensors(tensors, path)
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for read in (lambda: load_weights(model, path), lambda: load_tensors(path)):
        with pytest.raises(WeightsError, match=r"the tensor 1\.running_var holds values that are not finite"):
            read()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.int32, torch.complex64, torch.bool, torch.uint8])
def test_another_type_is_refused_and_not_cast(tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "model.safetensors"
    tensors = network().state_dict()
    save_tensors({**tensors, "0.weight": tensors["0.weight"].to(dtype)}, path)
    with pytest.raises(WeightsError, match=r"0\.weight is of type \w+, the network has float32"):
        load_weights(network(), path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_serve(tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "model.safetensors"
    tensors = network().state_dict()
    save_tensors({**tensors, "0.weight": tensors["0.weight"].to(dtype)}, path)
    load_weights(model := network(), path)
    assert torch.equal(model.state_dict()["0.weight"], tensors["0.weight"].to(dtype).float())


def test_a_number_too_large_for_the_network_is_not_finite_there(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    tensors = network().state_dict()
    save_tensors({**tensors, "0.bias": torch.full((3,), 1e300, dtype=torch.float64)}, path)
    with pytest.raises(WeightsError, match=r"0\.bias holds values that are not finite"):
        load_weights(network(), path)


@pytest.mark.timeout(20)
def test_a_pipe_or_a_device_is_no_weights(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "zero.safetensors").symlink_to("/dev/zero")
    (tmp_path / "folder.safetensors").mkdir()
    for name, told in (("pipe", "a pipe"), ("zero", "a device"), ("folder", "a folder")):
        with pytest.raises(WeightsError, match=told):
            load_tensors(tmp_path / f"{name}.safetensors")
