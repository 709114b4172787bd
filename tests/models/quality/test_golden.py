"""Metrics against public implementations: values that they gave for the pictures of golden_pictures.py, with name and version
beside each, and the kits' values in the shared folder of golden pairs where it is there."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from golden_pictures import pictures, tensor
from PIL import Image

from models import quality

VALUES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))
TOLERANCE = {
    "psnr": 1e-5,  # ours is float32, 20 to 70 dB
    "ssim": 1e-12,
    "ms_ssim": 5e-6,  # pytorch-msssim's window is float32, in float64 pictures, too
    "ms_ssim_sources": 5e-6,
    "delta_e": 1e-5,  # ours is float32, 0.01 to 60
    "ssim_rgb": 1e-12,
    "dists": 5e-7,  # both are float32
    "ciede2000": 5e-6,  # the pictures are float32
    "cc": 1e-12,
    "entropy": 1e-12,
    "sd": 1e-10,
    "viff": 1e-11,
}
FLOAT32_WINDOW = {("ssim", "pytorch-msssim 1.0.0"): 2e-5, ("ssim_rgb", "pytorch-msssim 1.0.0"): 2e-5}
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "golden"


@pytest.fixture(scope="module")
def made() -> dict[str, torch.Tensor]:
    return {name: tensor(picture) for name, picture in pictures().items()}


def test_the_pictures_are_those_that_were_measured() -> None:
    seen = hashlib.sha256(b"".join(picture.tobytes() for _, picture in sorted(pictures().items()))).hexdigest()
    assert seen == "df85f70a1a9a264508a15439c791bf12ca2046662ae5ca7d8591cd094e39ab75"


@pytest.mark.parametrize(
    "row", VALUES, ids=lambda row: f"{row['metric']}-{row['image']}-{row['implementation'].split()[0]}"
)
def test_equals_the_public_implementation(row: dict[str, Any], made: dict[str, torch.Tensor]) -> None:
    facts = quality.info(row["metric"])
    others = tuple(made[name] for name in row["against"])
    value = quality.create(row["metric"])(
        made[row["image"]], others[0] if facts.needs_reference else None, others if facts.needs_sources else None
    )
    allowed = FLOAT32_WINDOW.get((row["metric"], row["implementation"]), TOLERANCE[row["metric"]])
    assert value.item() == pytest.approx(row["value"], rel=0, abs=allowed)


def test_the_values_cover_what_they_should() -> None:
    assert {row["metric"] for row in VALUES} == set(TOLERANCE)
    assert all(row["implementation"].split()[1][0].isdigit() and row["call"] for row in VALUES)
    # Reversed polarity, where a clamp pixel by pixel shows.
    assert min(row["value"] for row in VALUES if row["metric"] == "ssim") < -0.5
    assert 0 < min(row["value"] for row in VALUES if row["metric"] == "ms_ssim" and row["value"] > 0) < 0.1


def test_a_mean_below_zero_counts_as_zero_and_a_pixel_does_not(made: dict[str, torch.Tensor]) -> None:
    """Half of the picture reversed: pixel by pixel the clamp would leave the other half's structure as the mean."""
    value = quality.create("ms_ssim")(made["half_reversed"], made["scene"]).item()
    assert value < 0.1  # 0.43 with the clamp at every pixel
    assert quality.create("ms_ssim")(made["reversed"], made["scene"]).item() == 0.0
    assert "below 0 counts as 0" in quality.info("ms_ssim").variant


