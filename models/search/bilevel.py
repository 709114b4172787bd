"""One alternating first-order step of the dual search (HSDS-MEF, Algorithm 1): omega, then beta, then alpha.

Why beta needs a look-ahead. Line 5 of the algorithm descends the hybrid contrastive constraint Gamma by beta, and Gamma
does not contain beta: it depends on it only through the weights omega' = omega - xi grad_omega L(omega; beta) that a step
on the searched loss leads to. So the constraint is taken after that step, and by the chain rule

    dGamma/dbeta_j = -xi sum_k ds_k/dbeta_j <grad_omega l_k, v>,   v = grad_omega Gamma(omega'),

with L = sum_k s_k l_k and s = softmax(beta). The inner product is the slope of term l_k along v, and one central difference
gives all 19 slopes from two evaluations without gradients, as DARTS does for its second order term:

    <grad_omega l_k, v> ~ (l_k(omega' + e v) - l_k(omega' - e v)) / 2e,   e = 0.01 / |v|.

The look-ahead is the omega step just made, not a virtual one: that saves a forward and a backward pass, and takes the
slopes at omega' in place of omega, as first order methods do. xi only scales the gradient, and Adam's step does not depend on
the scale: it is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.func import functional_call

from models.core import processes
from models.fusers.colour import luminance
from models.losses.fusion import LOSSES, Features, FusionScene, SharedFeatures, hybrid, loss_weights, usable, weighted
from models.search.supernet import Supernet

Constraint = Literal["both", "reference", "natural", "none"]
CONSTRAINT_CHOICES: tuple[Constraint, ...] = ("both", "reference", "natural", "none")
"""What steers beta: the hybrid constraint, or one half of it; "none" leaves all losses equal (Table 3's ablations)."""
_REACH = 0.01


@dataclass(frozen=True)
class SearchBatch:
    """Pictures of one step: (B, 3, H, W) float in [0, 1], sRGB. reference, natural: None where there is none.

    natural: well-exposed photos of anything, of the same crop; other batch sizes are not allowed.
    """

    under: torch.Tensor
    over: torch.Tensor
    reference: torch.Tensor | None = None
    natural: torch.Tensor | None = None

    def to(self, device: torch.device | str) -> SearchBatch:
        """The same on another device."""
        reference = None if self.reference is None else self.reference.to(device)
        natural = None if self.natural is None else self.natural.to(device)
        return SearchBatch(self.under.to(device), self.over.to(device), reference, natural)


class Beta(nn.Module):
    """The logarithms of the 19 losses' weights, up to a constant: beta, (19,), all 0 at first."""

    def __init__(self) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(len(LOSSES)))


@dataclass
class Learners:
    """What one step changes: the supernet, beta, and the three optimisers."""

    network: Supernet
    loss: Beta
    omega: torch.optim.Optimizer
    beta: torch.optim.Optimizer
    alpha: torch.optim.Optimizer


def scene_of(fused: tuple[torch.Tensor, torch.Tensor], batch: SearchBatch) -> FusionScene:
    """What the losses read, of `Fuser.fuse`'s picture (B, 3, H, W) and Y (B, 1, H, W) of the batch."""
    rgb, y = fused
    return FusionScene(
        fused=y,
        under=luminance(batch.under),
        over=luminance(batch.over),
        reference=None if batch.reference is None else luminance(batch.reference),
        fused_rgb=rgb,
        under_rgb=batch.under,
        over_rgb=batch.over,
        reference_rgb=batch.reference,
    )


def constraint_value(
    batch: SearchBatch, scene: FusionScene, features: SharedFeatures, constraint: Constraint
) -> torch.Tensor:
    """Gamma_H of a fused batch, or the half of it that is asked for. Raises ValueError where its positives are missing."""
    fused = features(scene.fused_rgb)
    with torch.no_grad():
        wants_reference = constraint in ("both", "reference") and batch.reference is not None
        wants_natural = constraint in ("both", "natural") and batch.natural is not None
        reference = features(batch.reference) if wants_reference and batch.reference is not None else None
        natural = features(batch.natural) if wants_natural and batch.natural is not None else None
        negatives = (features(batch.under), features(batch.over))
    return hybrid(fused, reference, natural, negatives, constraint)


