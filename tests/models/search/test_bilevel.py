"""The three updates of a step, and beta's gradient against an unrolled step differentiated exactly."""

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call
from torch.nn import functional as F

from models.losses.fusion import LOSSES, SharedFeatures, hybrid, weighted
from models.search import bilevel
from models.search.bilevel import Beta, Learners, SearchBatch, beta_gradient, scene_of, step, term_slopes
from models.search.supernet import Supernet

NAMES = list(LOSSES)


def features(picture: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """A small stand-in for VGG16: smooth random filters of two layers."""
    generator = torch.Generator().manual_seed(5)
    first = torch.randn(4, 3, 3, 3, generator=generator).to(picture)
    second = torch.randn(5, 4, 3, 3, generator=generator).to(picture)
    low = torch.tanh(F.conv2d(picture, first, padding=1))
    return low, torch.tanh(F.conv2d(low, second, stride=2, padding=1))


def batch(seed: int = 0, reference: bool = True, kind: torch.dtype = torch.float32) -> SearchBatch:
    generator = torch.Generator().manual_seed(seed)
    scene, natural = F.interpolate(torch.rand(2, 2, 3, 6, 6, generator=generator, dtype=kind).flatten(0, 1), 16).split(
        2
    )
    return SearchBatch((0.4 * scene), (1.6 * scene).clamp(max=1), scene if reference else None, natural)


def learners(width: int = 2, kind: torch.dtype = torch.float32, rate: float = 1e-3) -> Learners:
    torch.manual_seed(0)
    network, loss = Supernet(width, steps=2).to(kind), Beta().to(kind)
    return Learners(
        network,
        loss,
        torch.optim.Adam(network.operation_weights(), rate),
        torch.optim.Adam(loss.parameters(), 3e-2),
        torch.optim.Adam(network.architecture(), 2e-1),
    )


def copies(parameters: list[torch.nn.Parameter]) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in parameters]


def moved(parameters: list[torch.nn.Parameter], before: list[torch.Tensor]) -> bool:
    return any(not torch.equal(one, other) for one, other in zip(parameters, before, strict=True))