CDDFUSE, MEFB, AUTHORS = "CDDFuse Evaluator.py", "MEFB metrics (Octave 7.3)", "authors (MEFB copy; Octave 7.3)"
KITS = {
    # (kit's metric, source): (ours, tolerance)
    ("EN", CDDFUSE): ("entropy", 1e-12),
    ("Entropy", MEFB): ("entropy", 1e-9),
    ("SD", CDDFUSE): ("sd", 1e-4),  # float32
    ("SD", MEFB): ("sd", 1e-7),
    ("CC", CDDFUSE): ("cc", 1e-6),  # float32
    ("PSNR", CDDFUSE): ("psnr", 1e-5),  # float32
    ("MSE", CDDFUSE): ("mse", 1e-2),  # float32, of up to 20000
    ("VIFF", CDDFUSE): ("viff", 1e-7),  # divides by variances of 1e-10 where it is flat
    ("VIFP_sum", "Evaluation-for-Image-Fusion (Octave 7.3)"): ("viff", 1e-7),
    ("Qabf", CDDFUSE): ("qabf", 1e-7),  # float32; equal to the last digit where ours is computed so
    ("Qabf", MEFB): ("qabf", 1e-9),
    ("Qabf", "Evaluation-for-Image-Fusion (Octave 7.3)"): ("qabf", 1e-9),
    ("mef_ms_ssim", AUTHORS): ("mef_ms_ssim", 1e-10),  # ten digits were kept
    ("SF", CDDFUSE): ("sf", 1e-5),  # float32
    ("SF", "Evaluation-for-Image-Fusion (Octave 7.3)"): ("sf", 1e-8),
    ("AG", CDDFUSE): ("ag", 1e-5),  # float32
    ("Edge_intensity", MEFB): ("ei", 1e-7),
    ("MI", CDDFUSE): ("mi", 1e-12),
    ("NMI", MEFB): ("nmi", 1e-8),
    ("Cross_entropy", MEFB): ("cross_entropy", 1e-8),
    ("SCD", CDDFUSE): ("scd", 1e-6),  # float32
    ("SCD", "Evaluation-for-Image-Fusion (Octave 7.3)"): ("scd", 1e-8),
    ("Qw", MEFB): ("qw", 1e-10),  # ten digits were kept
    ("Nabf", "Evaluation-for-Image-Fusion (Octave 7.3)"): ("nabf", 1e-13),
}
"""CDDFuse takes means over both sources for CC, MSE and PSNR (of the mean error, with the highest
value of the fused picture as peak). MEFB's VIF is neither of ours (0.16 where
the sources have 0.31 and 0.18): no such metric is registered here."""


def ours(name: str, fused: torch.Tensor, sources: tuple[torch.Tensor, ...]) -> float:
    """Our value of a kit's figure for a grey picture and its two sources."""
    if name in ("psnr", "mse"):
        errors = [10 ** (-quality.create("psnr")(fused, source).double().item() / 10) for source in sources]
        mean = sum(errors) / len(errors)
        return mean * 255**2 if name == "mse" else 10 * math.log10(fused.max().item() ** 2 / mean)
    if name == "cc":
        return float(np.mean([quality.create("cc")(fused, source).item() for source in sources]))
    return quality.create(name)(fused, sources=sources).item()


def test_equals_the_kits_on_their_pairs() -> None:
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED.name} is not here")
    with (SHARED / "fusion_metrics.csv").open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if (row["metric"], row["source"]) in KITS]

    def read(name: str) -> torch.Tensor:
        return tensor(np.asarray(Image.open(SHARED / f"{name}.png").convert("L")))

    found: dict[tuple[str, str, str], float] = {}
    worst: dict[tuple[str, str], float] = defaultdict(float)
    for row in rows:
        name, picture, fused = KITS[row["metric"], row["source"]][0], row["picture"], row["fused"]
        if (name, picture, fused) not in found:
            sources = (read(f"{picture}_a"), read(f"{picture}_b"))
            found[name, picture, fused] = ours(name, read(f"{picture}_{fused}"), sources)
        key = (row["metric"], row["source"])
        worst[key] = max(worst[key], abs(found[name, picture, fused] - float(row["value"])))
    assert set(worst) == set(KITS)
    assert {key: (value, KITS[key][1]) for key, value in worst.items() if value > KITS[key][1]} == {}
    print({key: f"{value:.1e}" for key, value in worst.items()})
