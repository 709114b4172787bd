from __future__ import annotations

import math

import pytest
import torch

from models.enhancers.versions import two_versions


def test_the_arithmetic_of_one_tone() -> None:
    """Gain exp(0.5) on a grey of 0.5: g / (g + 1), and its mirror image; black and white stay."""
    picture = torch.tensor([0.0, 0.5, 1.0]).expand(1, 3, 1, 3)
    darker, brighter = two_versions(picture, torch.full((1, 1, 1, 1), -2.3), 0.5)
    gain = math.exp(0.5)
    assert brighter[0, 0, 0].tolist() == pytest.approx([0.0, gain / (gain + 1), 1.0])
    assert darker[0, 0, 0].tolist() == pytest.approx([0.0, 1 / (gain + 1), 1.0])


def test_a_field_has_its_root_mean_square_and_is_opposite() -> None:
    picture = torch.full((2, 3, 64, 96), 0.5)
    draws = torch.tensor([[1.0, -1.0], [3.0, 1.0]]).expand(2, 1, 2, 2)
    darker, brighter = two_versions(picture, draws, 0.4)
    assert torch.allclose(darker + brighter, torch.ones(()), atol=1e-6)
    assert darker.mean() < brighter.mean()
    corner = 0.4 * 3 / math.sqrt(3)  # the mean of 1, 1, 9 and 1 is 3
    assert float(brighter[0, 0, -1, 0]) == pytest.approx(1 / (1 + math.exp(-corner)), abs=1e-6)
    assert float(brighter[0, 0, 0, -1]) < 0.5, "where the field is negative the brighter one is darker"


def test_draws_that_say_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="draws of a picture are all 0"):
        two_versions(torch.rand(1, 3, 8, 8), torch.zeros(1, 1, 2, 2), 0.5)
