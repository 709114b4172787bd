"""torch's Adam, without torch's compiler.

The first optimiser of a process imports torch._dynamo, four seconds of a CPU, only to say that it shall not be compiled.
Nothing here is compiled, so the functions are told beforehand that they are run as they are; the arithmetic is torch's own.
Where torch looks different inside, this is torch's Adam and no more.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import torch

_STEP = inspect.unwrap(torch.optim.Adam.step)
_MARK = "__dynamo_disable"
_MARKED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


def _mark() -> None:
    """What torch._dynamo.disable would leave behind on these functions, which is a function that does the same."""
    if "torch._dynamo" in sys.modules:
        return
    for name in _MARKED:
        function = inspect.unwrap(getattr(torch.optim.Optimizer, name))
        if getattr(function, _MARK, None) is None:
            setattr(function, _MARK, function)


class Adam(torch.optim.Adam):
    """torch.optim.Adam, to the last bit; not differentiable."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        _mark()
        super().__init__(params, lr=lr, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One step, as torch.optim.Adam.step."""
        return _STEP(self, closure)
