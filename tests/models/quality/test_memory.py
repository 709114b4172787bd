"""What metrics of a large picture take beside the picture, and which libraries they bring."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_MEASURE = """
import sys
from pathlib import Path
import torch
from models import quality
metric = quality.create(sys.argv[1])
generator = torch.Generator().manual_seed(0)
height, width = int(sys.argv[2]), int(sys.argv[3])
image, reference = torch.rand(2, 3, height, width, generator=generator).split(1)
def measure(x, y):
    return metric(x, sources=(y, y.flip(3))) if metric.info.needs_sources else metric(x, y)
measure(image[..., :256, :256], reference[..., :256, :256])
def kilobytes(field):
    return int(next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith(field)).split()[1])
Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
before = kilobytes("VmRSS")
measure(image, reference)
print((kilobytes("VmHWM") - before) // 1024)
"""
"""Prints the MiB that a metric of a picture of this height and width takes beyond the picture and its reference."""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("niqe", 100),
        ("vif", 260),
        ("lpips", 400),
        ("tmqi", 300),
        ("ciede2000", 320),
        ("qcb", 350),
        ("qcv", 350),
    ],
)
def test_a_quarter_of_twelve_megapixels_takes_a_small_part_of_two_gibibytes(name: str, most: int) -> None:
    assert taken(name, 1500, 2000) < most


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize(("name", "most"), [("fmi", 200), ("dists", 450)])
def test_those_that_take_long_do_at_a_smaller_size(name: str, most: int) -> None:
    assert taken(name, 530, 707) < most


def taken(name: str, height: int, width: int) -> int:
    """MiB."""
    command = [sys.executable, "-c", _MEASURE, name, str(height), str(width)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=400).stdout)


def test_niqe_and_vif_bring_neither_pyiqa_nor_torchvision() -> None:
    """Importing pyiqa takes seconds in every process."""
    code = (
        "import sys, torch\nfrom models import quality\nx = torch.rand(2, 3, 96, 96)\n"
        "print([len(quality.create(n)(x, x.flip(0))) for n in ('niqe', 'vif', 'lpips', 'ssim')])\n"
        "print([m for m in ('pyiqa', 'torchvision', 'torch._dynamo', 'skimage') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines() == ["[2, 2, 2, 2]", "[]"]
