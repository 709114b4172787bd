from __future__ import annotations

from pathlib import Path

import pytest

from cli import presets
from tasks.config import ConfigError, load_whole

NAMES = sorted(path.stem for path in presets.PRESETS.glob("*.yaml"))


def test_demo_and_paper_are_there() -> None:
    assert {"demo", "paper"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_written_whole(tmp_path: Path, name: str) -> None:
    target = tmp_path / "params.yaml"
    assert presets.apply(name, target) == f"{target} is now the preset {name!r}"
    assert target.read_bytes() == (presets.PRESETS / f"{name}.yaml").read_bytes()
    assert load_whole(target).scale == name
    assert list(tmp_path.iterdir()) == [target]


def test_the_file_before_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "params.yaml"
    target.write_text("mine: 1\n")
    assert "the file before is" in presets.apply("demo", target)
    assert (tmp_path / "params.yaml.before").read_text() == "mine: 1\n"
    assert "the file before" not in presets.apply("demo", target)  # the same again changes nothing
    assert (tmp_path / "params.yaml.before").read_text() == "mine: 1\n"


def test_an_unknown_preset_names_the_others(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'demos'; known are .*demo.*paper"):
        presets.apply("demos", tmp_path / "params.yaml")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_preset_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "odd.yaml").write_text("scale: odd\n")
    monkeypatch.setattr(presets, "PRESETS", tmp_path / "presets")
    with pytest.raises(ConfigError, match=r"odd\.yaml has \d+ faults"):
        presets.apply("odd", tmp_path / "params.yaml")
    assert not (tmp_path / "params.yaml").exists()
