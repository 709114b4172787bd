"""Metrics of fused pictures through the same function as those of enhanced ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.core.storage import save_weights
from models.core.tensors import tensor
from models.enhancers import create as create_enhancer
from models.quality import create
from pictures import read_uint8, sha256_file, write_png
from tasks import kinds
from tasks.config import View, read_yaml, validate
from tasks.datasets.subjects import Subject
from tasks.measuring.scoring import score
from tasks.rounds import align
from tasks.rounds.measured import Job, measure

ROOT = Path(__file__).resolve().parents[2]


def test_what_a_metric_needs_is_given_or_its_value_is_none() -> None:
    random = np.random.default_rng(0)
    fused, one, two, reference = (random.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(4))
    names = ["qabf", "cc", "entropy"]
    found = score(names, fused, reference, [one, two])
    assert found["qabf"] == pytest.approx(float(create("qabf")(tensor(fused), sources=(tensor(one), tensor(two)))))
    assert found["cc"] == pytest.approx(float(create("cc")(tensor(fused), tensor(reference))))
    alone = score(names, fused)
    assert alone == {"qabf": None, "cc": None, "entropy": found["entropy"]}
    assert score(["qabf"], fused, reference, [one]) == {"qabf": None}
    found = score(["loe"], fused, None, [one])
    assert found["loe"] == pytest.approx(float(create("loe")(tensor(fused), sources=(tensor(one),)))) != 0
    assert score(["loe"], fused) == {"loe": None}


def test_an_enhanced_photo_is_compared_with_its_one_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the evaluation of the rounds does it, with what low light's models make of a photo."""
    monkeypatch.chdir(tmp_path)
    photo = np.random.default_rng(1).integers(0, 90, (64, 72, 3), dtype=np.uint8)
    write_png("dark.png", photo)
    torch.manual_seed(0)
    save_weights(create_enhancer("curve", width=4, iterations=4, scale=4), Path("curve.safetensors"))
    params = View(validate(read_yaml(ROOT / "tests" / "tiny.yaml")), align.PARAMS, "low_light")
    spec = kinds.named("low_light").models.spec(params, Path("curve.safetensors"))
    subject = Subject("p", "p", "validation", ("dark.png",), (sha256_file("dark.png"),), None)
    rows = measure(Job(subject, "low_light", (("f0", spec),), ("loe", "qabf", "entropy"), str(tmp_path)))
    assert [row["model"] for row in rows] == ["input", "f0"]
    assert rows[0]["scores"]["loe"] == 0.0
    wanted = score(["loe"], read_uint8("f0/p.png"), None, [photo])["loe"]
    assert wanted is not None and rows[1]["scores"]["loe"] == wanted > 0
    assert [row["scores"]["qabf"] for row in rows] == [None, None]
