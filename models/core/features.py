"""VGG16 convolution features in plain torch, for content losses (importing torchvision costs seconds)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Output channels of the convolutions, block by block; each block ends in a 2 x 2 max pooling (Simonyan 2014, D)."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def layer_names() -> list[str]:
    """All layers that can be asked for: relu1_1, relu1_2, relu2_1, ... relu5_3."""
    return [f"relu{b}_{c}" for b, block in enumerate(BLOCKS, 1) for c in range(1, len(block) + 1)]


class _VGG16(nn.Module):
    """Frozen VGG16 up to the deepest of some ReLUs."""

    mean: Tensor
    std: Tensor

    def __init__(self, layers: Sequence[str], state: Mapping[str, Tensor]) -> None:
        super().__init__()
        if not layers:
            raise ValueError(f"no layer of VGG16 is named; choose some of {', '.join(layer_names())}")
        for layer in layers:
            if layer not in layer_names():
                raise ValueError(f"VGG16 has no layer {layer!r}; choose one of {', '.join(layer_names())}")
        self.layer = max(layers, key=layer_names().index)
        self.stride = 2 ** (int(self.layer[4]) - 1)
        self._steps: list[tuple[int | None, str]] = []
        place, channels_in = 0, 3
        for b, block in enumerate(BLOCKS, 1):
            for c, channels in enumerate(block, 1):
                shape = (channels, channels_in, 3, 3)
                self._add(f"{place}.weight", state, shape)
                self._add(f"{place}.bias", state, (channels,))
                self._steps.append((place, f"relu{b}_{c}"))
                if f"relu{b}_{c}" == self.layer:
                    break
                place, channels_in = place + 2, channels
            else:
                self._steps.append((None, f"pool{b}"))
                place += 1
                continue
            break
        self.channels = BLOCKS[int(self.layer[4]) - 1][int(self.layer[6]) - 1]
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def _add(self, key: str, state: Mapping[str, Tensor], shape: tuple[int, ...]) -> None:
        if key not in state:
            raise ValueError(f"the VGG16 state lacks {key!r}, which {self.layer} needs")
        if tuple(state[key].shape) != shape:
            raise ValueError(f"VGG16 {key} should have shape {shape}, got {tuple(state[key].shape)}")
        # Buffers, not parameters: no optimiser can take them by mistake, and no gradient is kept for them.
        self.register_buffer(key.replace(".", "_"), state[key].detach().clone().float(), persistent=False)

    def _activations(self, image: Tensor, wanted: Collection[str]) -> dict[str, Tensor]:
        """The wanted activations by name, in one pass. Raises ValueError: another shape, a side shorter than `stride`."""
        if image.dim() != 4 or image.shape[1] != 3 or min(image.shape[2:]) < self.stride:
            raise ValueError(f"{self.layer} needs (B, 3, H, W) with sides >= {self.stride}, got {tuple(image.shape)}")
        found = {}
        x = (image - self.mean) / self.std
        for place, name in self._steps:
            if place is None:
                x = functional.max_pool2d(x, 2)
            else:
                weight, bias = self.get_buffer(f"{place}_weight"), self.get_buffer(f"{place}_bias")
                x = functional.relu(functional.conv2d(x, weight, bias, padding=1), inplace=True)
            if name in wanted:
                found[name] = x
        return found


class VGG16Features(_VGG16):
    """Frozen VGG16 up to one ReLU, without the layers after it.

    layer: one of `layer_names()`, as in HiLLIE's content loss (Eq. 4, phi).
    state: tensors under the keys of torchvision's vgg16().features ("0.weight", "0.bias", "2.weight", ...); later
        layers' keys may be absent.
    Raises ValueError: unknown layer, a missing key, a wrong shape.
    """

    def __init__(self, layer: str, state: Mapping[str, Tensor]) -> None:
        super().__init__([layer], state)

    def forward(self, image: Tensor) -> Tensor:
        """Features (B, channels, H // stride, W // stride) of image: (B, 3, H, W) float in [0, 1], sRGB.

        The image is normalised by ImageNet's mean and deviation. Gradients flow to the image.
        Raises ValueError: another shape, or a side shorter than `stride`.
        """
        return self._activations(image, (self.layer,))[self.layer]


class VGG16Layers(_VGG16):
    """Several layers of frozen VGG16 in one pass, as HSDS-MEF's contrastive constraint compares them (Eq. 3, G_i).

    layers: some of `layer_names()`, in the order wanted; nothing after the deepest is kept. state, errors: as VGG16Features.
    """

    def __init__(self, layers: Sequence[str], state: Mapping[str, Tensor]) -> None:
        super().__init__(layers, state)
        self.layers = tuple(layers)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """One map a layer, (B, its channels, H // its stride, W // its stride), of image: (B, 3, H, W) in [0, 1], sRGB.

        Gradients flow to the image. Raises ValueError: another shape, or a side shorter than the deepest stride.
        """
        found = self._activations(image, self.layers)
        return tuple(found[layer] for layer in self.layers)


def load_vgg16(layer: str, device: str | torch.device = "cpu") -> VGG16Features:
    """The features with ImageNet weights. Raises models.weights.WeightUnavailable where they cannot be had."""
    from safetensors.torch import load_file

    from models import weights

    return VGG16Features(layer, load_file(weights.resolve("vgg16"))).to(device).eval()


def load_vgg16_layers(layers: Sequence[str], device: str | torch.device = "cpu") -> VGG16Layers:
    """Several layers with ImageNet weights. Raises models.weights.WeightUnavailable where they cannot be had."""
    from safetensors.torch import load_file

    from models import weights

    return VGG16Layers(layers, load_file(weights.resolve("vgg16"))).to(device).eval()