def step(
    learners: Learners,
    training: Callable[[], Sequence[SearchBatch]],
    validation: Callable[[], Sequence[SearchBatch]],
    features: Features,
    *,
    constraint: Constraint = "both",
    upper: bool = True,
    count: int = 1,
) -> dict[str, float]:
    """One alternating step; returns the values to log (loss, validation_loss, constraint).

    training, validation: batches of this step from the two halves of the training set, of `count` in all those that this process
    takes (`models.core.processes`); what they say is averaged. features: frozen, of VGG16.
    constraint: what steers beta. upper: whether beta and alpha move too, or omega alone (warm-up, or cheaper steps).
    """
    network, beta, batches = learners.network, learners.loss.beta, training()
    weights, values = network.operation_weights(), {"loss": 0.0}
    descent = Descent(weights, count)
    for batch in batches:
        loss, _ = weighted(_scene(network, batch), beta.detach(), SharedFeatures(features))
        descent.add(loss)
        values["loss"] += float(loss.detach()) / count
    assign(learners.omega, weights, descent.gradients())
    if not upper:
        return processes.totals(values)
    held_out = [(batch, _scene(network, batch), SharedFeatures(features)) for batch in validation()]
    if constraint != "none":
        ascent, values["constraint"] = Descent(weights, count), 0.0
        for batch, scene, seen in held_out:
            gamma = constraint_value(batch, scene, seen, constraint)
            ascent.add(gamma, keep=True)
            values["constraint"] += float(gamma.detach()) / count
        direction = ascent.gradients()
        slopes = torch.stack([term_slopes(network, batch, direction, features) for batch in batches]).sum(0) / count
        processes.together([slopes], processes.added)
        assign(learners.beta, [beta], [beta_gradient(beta, slopes, batches[0].reference is not None)])
    # The forward pass is shared: neither omega nor alpha moved since, and beta enters as the terms' weights alone.
    architecture, values["validation_loss"] = network.architecture(), 0.0
    descent = Descent(architecture, count)
    for _, scene, seen in held_out:
        validation_loss, _ = weighted(scene, beta.detach(), seen)
        descent.add(validation_loss)
        values["validation_loss"] += float(validation_loss.detach()) / count
    assign(learners.alpha, architecture, descent.gradients())
    return processes.totals(values)


def _scene(network: Supernet, batch: SearchBatch) -> FusionScene:
    return scene_of(network.fuse(batch.under, batch.over), batch)


class Descent:
    """Gradients of a mean over `count` values by some parameters, of which several processes may each add a share."""

    def __init__(self, parameters: Sequence[nn.Parameter], count: int) -> None:
        self._parameters, self._count = list(parameters), count
        self._sums: list[torch.Tensor | None] = [None] * len(self._parameters)

    def add(self, value: torch.Tensor, *, keep: bool = False) -> None:
        """Take in one of the values. keep: its graph, for another gradient."""
        found = torch.autograd.grad(value / self._count, self._parameters, allow_unused=True, retain_graph=keep)
        self._sums = [
            one if before is None else before if one is None else before + one
            for before, one in zip(self._sums, found, strict=True)
        ]

    def gradients(self) -> list[torch.Tensor | None]:
        """Their sums over all processes; None for a parameter on which no value depends (a pruned operation)."""
        processes.together([gradient for gradient in self._sums if gradient is not None], processes.added)
        return self._sums


def assign(
    optimiser: torch.optim.Optimizer, parameters: list[nn.Parameter], gradients: list[torch.Tensor | None]
) -> None:
    """One step of the optimiser with given gradients; a parameter without one (a pruned operation) stays."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


@torch.no_grad()
def term_slopes(
    network: Supernet, batch: SearchBatch, direction: Sequence[torch.Tensor | None], features: Features
) -> torch.Tensor:
    """<grad_omega l_k, direction> of the 19 terms on a batch, (19,), by a central difference.

    direction: one tensor a parameter of `operation_weights()`, None for 0. The network itself is not touched.
    """
    names = [name for name, _ in network.named_parameters() if not name.endswith(".alpha")]
    towards = {name: tensor for name, tensor in zip(names, direction, strict=True) if tensor is not None}
    length = torch.stack([tensor.square().sum() for tensor in towards.values()]).sum().sqrt()
    if not length > 0:
        return length.new_zeros(len(LOSSES))
    size = _REACH / length
    parameters = dict(network.named_parameters())
    fusing = _Fusing(network)
    shared = SharedFeatures(features)  # the sources' features do not change with omega: once for both ends
    ends = []
    for sign in (1, -1):
        moved = {f"network.{name}": parameters[name] + sign * size * tensor for name, tensor in towards.items()}
        pictures = functional_call(fusing, moved, (batch.under, batch.over))
        scene = scene_of(pictures, batch)
        ends.append(torch.stack([term(scene, shared) for term in LOSSES.values()]))
    return (ends[0] - ends[1]) / (2 * size)


class _Fusing(nn.Module):
    """`Supernet.fuse` as a forward method, for `functional_call`."""

    def __init__(self, network: Supernet) -> None:
        super().__init__()
        self.network = network

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.network.fuse(under, over)


def beta_gradient(beta: torch.Tensor, slopes: torch.Tensor, has_reference: bool) -> torch.Tensor:
    """dGamma/dbeta, (19,), of the slopes of the terms along grad_omega Gamma, for xi 1 (see above)."""
    free = beta.detach().clone().requires_grad_()
    weights = loss_weights(free, usable(has_reference))
    return torch.autograd.grad(-(weights * slopes.to(weights)).sum(), free)[0]


def loss_table(beta: torch.Tensor, has_reference: bool) -> Mapping[str, float]:
    """Name -> weight of the 19 losses, in their order; they sum to 1."""
    weights = loss_weights(beta.detach(), usable(has_reference)).double().cpu().tolist()
    return dict(zip(LOSSES, weights, strict=True))
