"""The three-number operator and its predictor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.enhancers import create
from models.enhancers.parametric import BOUNDS, ParametricEnhancer, apply_genes
from models.enhancers.predicted import GenePredictor, thumbnail


def test_by_hand() -> None:
    values = torch.tensor([0.0, 0.1, 0.5, 1.0]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    found = apply_genes(values, torch.tensor([[51.0, 1.5, 2.0]]))[0, 0, 0]
    # + 0.2: 0.2 0.3 0.7 1; * 1.5: 0.3 0.45 1 1; square root
    assert found.tolist() == pytest.approx([0.3**0.5, 0.45**0.5, 1.0, 1.0], abs=1e-6)
    darker = apply_genes(values, torch.tensor([[-10.0, 1.0, 1.0]]))[0, 0, 0]
    assert darker.tolist() == pytest.approx([0.0, 0.1 - 10 / 255, 0.5 - 10 / 255, 1 - 10 / 255], abs=1e-6)


def test_gradients_are_finite_at_black() -> None:
    image = torch.zeros(1, 3, 4, 4, requires_grad=True)
    genes = torch.tensor([[0.0, 1.5, 2.0]], requires_grad=True)
    apply_genes(image, genes).sum().backward()
    assert image.grad is not None and torch.isfinite(image.grad).all()
    assert genes.grad is not None and torch.isfinite(genes.grad).all()


@pytest.mark.parametrize("wrong", [{"brightness": 61.0}, {"contrast": 0.9}, {"gamma": 2.1}])
def test_genes_outside_of_the_bounds_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        create("parametric", **wrong)


def test_predicted_genes_are_within_the_bounds_and_fix_the_photo() -> None:
    torch.manual_seed(0)
    network = create("predicted")
    assert isinstance(network, GenePredictor)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(8)
        image = 0.3 * torch.rand(3, 3, 70, 90)
        genes = network.genes(image)
        assert (genes >= network.low).all() and (genes <= network.low + network.span).all()
        fixed = network.for_photo(image[:1])
        assert isinstance(fixed, ParametricEnhancer)
        assert torch.allclose(fixed(image[:1]), network(image[:1]), atol=1e-5)


def test_one_pixel_has_a_thumbnail() -> None:
    assert torch.equal(thumbnail(torch.full((1, 3, 1, 1), 0.25)), torch.full((1, 3, 48, 48), 0.25))
    assert np.array(BOUNDS).shape == (3, 2)
