"""NIQE against pyiqa's (0.1.16, which agrees with the authors' program), and its parts against known answers."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from pyiqa.archs.niqe_arch import calculate_niqe
from pyiqa.matlab_utils import imresize
from pyiqa.utils.color_util import to_y_channel

from models import quality
from models.quality import niqe, pyiqa_adapter, strips
from models.quality.fidelity import luma
from tests.models.quality.test_vif import picture


def theirs(image: torch.Tensor, **options: object) -> float:
    mean, covariance = niqe.parameters("cpu")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"cov\(\): degrees of freedom")
        return float(calculate_niqe(image, mu_pris_param=mean, cov_pris_param=covariance, **options))


@pytest.mark.parametrize("size", [(96, 96), (96, 200), (191, 193), (200, 97), (300, 407)])
@pytest.mark.parametrize("noise", [0.05, 0.0])
def test_equals_pyiqa(size: tuple[int, int], noise: float) -> None:
    metric, image = quality.create("niqe"), picture(*size, noise=noise)
    bright, grey = image.clone(), image.clone()
    bright[..., : size[0] // 3, :] = 1.0  # clipped: which side of 0 flat pixels count on matters
    grey[..., : size[1] // 3] = 0.4
    for one in (image, bright, grey, (image * 255).round() / 255):
        assert metric(one).item() == pytest.approx(theirs(one), abs=1e-5)


def test_the_perceptual_index_gets_pyiqas_figure() -> None:
    """4 pixels cut, Y of YCbCr: what `pi` adds to NRQM, whose weights need not be here."""
    image = picture(210, 230)
    mean, covariance = niqe.parameters("cpu")
    grey = pyiqa_adapter._ycbcr_grey(image)
    assert torch.equal(grey, to_y_channel(image, 255, "ycbcr")[0, 0])
    found = niqe.niqe(grey[4:-4, 4:-4], mean, covariance).item()
    assert found == pytest.approx(theirs(image, crop_border=4, color_space="ycbcr"), abs=1e-5)


def test_half_size_is_matlabs() -> None:
    grey = luma(picture(96, 192))[0, 0]
    # pyiqa resizes in float32.
    wanted = imresize(grey[None, None].double(), scale=0.5, antialiasing=True)[0, 0]
    assert torch.allclose(niqe.halved(grey), wanted, rtol=0, atol=1e-4)
    # MATLAB's weights at a half: cubic (a = -0.5) at quarters of a pixel, over their sum.
    weights = torch.tensor([-3, -9, 29, 111, 111, 29, -9, -3], dtype=torch.float64) / 256
    assert torch.allclose(torch.tensor(niqe._half_taps(), dtype=torch.float64), weights, rtol=0, atol=1e-15)


def test_strips_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    grey = luma(picture(288, 192))[0, 0]
    parameters = niqe.parameters("cpu")
    values = []
    for elements in (1, 1000, 2**24):
        monkeypatch.setitem(strips._ELEMENTS, "cpu", elements)
        values.append(niqe.niqe(grey, *parameters).item())
    assert values == pytest.approx([values[-1]] * 3, rel=1e-12)


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_the_fit_finds_the_shape_it_was_given(shape: float, ratio: float) -> None:
    """Moments of asymmetric generalised Gaussians, integrated numerically: scales of 1 on the right, `ratio` on the left."""
    x = (torch.arange(4_000_000, dtype=torch.float64) + 0.5) * 1e-4
    density = torch.exp(-(x**shape))
    area, first, second = (float((density * x**power).sum() * 1e-4) for power in (0, 1, 2))
    # The left half has the same density of x / ratio.
    moments = [ratio * area, -(ratio**2) * first, ratio**3 * second, area, first, second]
    count = (1 + ratio) * area
    found, left, right = niqe.gaussian_fit(torch.tensor(moments, dtype=torch.float64) / count, 1)
    assert found.item() == pytest.approx(shape, abs=0.0015)
    assert right.item() == pytest.approx(1.0, rel=0.01)
    assert left.item() == pytest.approx(ratio, rel=0.01)


def test_one_sided_values_have_no_scale_on_the_other_side() -> None:
    shape, left, right = niqe.gaussian_fit(torch.tensor([0.0, 0.0, 0.0, 4.0, 4.0, 4.0]), 4)
    assert shape.item() == pytest.approx(0.2)
    assert left.isnan()
    assert right.isfinite()


def test_undefined_where_no_block_varies() -> None:
    image = torch.zeros(1, 3, 120, 96)
    image[..., 100:, :] = torch.rand(20, 96)  # in the part that is cut off
    assert math.isnan(quality.create("niqe")(image).item())
