"""VGG16 convolution features in plain torch, for content losses (importing torchvision costs seconds)."""

from __future__ import annotations

from collections.abc import Mapping

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


class VGG16Features(nn.Module):
    """Frozen VGG16 up to one ReLU, without the layers after it.

    layer: one of `layer_names()`, as in HiLLIE's content loss (Eq. 4, phi).
    state: tensors under the keys of torchvision's vgg16().features ("0.weight", "0.bias", "2.weight", ...); later
        layers' keys may be absent.
    Raises ValueError: unknown layer, a missing key, a wrong shape.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, layer: str, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        if layer not in layer_names():
            raise ValueError(f"VGG16 has no layer {layer!r}; choose one of {', '.join(layer_names())}")
        self.layer = layer
        self.stride = 2 ** (int(layer[4]) - 1)
        self.steps: list[int | None] = []
        place, channels_in = 0, 3
        for b, block in enumerate(BLOCKS, 1):
            for c, channels in enumerate(block, 1):
                shape = (channels, channels_in, 3, 3)
                self._add(f"{place}.weight", state, shape)
                self._add(f"{place}.bias", state, (channels,))
                self.steps.append(place)
                if f"relu{b}_{c}" == layer:
                    break
                place, channels_in = place + 2, channels
            else:
                self.steps.append(None)
                place += 1
                continue
            break
        self.channels = BLOCKS[int(layer[4]) - 1][int(layer[6]) - 1]
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def _add(self, key: str, state: Mapping[str, Tensor], shape: tuple[int, ...]) -> None:
        if key not in state:
            raise ValueError(f"the VGG16 state lacks {key!r}, which {self.layer} needs")
        if tuple(state[key].shape) != shape:
            raise ValueError(f"VGG16 {key} should have shape {shape}, got {tuple(state[key].shape)}")
        # Buffers, not parameters: no optimiser can take them by mistake, and no gradient is kept for them.
        self.register_buffer(key.replace(".", "_"), state[key].detach().clone().float(), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Features (B, channels, H // stride, W // stride) of image: (B, 3, H, W) float in [0, 1], sRGB.

        The image is normalised by ImageNet's mean and deviation. Gradients flow to the image.
        Raises ValueError: another shape, or a side shorter than `stride`.
        """
        if image.dim() != 4 or image.shape[1] != 3 or min(image.shape[2:]) < self.stride:
            raise ValueError(f"{self.layer} needs (B, 3, H, W) with sides >= {self.stride}, got {tuple(image.shape)}")
        x = (image - self.mean) / self.std
        for place in self.steps:
            if place is None:
                x = functional.max_pool2d(x, 2)
            else:
                weight, bias = self.get_buffer(f"{place}_weight"), self.get_buffer(f"{place}_bias")
                x = functional.relu(functional.conv2d(x, weight, bias, padding=1), inplace=True)
        return x


def load_vgg16(layer: str, device: str | torch.device = "cpu") -> VGG16Features:
    """The features with ImageNet weights. Raises models.weights.WeightUnavailable where they cannot be had."""
    from safetensors.torch import load_file

    from models import weights

    return VGG16Features(layer, load_file(weights.resolve("vgg16"))).to(device).eval()
