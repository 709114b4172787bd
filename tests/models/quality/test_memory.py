"""What metrics of a large picture take beside the picture, and which libraries they bring."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEASURE = """
import os, sys
from pathlib import Path
import torch
import torchvision
from models import quality
def kilobytes(field):
    return int(next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith(field)).split()[1])
def taken(name, height, width):
    metric = quality.create(name)
    generator = torch.Generator().manual_seed(0)
    image, reference = torch.rand(2, 3, int(height), int(width), generator=generator).split(1)
    def measure(x, y):
        return metric(x, sources=(y, y.flip(3))) if metric.info.needs_sources else metric(x, y)
    measure(image[..., :256, :256], reference[..., :256, :256])
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = kilobytes("VmRSS")
    measure(image, reference)
    return (kilobytes("VmHWM") - before) // 1024
for line in sys.stdin:
    if not os.fork():
        print(taken(*line.split()), flush=True)
        os._exit(0)
    if os.wait()[1]:
        print("failed", flush=True)
"""
"""For each line, a metric, a height and a width: prints the MiB it takes beyond the picture and its reference.

Each in a process of its own, forked from one that has imported what takes long.
"""


@pytest.fixture(scope="module")
def measuring() -> Iterator[subprocess.Popen[str]]:
    # What is given back leaves the process at once: what lies free between does not depend on what ran before.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-c", _MEASURE]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        yield running


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("niqe", 70),
        ("vif", 220),
        ("lpips", 230),
        ("tmqi", 160),
        ("ciede2000", 260),
        ("qcb", 240),
        ("qcv", 240),
    ],
)
def test_a_quarter_of_twelve_megapixels_takes_a_small_part_of_two_gibibytes(
    measuring: subprocess.Popen[str], name: str, most: int
) -> None:
    assert taken(measuring, name, 1500, 2000) < most


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize(("name", "most"), [("fmi", 190), ("dists", 290)])
def test_those_that_take_long_do_at_a_smaller_size(measuring: subprocess.Popen[str], name: str, most: int) -> None:
    assert taken(measuring, name, 400, 533) < most


def taken(measuring: subprocess.Popen[str], name: str, height: int, width: int) -> int:
    """MiB."""
    assert measuring.stdin is not None and measuring.stdout is not None
    print(name, height, width, file=measuring.stdin, flush=True)
    return int(measuring.stdout.readline())


def test_niqe_and_vif_bring_neither_pyiqa_nor_torchvision() -> None:
    """Importing pyiqa takes seconds in every process."""
    code = (
        "import sys, torch\nfrom models import quality\nx = torch.rand(2, 3, 96, 96)\n"
        "print([len(quality.create(n)(x, x.flip(0))) for n in ('niqe', 'vif', 'lpips', 'ssim')])\n"
        "print([m for m in ('pyiqa', 'torchvision', 'torch._dynamo', 'skimage') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines() == ["[2, 2, 2, 2]", "[]"]
