"""pyiqa's five calibration pictures and the scores it published for them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models import weights

NAMES = ("I03", "I04", "I06", "I08", "I19")


@pytest.fixture(scope="session")
def calibration_folder() -> Path:
    return weights.resolve("pictures") / "ResultsCalibra"


def _load(folder: Path) -> torch.Tensor:
    arrays = [np.asarray(Image.open(folder / f"{name}.bmp").convert("RGB"), dtype=np.float32) / 255 for name in NAMES]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()


@pytest.fixture(scope="session")
def distorted(calibration_folder: Path) -> torch.Tensor:
    return _load(calibration_folder / "dist_dir")


@pytest.fixture(scope="session")
def pristine(calibration_folder: Path) -> torch.Tensor:
    return _load(calibration_folder / "ref_dir")


@pytest.fixture(scope="session")
def published(calibration_folder: Path) -> dict[str, list[float]]:
    with (calibration_folder / "calibration_summary.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert tuple(name.removesuffix(".bmp") for name in header[1:]) == NAMES
    return {row[0]: [float(cell) for cell in row[1:]] for row in rows}