def test_beta_gradient_is_that_of_an_unrolled_step() -> None:
    """dGamma(omega - xi grad L(omega; beta)) / dbeta through the graph of the step, in float64, for a small xi.

    The search takes the slopes at omega' where the exact derivative takes them at omega: equal in the limit of small steps.
    """
    kind, xi = torch.float64, 1e-7
    parts = learners(kind=kind)
    network = parts.network
    beta = torch.linspace(-1, 1, 19, dtype=kind, requires_grad=True)
    training, held_out = batch(0, kind=kind), batch(1, kind=kind)
    loss, _ = weighted(scene_of(network.fuse(training.under, training.over), training), beta, features)
    names = [f"network.{name}" for name, _ in network.named_parameters() if not name.endswith(".alpha")]
    gradients = torch.autograd.grad(loss, network.operation_weights(), create_graph=True)
    ahead = {n: p - xi * g for n, p, g in zip(names, network.operation_weights(), gradients, strict=True)}

    assert held_out.reference is not None and held_out.natural is not None
    positives = features(held_out.reference), features(held_out.natural)
    negatives = features(held_out.under), features(held_out.over)

    def gamma_of(pictures: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return hybrid(features(pictures[0]), *positives, negatives)

    fusing = bilevel._Fusing(network)
    exact = torch.autograd.grad(gamma_of(functional_call(fusing, ahead, (held_out.under, held_out.over))), beta)[0] / xi

    direction = torch.autograd.grad(gamma_of(network.fuse(held_out.under, held_out.over)), network.operation_weights())
    slopes = term_slopes(network, training, direction, features)
    found = beta_gradient(beta, slopes, has_reference=True)
    assert float(exact.abs().max()) > 1e-4
    assert float(F.cosine_similarity(found, exact, dim=0)) > 0.999
    assert float(found.norm() / exact.norm()) == pytest.approx(1, abs=0.03)


def test_beta_gradient_by_hand() -> None:
    # Uniform weights 1/19: ds_k/dbeta_j D_k summed = (D_j - mean D) / 19; the constraint falls along a loss that falls
    slopes = torch.zeros(19)
    slopes[3] = 1.9
    found = beta_gradient(torch.zeros(19), slopes, has_reference=True)
    # mean D = 0.1: -(1.9 - 0.1) / 19 = -0.094737 for the term itself, +0.1 / 19 = 0.005263 for the others
    assert float(found[3]) == pytest.approx(-0.094737, abs=1e-5)
    assert float(found[0]) == pytest.approx(0.005263, abs=1e-5)
    assert float(found.sum()) == pytest.approx(0, abs=1e-6)


def test_without_references_their_terms_get_no_gradient() -> None:
    found = beta_gradient(torch.zeros(19), torch.arange(19.0), has_reference=False)
    for name, value in zip(NAMES, found.tolist(), strict=True):
        assert (value == 0) == name.endswith("_reference")


def test_slopes_leave_the_network_as_it_was() -> None:
    network = learners().network
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    direction = [torch.randn_like(parameter) for parameter in network.operation_weights()]
    assert term_slopes(network, batch(), direction, features).abs().max() > 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    nowhere = [torch.zeros_like(parameter) for parameter in network.operation_weights()]
    assert torch.equal(term_slopes(network, batch(), nowhere, features), torch.zeros(19))


def test_every_level_moves_and_warm_up_moves_the_weights_alone() -> None:
    parts = learners()
    omega, alpha = parts.network.operation_weights(), parts.network.architecture()
    before = copies(omega), copies(alpha), copies([parts.loss.beta])
    values = step(parts, lambda: [batch(0)], lambda: [batch(1)], features, upper=False)
    assert moved(omega, before[0])
    assert not moved(alpha, before[1]) and not moved([parts.loss.beta], before[2])
    assert set(values) == {"loss"}
    values = step(parts, lambda: [batch(0)], lambda: [batch(1)], features)
    assert moved(alpha, before[1]) and moved([parts.loss.beta], before[2])
    assert set(values) == {"loss", "constraint", "validation_loss"}


def test_alpha_descends_the_validation_loss_and_omega_the_training_loss() -> None:
    parts = learners()
    omega, beta = parts.network.operation_weights(), parts.loss.beta
    scene = scene_of(parts.network.fuse(batch(0).under, batch(0).over), batch(0))
    loss, _ = weighted(scene, beta.detach(), features)
    by_omega = torch.autograd.grad(loss, omega)
    before_omega, before_alpha = copies(omega), copies(parts.network.architecture())
    step(parts, lambda: [batch(0)], lambda: [batch(1)], features)
    # Adam's first step is the rate against the sign of the gradient
    for now, then, gradient in zip(omega, before_omega, by_omega, strict=True):
        large = gradient.abs() > 1e-5
        assert torch.allclose((now - then)[large], -1e-3 * gradient.sign()[large], rtol=0.02)
    held_out = batch(1)
    with torch.no_grad():
        for node, then in zip(parts.network.mixed(), before_alpha, strict=True):
            node.alpha.copy_(then)
    validation, _ = weighted(
        scene_of(parts.network.fuse(held_out.under, held_out.over), held_out), beta.detach(), SharedFeatures(features)
    )
    by_alpha = torch.autograd.grad(validation, parts.network.architecture())
    parts.alpha = torch.optim.Adam(parts.network.architecture(), 2e-1)
    bilevel.assign(parts.alpha, parts.network.architecture(), list(by_alpha))
    again = copies(parts.network.architecture())
    fresh = learners()
    step(fresh, lambda: [batch(0)], lambda: [batch(1)], features)
    assert all(
        torch.allclose(one, other, atol=1e-3) for one, other in zip(fresh.network.architecture(), again, strict=True)
    )


@pytest.mark.parametrize(("constraint", "moves"), [("none", False), ("reference", True), ("natural", True)])
def test_ablations_of_the_constraint(constraint: bilevel.Constraint, moves: bool) -> None:
    parts = learners()
    values = step(parts, lambda: [batch(0)], lambda: [batch(1)], features, constraint=constraint)
    assert bool(parts.loss.beta.detach().any()) == moves
    assert ("constraint" in values) == moves


def test_missing_positives_are_named() -> None:
    with pytest.raises(ValueError, match="'reference' needs reference positives"):
        step(learners(), lambda: [batch(0, False)], lambda: [batch(1, False)], features, constraint="reference")
