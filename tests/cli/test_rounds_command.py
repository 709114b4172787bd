"""`loupe rounds add`: one more round, and nothing else of params.yaml moves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli.rounds import add_rounds
from tasks.config import ConfigError, load_whole

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def params(tmp_path: Path) -> Path:
    shutil.copyfile(ROOT / "presets" / "demo.yaml", tmp_path / "params.yaml")
    return tmp_path / "params.yaml"


def test_a_round_more_is_two_lines(params: Path) -> None:
    before = params.read_text().splitlines()
    said = add_rounds("low_light", 1, params)
    assert "low_light-r04" in said
    assert "dvc repro report@low_light" in said
    after = params.read_text().splitlines()
    assert [line for line in after if line not in before] == [
        "  low_light: {start: pictures, rounds: 4}",
        "  low_light-r04: {kind: low_light, round: r04, prev: r03, candidates: pictures, label_rev: 0}",
    ]
    assert len(after) == len(before) + 1
    assert (
        after.index("  brackets-r01: {kind: brackets, round: r01, prev: r00, candidates: pictures, label_rev: 0}") > 0
    )
    assert list(load_whole(params).rounds)[3:] == ["low_light-r04", "brackets-r01", "thermal-r01"]


def test_several_at_once_compare_what_the_last_one_does(params: Path) -> None:
    text = params.read_text().replace(
        "prev: r02, candidates: pictures, label_rev: 0", "prev: r02, candidates: genetic, label_rev: 3"
    )
    params.write_text(text)
    add_rounds("low_light", 2, params)
    rounds = load_whole(params).rounds
    assert [rounds[f"low_light-r0{number}"].candidates for number in (2, 3, 4, 5)] == ["pictures", *["genetic"] * 3]
    assert rounds["low_light-r05"].label_rev == 0


def test_what_cannot_be_added_changes_nothing(params: Path) -> None:
    with pytest.raises(ConfigError, match=r"does not name 'polarised'; it names low_light, brackets, thermal"):
        add_rounds("polarised", 1, params)
    before = params.read_text().replace("seed: 1", "seed: -1", 1)
    params.write_text(before)
    with pytest.raises(ConfigError, match="seed"):
        add_rounds("low_light", 1, params)
    assert params.read_text() == before
