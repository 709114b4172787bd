from __future__ import annotations

import pytest
import torch

from models.judges.base import cost_of_pairs
from models.judges.ranker import Ranker
from models.losses.ranking import margin_ranking

WIDTHS = [4, 4, 4, 8, 8, 8, 8, 8, 8, 8]
STRIDES = [2, 1, 2, 1, 2, 1, 2, 1, 1]


def small(seed: int = 0) -> Ranker:
    torch.manual_seed(seed)
    return Ranker(WIDTHS, STRIDES, hidden=6)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 90), (64, 64), (131, 77)])
def test_any_size_gives_one_score_an_image(height: int, width: int) -> None:
    scores = small().eval()(torch.rand(3, 3, height, width))
    assert scores.shape == (3,)
    assert torch.isfinite(scores).all()


def test_it_is_built_as_the_paper_says() -> None:
    kinds = [type(layer).__name__ for layer in small().branch]
    assert kinds == ["Conv2d", "LeakyReLU", *["Conv2d", "BatchNorm2d", "LeakyReLU"] * 9]
    assert [type(layer).__name__ for layer in small().classifier] == ["Linear", "LeakyReLU", "Linear"]


def test_both_images_of_a_pair_go_through_the_shared_branch() -> None:
    ranker = small().eval()
    first, second = torch.rand(2, 3, 40, 40), torch.rand(2, 3, 40, 40)
    one, other = cost_of_pairs(ranker, first, second)
    assert torch.allclose(one, ranker(first), atol=1e-6)
    assert torch.allclose(other, ranker(second), atol=1e-6)
    swapped_other, swapped_one = cost_of_pairs(ranker, second, first)
    assert torch.allclose(one, swapped_one, atol=1e-6)
    assert torch.allclose(other, swapped_other, atol=1e-6)


def test_in_training_a_pair_shares_its_batch_statistics() -> None:
    """Two identical images score the same in training too, whatever else is in the batch."""
    image = torch.rand(2, 3, 32, 32)
    one, other = cost_of_pairs(small().train(), image, image.clone())
    assert torch.allclose(one, other, atol=1e-5)


def test_every_parameter_gets_a_gradient() -> None:
    ranker = small()
    # Not by the ranking loss: it knows differences only, so that the last bias rests.
    (ranker(torch.rand(4, 3, 48, 48)) * torch.tensor([1.0, 2.0, 3.0, -4.0])).sum().backward()
    assert [name for name, value in ranker.named_parameters() if value.grad is None or not value.grad.any()] == []


def test_it_learns_that_lower_is_better() -> None:
    """Brighter is better here: after a few steps the ranker gives unseen brighter images the lower score."""
    ranker = small().train()
    optimiser = torch.optim.Adam(ranker.parameters(), lr=5e-3)
    generator = torch.Generator().manual_seed(0)

    def pair(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        scene = torch.rand(count, 3, 16, 16, generator=generator)
        return 0.5 + 0.5 * scene, 0.4 * scene

    for _ in range(25):
        better, worse = cost_of_pairs(ranker, *pair(6))
        loss = margin_ranking(better, worse, 0.5)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        better, worse = cost_of_pairs(ranker.eval(), *pair(32))
    assert float((better < worse).float().mean()) > 0.95


def test_a_wrong_number_of_widths_or_strides_is_named() -> None:
    with pytest.raises(ValueError, match="10 widths and 9 strides, not 9, 9"):
        Ranker(WIDTHS[1:], STRIDES, hidden=6)
    with pytest.raises(ValueError, match="not 10, 8"):
        Ranker(WIDTHS, STRIDES[1:], hidden=6)
