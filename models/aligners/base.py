"""What an aligner is: how a judge's opinion changes a model. It says what it needs, and owns its loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn

from models.core.training import Outcome, Run, Watch
from models.judges.base import Judge

Need = Literal["gradient of the judge", "gradient of the model"]
Crops = Callable[[int], tuple[torch.Tensor, ...]]
"""Number of a batch -> what the model is given, one tensor (B, 3, H, W) a source; a pure function."""
Labels = Callable[[int], torch.Tensor]
"""Number of a batch -> the number of its region at each pixel of its crops, (B, H, W) integers; a pure function."""
Kept = Callable[[torch.Tensor, tuple[torch.Tensor, ...]], torch.Tensor]
"""(what the model makes (B, 3, H, W), of which sources) -> a scalar to keep low, with its gradient."""
Votes = Callable[[int], tuple[tuple[torch.Tensor, ...], torch.Tensor, torch.Tensor]]
"""Number of a batch -> sources (B, 3, H, W) each, the picture of them that was preferred (B, 3, H, W), and the other."""
Logged = Mapping[str, torch.Tensor]


def one_region(crops: Crops) -> Labels:
    """Each crop is one region."""
    return lambda index: torch.zeros((len(first := crops(index)[0]), *first.shape[-2:]), dtype=torch.int64)


@dataclass(frozen=True)
class Material:
    """What an aligner works with.

    watch: looks at the model now and then, and may end the training (`models.aligners.guard`). kept: losses without a judge that
    go on beside the aligner's own, as InstructGPT mixes in what was learnt before (Ouyang et al. 2022, Eq. 2). votes: pictures
    of which one was preferred, by those whom the judge learnt from; None before there are any.
    """

    crops: Crops
    labels: Labels
    watch: Watch | None = None
    kept: Kept | None = None
    votes: Votes | None = None

    def with_kept(
        self, loss: torch.Tensor, values: Logged, made: torch.Tensor, sources: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, Logged]:
        """An aligner's loss and the values it logs, with what is kept of the pictures that the model made."""
        if self.kept is None:
            return loss, values
        kept = self.kept(made, sources)
        return loss + kept, {**values, "kept": kept}


class Aligner(ABC):
    """Changes a model so that a judge likes better what it makes. Its constructor takes its options.

    needs: what it cannot do without. uses_regions: the judge is asked about regions. judgeless: it also works without a judge (an
    ablation: what is left of it then). uses_votes: it learns from what was preferred, in the last `newest_votes` rounds; None: in
    all.
    """

    needs: ClassVar[frozenset[Need]]
    uses_regions: ClassVar[bool] = False
    judgeless: ClassVar[bool] = False
    uses_votes: bool = False
    newest_votes: int | None = None

    @abstractmethod
    def align(self, model: nn.Module, judge: Judge | None, material: Material, run: Run) -> Outcome:
        """Train `model` in place and leave it in evaluation mode.

        judge: frozen, in evaluation mode; None only where `judgeless`. run: the settings, the device, where the resumable
        state lies and where values are logged; `run.train` is the engine for a loop whose batches are a function of the step.
        """

    def advice(self, judge: Judge, guarded: bool) -> str | None:
        """What would serve as well and cost less with this judge, or what to beware of (guarded: not); None: nothing."""
        return None

    def fault(self, judge: Judge | None, model: nn.Module | None = None) -> str | None:
        """Why it cannot work with a judge (None: without one), or with a model that says why it cannot learn; else None."""
        if "gradient of the model" in self.needs and (reason := getattr(model, "learns_not", None)):
            return f"it needs a model with a gradient, and of this one {reason}"
        if judge is None:
            return None if self.judgeless else "it does nothing without a judge"
        if "gradient of the judge" in self.needs and not judge.differentiable:
            return "it needs a judge with a gradient, and this one has none; grpo, ppo and dpo need none"
        return None
