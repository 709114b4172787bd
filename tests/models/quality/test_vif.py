"""VIF against pyiqa's, whose statistics are taken in float64 as the authors' program does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pyiqa.archs.vif_arch import VIF, sp5_filters

from models import quality
from models.quality import strips, vif
from models.quality.fidelity import luma


class _Theirs(VIF):  # type: ignore[misc]
    """pyiqa 0.1.16's; in float32 the covariance of a smooth picture's bands is singular by rounding, and the score NaN."""

    def refparams_vecgsm(self, org: list[torch.Tensor]) -> Any:
        return super().refparams_vecgsm([band.double() for band in org])


def picture(height: int, width: int, seed: int = 0, noise: float = 0.05) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // 8 + 1, width // 8 + 1, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")
    return (smooth + noise * torch.randn(smooth.shape, generator=generator)).clamp(0, 1)


def test_filters_are_those_of_the_published_pyramid() -> None:
    published = {key: torch.as_tensor(value) for key, value in sp5_filters().items()}
    assert torch.equal(vif._unfolded(vif._FIRST_LOW, 1), published["lo0filt"])
    assert torch.equal(vif._unfolded(vif._LOW, 1), published["lofilt"])
    assert torch.equal(vif._unfolded(vif._BAND, -1), published["bfilts"][:, 0].reshape(7, 7).T)
    # Its sign is of no consequence: energies and covariances of two pictures' bands are taken.
    assert torch.equal(-vif._unfolded(vif._BAND, -1).T, published["bfilts"][:, 3].reshape(7, 7).T)


@pytest.mark.parametrize("size", [(33, 33), (33, 40), (50, 34), (97, 131), (160, 161), (301, 207)])
def test_equals_pyiqa(size: tuple[int, int]) -> None:
    theirs, ours = _Theirs(), quality.create("vif")
    sharp, smooth = picture(*size), picture(*size, seed=1, noise=0.0)
    clipped = sharp.clone()
    clipped[..., : size[0] // 2, :] = 1.0
    enhanced = (1.2 * sharp - 0.1).clamp(0, 1)
    for image, reference in (
        (0.7 * sharp + 0.3 * smooth, sharp),
        (smooth, sharp),
        (sharp, smooth),
        (clipped, sharp),
        (sharp, clipped),
        (enhanced, sharp),
    ):
        with torch.no_grad():
            wanted = theirs(image, reference).item()
        assert ours(image, reference).item() == pytest.approx(wanted, abs=1e-5)


def test_the_whole_picture_in_one_strip_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    image, reference = luma(picture(301, 207, seed=2))[0, 0], luma(picture(301, 207))[0, 0]
    mixed = (image + 2 * reference) / 3
    values = []
    for elements in (1, 5000, 2**24):
        monkeypatch.setitem(strips._ELEMENTS, "cpu", elements)
        values.append(vif.visual_information(mixed, reference).item())
    assert values == pytest.approx([values[-1]] * 3, rel=1e-12)


def test_flat_pictures() -> None:
    metric, textured = quality.create("vif"), picture(64, 70)
    flat = torch.full_like(textured, 0.5)
    assert metric(textured, flat).item() == 0.0
    assert metric(flat, textured).item() == pytest.approx(0.0, abs=1e-9)
    assert metric(flat, flat).item() == 0.0
    assert quality.info("vif").library.startswith("loupe")
