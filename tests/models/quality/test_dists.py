"""DISTS strip by strip against its whole-picture computation, values and gradients."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from models import quality, weights
from models.quality import dists

Tensors = Mapping[str, Tensor]
PLACES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))


@pytest.fixture(scope="module")
def network() -> tuple[Tensors, Tensors]:
    return load_file(weights.resolve("vgg16")), load_file(weights.resolve("dists"))


def features(image: Tensor, backbone: Tensors) -> list[Tensor]:
    """The picture and the last ReLU of VGG16's five stages, with L2 pooling (a Hann window of 3) between them."""
    x = (image - torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)) / torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)
    window = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    found = [image]
    for number, places in enumerate(PLACES):
        if number > 0:
            squares = functional.conv2d(x.flatten(0, 1)[:, None] ** 2, window[None, None], stride=2, padding=1)
            x = (squares + 1e-12).sqrt().view(*x.shape[:2], *squares.shape[2:])
        for place in places:
            x = functional.conv2d(x, backbone[f"{place}.weight"], backbone[f"{place}.bias"], padding=1).relu()
        found.append(x)
    return found


def whole(image: Tensor, reference: Tensor, backbone: Tensors, channels: Tensors) -> Tensor:
    """Ding 2020, Eq. 4 to 6, as written."""
    alpha, beta = channels["alpha"].double(), channels["beta"].double()
    total, done = torch.zeros(image.shape[0], dtype=torch.float64), 0
    for x, y in zip(features(image, backbone), features(reference, backbone), strict=True):
        a, b = x.double().flatten(2), y.double().flatten(2)
        mean_a, mean_b = a.mean(2), b.mean(2)
        variances = a.var(2, correction=0) + b.var(2, correction=0)
        covariance = ((a - mean_a[..., None]) * (b - mean_b[..., None])).mean(2)
        texture = (2 * mean_a * mean_b + 1e-6) / (mean_a**2 + mean_b**2 + 1e-6)
        structure = (2 * covariance + 1e-6) / (variances + 1e-6)
        own = slice(done, done + a.shape[1])
        total, done = total + (alpha[own] * texture + beta[own] * structure).sum(1), done + a.shape[1]
    assert done == len(alpha) == len(beta) == 1475
    return 1 - total / (alpha.sum() + beta.sum())


@pytest.mark.parametrize("size", [(16, 17), (203, 30), (65, 41), (129, 64)])
@pytest.mark.parametrize("elements", [1, 2**25])
def test_strips_give_what_the_whole_gives(
    size: tuple[int, int], elements: int, network: tuple[Tensors, Tensors], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dists, "STRIP_FEATURES", elements)
    monkeypatch.setattr(dists, "SUM_FEATURES", elements)
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, *size, generator=generator).requires_grad_()
    reference = 0.7 * image.detach() + 0.3 * torch.rand(2, 3, *size, generator=generator)
    wanted, found = whole(image, reference, *network), dists.dists(image, reference, *network)
    assert torch.allclose(found, wanted, rtol=1e-6, atol=1e-7)
    gradients = [torch.autograd.grad(value.sum(), image)[0] for value in (wanted, found)]
    assert torch.allclose(gradients[1], gradients[0], rtol=1e-4, atol=float(gradients[0].abs().max()) * 1e-5)


def test_a_tall_picture_is_cut_on_the_grid() -> None:
    strips = list(dists._strips(203, PLACES[:3], 1))
    # Each stage looks one pixel a convolution and one for the pooling: 3 + 2 * 3 + 4 * 4 = 25, on the grid of three poolings 32.
    assert strips == [(0, 64, 0, 96), (64, 128, 32, 160), (128, 192, 96, 203), (192, 203, 160, 203)]


def test_it_is_symmetric_and_equal_pictures_are_at_no_distance() -> None:
    one, two = torch.rand(2, 1, 3, 40, 50, generator=torch.Generator().manual_seed(0))
    metric = quality.create("dists")
    assert metric(one, two).item() == pytest.approx(metric(two, one).item(), abs=1e-9)
    assert metric(one, one).item() == 0.0
