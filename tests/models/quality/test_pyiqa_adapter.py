"""Metrics against pyiqa's published calibration, and the adapter against pyiqa's own objects."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models import quality
from models.quality import pyiqa_adapter

NIQE_PUBLISHED = (15.654, 3.655, 3.234, 3.192, 9.072)
TOLERANCE = {
    "vif": 1e-4,
    "niqe": 0.01,
    "brisque": 0.02,
    "piqe": 0.01,
    "entropy": 1e-4,
    "psnr": 2e-4,
    "ssim": 1e-4,
    "lpips": 2e-4,
}
"""Published figures have four digits; the float32 sums of the published BRISQUE move its score by up to 0.01."""
AUTHORS = {"vif", "ssim"}
"""Compared with the column of the authors' programs, not pyiqa's: VIF with statistics in float64 and SSIM without a clamp are
theirs. MS-SSIM is compared in test_golden.py: pyiqa clamps it pixel by pixel."""


def test_niqe_equals_the_published_figures(distorted: torch.Tensor) -> None:
    assert quality.create("niqe")(distorted).tolist() == pytest.approx(NIQE_PUBLISHED, abs=0.01)


@pytest.mark.parametrize("name", sorted(TOLERANCE))
def test_calibration(
    name: str, distorted: torch.Tensor, pristine: torch.Tensor, published: dict[str, list[float]]
) -> None:
    metric = quality.create(name)
    wanted = published[name if name in AUTHORS else f"{name}(ours)"]
    assert metric(distorted, pristine).tolist() == pytest.approx(wanted, abs=TOLERANCE[name])


@pytest.mark.parametrize("name", ["niqe", "brisque", "piqe", "entropy", "psnr", "vif"])
def test_equals_pyiqa_called_image_by_image(name: str, distorted: torch.Tensor, pristine: torch.Tensor) -> None:
    image, reference = distorted[:2, :, :200, :216], pristine[:2, :, :200, :216]
    theirs = pyiqa_adapter.original(name)
    for i in range(2):
        pair = (image[i : i + 1], reference[i : i + 1])
        value = theirs(*pair) if quality.info(name).needs_reference else theirs(pair[0])
        # pyiqa's VIF inverts covariances in float32, which moves it by up to 0.003 of its value; its BRISQUE adds up large
        # coefficients in float32, which moves it by up to 0.01.
        rounding = {"vif": 3e-3, "brisque": 0.01}.get(name, 1e-5)
        assert quality.create(name)(*pair).item() == pytest.approx(value.item(), rel=rounding, abs=rounding)


def test_original_refuses_what_would_download() -> None:
    with pytest.raises(ValueError, match="not 'lpips'"):
        pyiqa_adapter.original("lpips")


@pytest.mark.parametrize("name", ["niqe", "brisque", "piqe"])
def test_a_flat_image_is_undefined_and_harms_no_neighbour(name: str, distorted: torch.Tensor) -> None:
    good = distorted[:1, :, :96, :96]
    metric = quality.create(name)
    flat, alone = metric(torch.cat([torch.zeros_like(good), good])), metric(good)
    assert flat[1] == alone[0]
    assert torch.isfinite(alone).all()
    # PIQE's formula gives 100 where no block is active; the other two have no features of a flat picture.
    assert flat[0] == 100 if name == "piqe" else torch.isnan(flat[0])


@pytest.mark.parametrize("name", ["musiq", "nrqm", "pi"])
def test_missing_weights_are_said_not_scored(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOUPE_OFFLINE", "1")
    monkeypatch.setenv("LOUPE_WEIGHTS", str(tmp_path))
    with pytest.raises(quality.MetricUnavailable, match="could not be had") as caught:
        quality.create(name)
    assert caught.value.name == name
    assert "LOUPE_OFFLINE is set" in caught.value.reason or "no sha256 was ever published" in caught.value.reason


def test_nothing_is_printed_or_written_to_the_home(tmp_path: Path) -> None:
    code = (
        "import torch\nfrom models import quality\nx = torch.rand(1, 3, 96, 96)\n"
        "for name in ('niqe', 'brisque', 'piqe'):\n    quality.create(name)(x)\n"
    )
    away = {"TORCH_HOME", "XDG_CACHE_HOME", "HF_HOME"}
    environment = {key: value for key, value in os.environ.items() if key not in away} | {"HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_vif_of_a_smooth_reference_is_a_number() -> None:
    """Photos that were enlarged once have subbands of which pyiqa's float32 covariance is singular: NaN there."""
    small = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(small, size=(256, 256), mode="bicubic").clamp(0, 1)
    metric = quality.create("vif")
    assert metric(smooth, smooth).item() == pytest.approx(1.0, abs=1e-4)
    assert 0 < metric(0.5 * smooth + 0.25, smooth).item() < 1
    flat = torch.full_like(smooth, 0.5)
    assert metric(smooth, flat).item() == 0.0
