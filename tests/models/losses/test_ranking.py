from __future__ import annotations

import math

import pytest
import torch

from models.losses.ranking import margin_ranking, ranker_loss


def test_margin_ranking_by_hand() -> None:
    better = torch.tensor([1.0, 2.0, 0.0])
    worse = torch.tensor([3.0, 1.0, 0.2])
    # HiLLIE, Eq. 2, margin 0.5: max(0, 1 - 3 + 0.5) = 0; 2 - 1 + 0.5 = 1.5; 0 - 0.2 + 0.5 = 0.3. Mean 0.6.
    assert float(margin_ranking(better, worse, 0.5)) == pytest.approx(0.6, abs=1e-6)


def test_margin_ranking_pushes_the_better_score_down() -> None:
    better, worse = torch.zeros(2, requires_grad=True), torch.tensor([0.1, 2.0], requires_grad=True)
    margin_ranking(better, worse, 0.5).backward()
    # Of the two pairs only the first is inside the margin: gradient 1/2 and -1/2 there, 0 on the other.
    assert better.grad is not None
    assert worse.grad is not None
    assert better.grad.tolist() == pytest.approx([0.5, 0.0])
    assert worse.grad.tolist() == pytest.approx([-0.5, 0.0])


def test_ranker_loss_by_hand() -> None:
    # sigmoid(0) = 1/2, sigmoid(log 3) = 3/4: mean 0.625 (HiLLIE, Eq. 3)
    assert float(ranker_loss(torch.tensor([0.0, math.log(3)]))) == pytest.approx(0.625, abs=1e-6)


def test_a_better_image_has_the_lower_ranker_loss() -> None:
    assert float(ranker_loss(torch.tensor([-1.0]))) < float(ranker_loss(torch.tensor([1.0])))
