from __future__ import annotations

import pytest
import torch

from models.losses.content import feature_content


def doubled(image: torch.Tensor) -> torch.Tensor:
    return 2 * image


def test_content_by_hand() -> None:
    enhanced, before = torch.full((2, 3, 4, 4), 0.5), torch.full((2, 3, 4, 4), 0.2)
    before[1] = 0.5
    # (2 * 0.3)^2 = 0.36 on the first image, 0 on the second: mean 0.18
    assert float(feature_content(doubled, enhanced, before)) == pytest.approx(0.18, abs=1e-6)


def test_the_gradient_reaches_only_the_enhanced_image() -> None:
    enhanced = torch.full((1, 1, 1, 2), 0.5, requires_grad=True)
    before = torch.full((1, 1, 1, 2), 0.2, requires_grad=True)
    feature_content(doubled, enhanced, before).backward()
    assert before.grad is None
    assert enhanced.grad is not None
    # d/dx mean((2x - 0.4)^2) = 2 * (2x - 0.4) * 2 / 2 elements = 1.2
    assert enhanced.grad.flatten().tolist() == pytest.approx([1.2, 1.2])
