"""A file's header decides nothing that its tensors do not bear out: neither memory nor time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.core.storage import WeightsError, read_architecture, save_weights
from models.fusers.searched import build, load, save


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "change",
    [{"width": 200_000}, {"width": 1000}, {"width": 3}, {"width": 0}, {"width": -2}, {"width": "2"}, {"width": 2.0},
     {"width": True}, {"unrolled": 1_000_000}, {"unrolled": 60}, {"unrolled": None}, {"calibrated": "false"},
     {"genotype": None}, {"width": float("inf")}, {"width": float("nan")}],
    ids=str,
)  # fmt: skip
def test_a_header_that_does_not_fit_its_tensors_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "model.safetensors"
    fuser = build(width=2)
    save(fuser, path)
    header = json.loads(read_architecture(path))
    save_weights(fuser, path, json.dumps(header | change))
    with pytest.raises(WeightsError, match=r"model\.safetensors") as refused:
        load(path)
    assert len(str(refused.value)) < 1000 and "\n" not in str(refused.value)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    ["[" * 50_000, '{"width": ' + "9" * 400 + "}", '{"width": 1e400}', "x" * 200_000, "[]", "{}", "null"],
    ids=["deep", "digits", "infinite", "long", "list", "empty", "null"],
)
def test_a_hostile_header_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.safetensors"
    save_weights(build(width=2), path, text)
    with pytest.raises(WeightsError, match=r"model\.safetensors") as refused:
        load(path)
    assert len(str(refused.value)) < 500 and "\n" not in str(refused.value)


def test_the_bounds_of_params_are_those_of_the_network() -> None:
    from models.fusers import searched
    from tasks.brackets import params

    assert (params.MAX_CHANNELS, params.MAX_STEPS) == (searched.MAX_WIDTH, searched.MAX_STEPS)
