"""Every expected number is worked out in the comment beside it."""

from __future__ import annotations

import pytest
import torch

from models.losses import zero_reference

TOLERANCE = 1e-5  # float32 means over up to 256 numbers of the order of one


def grey(columns: list[float], size: int, rows: int = 1) -> torch.Tensor:
    """(1, 3, rows * size, columns * size): one grey value per column of patches."""
    return torch.tensor(columns).repeat_interleave(size).expand(1, 3, rows * size, -1).clone()


def test_spatial_consistency() -> None:
    image = grey([0.1, 0.3, 0.3], size=4, rows=2)
    enhanced = grey([0.2, 0.8, 0.9], size=4, rows=2)
    # Horizontally |0.6| - |0.2| = 0.4 and |0.1| - |0| = 0.1 in each of two rows: mean (0.16 + 0.01) / 2; vertically 0.
    assert float(zero_reference.spatial_consistency(image, enhanced)) == pytest.approx(0.085, abs=TOLERANCE)
    turned = zero_reference.spatial_consistency(image.transpose(2, 3), enhanced.transpose(2, 3))
    assert float(turned) == pytest.approx(0.085, abs=TOLERANCE)


def test_spatial_consistency_looks_at_patches_and_not_at_signs() -> None:
    image = grey([0.1, 0.4], size=4, rows=2)
    inside = image.clone()
    inside[..., 0] += 0.2
    inside[..., 1] -= 0.2  # the patch keeps its mean
    assert float(zero_reference.spatial_consistency(image, inside)) == pytest.approx(0, abs=TOLERANCE)
    assert float(zero_reference.spatial_consistency(image, image.flip(-1))) == pytest.approx(0, abs=TOLERANCE)


def test_exposure_control() -> None:
    # |0.2 - 0.6| and |0.9 - 0.6|, mean 0.35
    assert float(zero_reference.exposure_control(grey([0.2, 0.9], 16), 0.6)) == pytest.approx(0.35, abs=TOLERANCE)
    # One patch of which the halves are 0.2 and 0.9 has the mean 0.55.
    assert float(zero_reference.exposure_control(grey([0.2, 0.9], 8, rows=2), 0.6)) == pytest.approx(
        0.05, abs=TOLERANCE
    )


def test_colour_constancy() -> None:
    image = torch.tensor([0.5, 0.3, 0.2]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    # 0.2^2 + 0.3^2 + 0.1^2 = 0.14
    assert float(zero_reference.colour_constancy(image)) == pytest.approx(0.14, abs=TOLERANCE)
    both = torch.cat([image, torch.full_like(image, 0.4)])  # a grey image adds 0 to the mean
    assert float(zero_reference.colour_constancy(both)) == pytest.approx(0.07, abs=TOLERANCE)


def test_illumination_smoothness() -> None:
    curves = torch.zeros(1, 3, 2, 3)
    curves[0, 0] = torch.tensor([[0.0, 0.1, 0.3], [0.4, 0.5, 0.7]])
    # First channel: horizontally (0.1^2 + 0.2^2 + 0.1^2 + 0.2^2) / 4 = 0.025, vertically 0.4^2 = 0.16;
    # the other two are flat: the mean over the three is 0.185 / 3.
    assert float(zero_reference.illumination_smoothness(curves)) == pytest.approx(0.185 / 3, abs=TOLERANCE)


def test_total_is_the_weighted_sum_of_its_terms() -> None:
    image, enhanced = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    curves = torch.rand(2, 3, 32, 32) * 2 - 1
    weights = {"spatial": 1.0, "exposure": 10.0, "colour": 5.0, "smoothness": 200.0}
    loss, terms = zero_reference.total(image, enhanced, curves, weights, level=0.6)
    assert set(terms) == set(weights)
    assert float(loss) == pytest.approx(sum(weights[name] * float(term) for name, term in terms.items()), rel=1e-6)
    assert float(terms["exposure"]) == pytest.approx(float(zero_reference.exposure_control(enhanced, 0.6)), rel=1e-6)


def test_patches_that_are_bright_enough_have_to_stay_where_they_are_spared() -> None:
    before = torch.full((1, 3, 32, 64), 0.2)
    before[..., 32:] = 0.8
    # By hand: the dark half is 0.3 from 0.5; the bright one is spared at 0.8, and 0.3 from 0.5 where it is not.
    assert zero_reference.exposure_control(before, 0.5, spared=before).item() == pytest.approx(0.15, abs=TOLERANCE)
    assert zero_reference.exposure_control(before, 0.5).item() == pytest.approx(0.3, abs=TOLERANCE)
    lifted = before.clamp(min=0.5)
    assert zero_reference.exposure_control(lifted, 0.5, spared=before).item() == pytest.approx(0.0, abs=1e-6)
    flat = torch.full_like(before, 0.5)
    assert zero_reference.exposure_control(flat, 0.5, spared=before).item() == pytest.approx(0.15, abs=TOLERANCE)
