"""LPIPS strip by strip against its whole-picture computation, values and gradients."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from models import weights
from models.quality import lpips

Tensors = Mapping[str, Tensor]


@pytest.fixture(scope="module")
def network() -> tuple[Tensors, Tensors]:
    return load_file(weights.resolve("alexnet")), load_file(weights.resolve("lpips-alex"))


def features(image: Tensor, backbone: Tensors) -> list[Tensor]:
    """The five ReLU outputs of AlexNet (Krizhevsky 2014, as in torchvision) for a picture in [0, 1], all at once."""
    shift, scale = (torch.tensor(three).view(1, 3, 1, 1) for three in ((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)))
    x, found = (2 * image - 1 - shift) / scale, []
    for place, stride, padding in ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)):
        if place in (3, 6):
            x = functional.max_pool2d(x, 3, 2)
        x = functional.conv2d(x, backbone[f"{place}.weight"], backbone[f"{place}.bias"], stride, padding).relu()
        found.append(x)
    return found


def whole(image: Tensor, reference: Tensor, backbone: Tensors, heads: Tensors) -> Tensor:
    total = torch.zeros(image.shape[0])
    for i, (x, y) in enumerate(zip(features(image, backbone), features(reference, backbone), strict=True)):
        difference = (lpips.unit(x) - lpips.unit(y)).square()
        total = total + (difference * heads[f"lin{i}.model.1.weight"]).sum(1).mean((1, 2))
    return total


@pytest.mark.parametrize("size", [(31, 31), (31, 64), (35, 97), (63, 66), (203, 150)])
@pytest.mark.parametrize("elements", [1, 2**15, 2**22])
def test_strips_give_what_the_whole_gives(
    size: tuple[int, int], elements: int, network: tuple[Tensors, Tensors], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lpips, "STRIP_FEATURES", elements)
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, *size, generator=generator).requires_grad_()
    reference = 0.7 * image.detach() + 0.3 * torch.rand(2, 3, *size, generator=generator)
    wanted, found = whole(image, reference, *network), lpips.lpips(image, reference, *network)
    assert torch.allclose(found, wanted, rtol=1e-6, atol=1e-7)
    gradients = [torch.autograd.grad(value.sum(), image)[0] for value in (wanted, found)]
    assert torch.allclose(gradients[1], gradients[0], rtol=1e-4, atol=float(gradients[0].abs().max()) * 1e-5)
