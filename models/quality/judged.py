"""A trained reward model as a metric: `reward:PATH` of its weights, which say what they are weights of."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.own import OwnModelError
from models.quality.facts import MetricInfo

if TYPE_CHECKING:
    import torch

    from models.judges.base import Judge

PREFIX = "reward:"


def judged_metric(name: str) -> tuple[MetricInfo, Callable[[Any], Any]]:
    """Facts of the metric `reward:PATH`, and what builds its compute function for a device; the model's overall score, 0 to 5.

    It compares with what the picture was fused from, infrared before visible. Raises OwnModelError: no such file, or weights that
    do not say of what.
    """
    from models.core.storage import WeightsError, read_architecture
    from pictures import sha256_file

    path = Path(name.removeprefix(PREFIX))
    try:
        told = json.loads(read_architecture(path))
        options, digest = dict(told["options"]), sha256_file(path)
        if told["judge"] != "reward":
            raise ValueError(f"they are of a judge called {told['judge']!r}")
    except (WeightsError, ValueError, KeyError, TypeError, OSError) as error:
        raise OwnModelError(f"{name}: {path} holds no weights of a reward model ({error})") from error
    facts = MetricInfo(
        name=name,
        higher_is_better=True,
        value_range=(0.0, 5.0),
        needs_reference=False,
        needs_sources=True,
        differentiable=True,
        variant=f"overall score of the reward model with sha256 {digest[:16]}, {options['encoder']}; infrared, visible",
    )
    return facts, lambda device: _compute(path, options, device)


def _compute(path: Path, options: dict[str, Any], device: Any) -> Callable[[torch.Tensor, Any], torch.Tensor]:
    from models.core.storage import load_weights

    # By name, as the registry finds what builds a metric: who measures by others does not depend on the judges.
    judge: Judge = import_module("models.judges").create("reward", **options)
    load_weights(judge, path)
    judge = judge.requires_grad_(False).eval().to(device)
    return judge.scores
