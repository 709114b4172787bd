"""The mixed and the weighted node, against eleven separate convolutions, one after the other."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models.search.space import NODES, OPERATIONS, MixedOperation, WeightedOperations

KERNELS = [(1, 1), (3, 3), (5, 5), (7, 7), (1, 3), (3, 1), (1, 5), (5, 1), (3, 3), (5, 5), (7, 7)]
DILATIONS = [1] * 8 + [2] * 3


def mixed(seed: int = 0) -> MixedOperation:
    torch.manual_seed(seed)
    node = MixedOperation(3)
    with torch.no_grad():
        node.alpha.copy_(torch.randn(11))
    return node


def plainly(node: MixedOperation, x: torch.Tensor, names: list[str]) -> torch.Tensor:
    """Sum over the operations of softmax(alpha) ReLU((y - mean) / sqrt(variance + 1e-5)), y = conv(x), one by one."""
    places = [list(OPERATIONS).index(name) for name in names]
    weights = torch.exp(node.alpha[places]) / torch.exp(node.alpha[places]).sum()
    total = torch.zeros_like(x)
    for weight, place, name in zip(weights, places, names, strict=True):
        (height, width), dilation = KERNELS[place], DILATIONS[place]
        rows, columns = dilation * (height // 2), dilation * (width // 2)
        y = F.conv2d(F.pad(x, (columns, columns, rows, rows)), node.kernels[name], dilation=dilation)
        mean, variance = y.mean((0, 2, 3), keepdim=True), y.var((0, 2, 3), unbiased=False, keepdim=True)
        total = total + weight * torch.relu((y - mean) / (variance + 1e-5).sqrt())
    return total


def test_the_space_is_the_papers() -> None:
    assert len(NODES) == 15
    assert [(o.height, o.width) for o in OPERATIONS.values()] == KERNELS
    assert [o.dilation for o in OPERATIONS.values()] == DILATIONS
    assert sum(o.taps for o in OPERATIONS.values()) == 1 + 9 + 25 + 49 + 3 + 3 + 5 + 5 + 9 + 25 + 49
    assert OPERATIONS["dilated_7x7"].reach == 6 and OPERATIONS["conv_1x5"].reach == 2


def test_a_mixed_node_is_the_sum_of_its_operations() -> None:
    node, x = mixed(), torch.randn(2, 3, 17, 13)
    assert torch.allclose(node(x), plainly(node, x, list(OPERATIONS)), atol=1e-5)


def test_so_are_its_gradients() -> None:
    node, x = mixed(), torch.randn(2, 3, 9, 9)
    direction = torch.randn(2, 3, 9, 9)
    parameters = [node.alpha, *node.kernels.values()]
    found = torch.autograd.grad((node(x) * direction).sum(), parameters)
    expected = torch.autograd.grad((plainly(node, x, list(OPERATIONS)) * direction).sum(), parameters)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=2e-4)


def test_pruning_removes_the_smallest_and_renormalises() -> None:
    node, x = mixed(), torch.randn(2, 3, 9, 9)
    smallest = list(OPERATIONS)[int(node.alpha.argmin())]
    assert node.prune_smallest() == smallest
    names = [name for name in OPERATIONS if name != smallest]
    assert node.remaining == names
    weights = node.weights().detach()
    assert float(weights.sum()) == pytest.approx(1)
    assert float(weights[list(OPERATIONS).index(smallest)]) == 0
    assert torch.allclose(node(x), plainly(node, x, names), atol=1e-5)
    gradients = torch.autograd.grad(node(x).sum(), [node.kernels[smallest], node.alpha], allow_unused=True)
    assert gradients[0] is None
    assert gradients[1] is not None and float(gradients[1][list(OPERATIONS).index(smallest)]) == 0


def test_the_last_operation_stays() -> None:
    node = mixed()
    for _ in range(10):
        node.prune_smallest()
    assert node.remaining == [list(OPERATIONS)[int(node.alpha.argmax())]]
    with pytest.raises(ValueError, match="at least one"):
        node.prune_smallest()


def test_the_mask_is_part_of_the_state() -> None:
    node, other = mixed(), mixed(1)
    node.prune_smallest()
    other.load_state_dict(node.state_dict())
    assert other.remaining == node.remaining
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(other(x), node(x))


def test_a_weighted_node_is_the_weighted_sum_of_conv_bn_relu() -> None:
    torch.manual_seed(0)
    node = WeightedOperations(3, {"conv_1x3": 0.7, "dilated_5x5": 0.3}, uses=2)
    assert node.reach == 4
    with torch.no_grad():
        for buffer in node.buffers():
            if buffer.is_floating_point():
                buffer.copy_(torch.rand(buffer.shape) + 0.5)
        for name, parameter in node.norms.named_parameters():
            parameter.copy_(torch.rand(parameter.shape) + (0.5 if "weight" in name else 0))
    node.eval()
    x = torch.randn(1, 3, 9, 8)
    for use in range(2):
        expected = torch.zeros_like(x)
        for name, weight, padding, dilation in (("conv_1x3", 0.7, (0, 1), 1), ("dilated_5x5", 0.3, (4, 4), 2)):
            convolution, norms = node.convolutions[name], node.norms[name]
            assert isinstance(convolution, nn.Conv2d) and isinstance(norms, nn.ModuleList)
            y = F.conv2d(x, convolution.weight, padding=padding, dilation=dilation)
            norm = norms[use]
            assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
            mean, variance = norm.running_mean.view(1, 3, 1, 1), norm.running_var.view(1, 3, 1, 1)
            scale, shift = norm.weight.view(1, 3, 1, 1), norm.bias.view(1, 3, 1, 1)
            expected = expected + weight * torch.relu(scale * (y - mean) / (variance + 1e-5).sqrt() + shift)
        assert torch.allclose(node(x, use), expected, atol=1e-5)
        with torch.no_grad():  # normalisation and weight are then part of the convolution
            assert torch.allclose(node(x, use), expected, atol=1e-5)
    assert not torch.allclose(node(x, 0), node(x, 1))


def test_every_step_has_statistics_of_its_own() -> None:
    node = WeightedOperations(2, {"conv_1x1": 1.0}, uses=3).train()
    node(torch.randn(2, 2, 8, 8) + 3, 1)
    norms = node.norms["conv_1x1"]
    assert isinstance(norms, nn.ModuleList)
    counts = [int(tensor) for key, tensor in norms.state_dict().items() if key.endswith("num_batches_tracked")]
    assert counts == [0, 1, 0]
