"""Metrics of fused pictures through the same function as those of enhanced ones."""

from __future__ import annotations

import numpy as np
import pytest

from models.core.tensors import tensor
from models.quality import create
from tasks.measuring.scoring import score


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
