"""VGG16 features against torchvision, with random weights of the same state."""

from __future__ import annotations

import pytest
import torch

from models.core.features import (
    BLOCKS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    VGG16Features,
    VGG16Layers,
    layer_names,
    load_vgg16,
)

SAME_ARITHMETIC = 1e-5
"""The same convolutions in the same order; only threading may round differently."""


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    tensors, place, channels_in = {}, 0, 3
    for block in BLOCKS:
        for channels in block:
            scale = (2 / (9 * channels_in)) ** 0.5
            tensors[f"{place}.weight"] = torch.randn(channels, channels_in, 3, 3, generator=generator) * scale
            tensors[f"{place}.bias"] = torch.randn(channels, generator=generator) * 0.1
            place, channels_in = place + 2, channels
        place += 1
    return tensors


def test_equals_torchvision(state: dict[str, torch.Tensor]) -> None:
    from torchvision.models import vgg16

    theirs = vgg16(weights=None).features.eval()
    theirs.load_state_dict(state)
    image = torch.rand(2, 3, 48, 40, generator=torch.Generator().manual_seed(1))
    x = (image - torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)) / torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    names = iter(layer_names())
    with torch.no_grad():
        for module in theirs:
            x = module(x)
            if isinstance(module, torch.nn.ReLU):
                ours = VGG16Features(next(names), state)
                assert torch.allclose(ours(image), x, atol=SAME_ARITHMETIC, rtol=SAME_ARITHMETIC), ours.layer
                assert x.shape[1:] == (ours.channels, 48 // ours.stride, 40 // ours.stride)
    assert next(names, None) is None


def test_gradient_reaches_the_image_and_no_weight(state: dict[str, torch.Tensor]) -> None:
    features = VGG16Features("relu3_3", state)
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    features(image).mean().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert not list(features.parameters())
    assert all(buffer.grad is None for buffer in features.buffers())


def test_only_needed_layers_are_built(state: dict[str, torch.Tensor]) -> None:
    features = VGG16Features("relu1_2", {key: state[key] for key in ("0.weight", "0.bias", "2.weight", "2.bias")})
    assert sum(buffer.numel() for buffer in features.buffers()) == 3 * 64 * 9 + 64 + 64 * 64 * 9 + 64 + 6
    with pytest.raises(ValueError, match=r"lacks '5\.weight', which relu2_1 needs"):
        VGG16Features("relu2_1", {key: state[key] for key in ("0.weight", "0.bias", "2.weight", "2.bias")})


@pytest.mark.parametrize("layer", ["relu3_4", "conv1_1", "relu6_1", ""])
def test_unknown_layer(layer: str, state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="choose one of relu1_1, relu1_2"):
        VGG16Features(layer, state)


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 1, 16, 16), (1, 3, 2, 16)])
def test_wrong_shape(shape: tuple[int, ...], state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="relu3_1 needs"):
        VGG16Features("relu3_1", state)(torch.rand(shape))


def test_real_weights_are_torchvisions_in_the_right_layout() -> None:
    """Golden: features.0.weight[0, 0] of torchvision's vgg16 as it prints; a transposed layout would not pass."""
    features = load_vgg16("relu2_2")
    golden = [[-0.5537, 0.1427, 0.5290], [-0.5831, 0.3566, 0.7657], [-0.6902, -0.0480, 0.4841]]
    assert torch.allclose(features.get_buffer("0_weight")[0, 0], torch.tensor(golden), atol=1e-4)
    assert features(torch.rand(1, 3, 32, 32)).shape == (1, 128, 16, 16)


def test_several_layers_are_what_one_gives_at_a_time(state: dict[str, torch.Tensor]) -> None:
    image = torch.rand(2, 3, 20, 24, generator=torch.Generator().manual_seed(2)).requires_grad_()
    layers = ("relu3_1", "relu1_2", "relu2_2")
    stack = VGG16Layers(layers, state)(image)
    for layer, maps in zip(layers, stack, strict=True):
        assert torch.equal(maps, VGG16Features(layer, state)(image)), layer
    # Nothing later overwrites a map that was handed out: the gradient still finds its way.
    sum(maps.mean() for maps in stack).backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


def test_layers_are_checked(state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="no layer of VGG16 is named"):
        VGG16Layers((), state)
    with pytest.raises(ValueError, match="no layer 'relu9_9'"):
        VGG16Layers(("relu1_1", "relu9_9"), state)
    with pytest.raises(ValueError, match="sides >= 4"):
        VGG16Layers(("relu3_1", "relu1_1"), state)(torch.rand(1, 3, 3, 16))
