"""Encoders of the reward model by their names: a vision transformer of timm, with the preprocessing of its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.judges.encoders import encoder
from models.weights import WeightUnavailable

NAME = "vit_tiny_patch16_224"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import timm

    monkeypatch.setenv("LOUPE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("LOUPE_OFFLINE", "1")
    torch.manual_seed(0)
    (tmp_path / "timm").mkdir()
    network = timm.create_model(NAME, pretrained=False)  # with its classifier, as it lies on the hub
    save_file(network.state_dict(), tmp_path / "timm" / f"{NAME}.safetensors")
    return tmp_path


def test_a_transformer_of_timm_sees_pictures_as_it_was_trained(kept: Path) -> None:
    import timm
    from safetensors.torch import load_file

    found = encoder(f"timm/{NAME}", 7)
    network = timm.create_model(NAME, pretrained=False, dynamic_img_size=True).eval()
    network.load_state_dict(load_file(kept / "timm" / f"{NAME}.safetensors"))
    picture = torch.rand(1, 3, 112, 112)
    with torch.no_grad():
        seen = found(picture)
        tokens = network.forward_intermediates(picture * 2 - 1, indices=[2], intermediates_only=True, norm=False)[0]
    wanted = tokens / (tokens.square().mean() + 1e-6).sqrt()
    assert seen.shape == (1, 4 * 192, 7, 7) and torch.allclose(seen[:, :192], wanted, atol=1e-4)
    with torch.no_grad():
        assert found(torch.rand(1, 3, 100, 100)).shape == (1, 4 * 192, 7, 7), "any side"


def test_what_is_no_encoder_is_named(kept: Path) -> None:
    with pytest.raises(ValueError, match=r"no encoder is called .nope.; known are .*and timm/NAME"):
        encoder("nope", 7)
    with pytest.raises(ValueError, match="has no network called 'nope'"):
        encoder("timm/nope", 7)
    with pytest.raises(ValueError, match="'resnet18' is no plain vision transformer"):
        encoder("timm/resnet18", 7)
    with pytest.raises(WeightUnavailable, match=r"timm/vit_base_patch16_224\.safetensors"):
        encoder("timm/vit_base_patch16_224", 7)
