"""Gradient checkpointing: activations are computed again when the gradient is (Chen et al. 2016).

As torch.utils.checkpoint, which imports torch's compiler at its first call, for seconds; and the parameters are inputs, so that
torch.autograd.grad serves as well as backward.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def recomputed(module: nn.Module, *inputs: torch.Tensor) -> torch.Tensor:
    """module(*inputs), one tensor, which keeps only its inputs for the gradient. The module draws no random numbers."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    found: torch.Tensor = _Recomputed.apply(module, len(inputs), *inputs, *parameters)
    return found


class _Recomputed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, module: nn.Module, count: int, *tensors: torch.Tensor) -> torch.Tensor:
        ctx.module, ctx.count = module, count
        ctx.save_for_backward(*tensors)
        kind = tensors[0].device.type
        ctx.autocast = {
            "device_type": kind,
            "dtype": torch.get_autocast_dtype(kind),
            "enabled": torch.is_autocast_enabled(kind),
        }
        made: torch.Tensor = module(*tensors[:count])
        return made

    @staticmethod
    def backward(ctx: Any, *slopes: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        needed = ctx.needs_input_grad[2:]
        inputs, parameters = ctx.saved_tensors[: ctx.count], ctx.saved_tensors[ctx.count :]
        with torch.enable_grad(), torch.autocast(**ctx.autocast):
            fresh = [tensor.detach().requires_grad_(wanted) for tensor, wanted in zip(inputs, needed, strict=False)]
            made = ctx.module(*fresh)
        of = [tensor for tensor, wanted in zip((*fresh, *parameters), needed, strict=True) if wanted]
        found = iter(torch.autograd.grad(made, of, slopes[0], allow_unused=True))
        return (None, None, *(next(found) if wanted else None for wanted in needed))
