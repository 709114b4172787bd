"""Models, judges and metrics that an installed package offers by entry points."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from cli.checking import look_at_entry_points
from models import enhancers, fusers, judges, quality
from models.own import OwnModelError, known_names
from tasks.datasets.looking import Findings

CODE = """
from torch import nn

class Half(nn.Module):
    def forward(self, *pictures):
        return sum(pictures) / (2 * len(pictures))

class Bright(nn.Module):
    higher_is_better = True
    def forward(self, pictures):
        return pictures.mean((1, 2, 3))

def redness(image):
    return image[:, 0].mean((1, 2))

redness.higher_is_better = True
"""
POINTS = """
[loupe.enhancers]
half = packaged:Half
broken = packaged_badly:Half
curve = packaged:Half
[loupe.fusers]
half = packaged:Half
[loupe.judges]
bright = packaged:Bright
[loupe.metrics]
redness = packaged:redness
"""


def installed(folder: Path, name: str, points: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "packaged.py").write_text(CODE)
    (tmp_path / "packaged_badly.py").write_text("import a_library_that_is_not_there")
    installed(tmp_path, "offering", POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "packaged", raising=False)
    quality._own.cache_clear()
    return tmp_path


@pytest.mark.parametrize(
    ("create", "name"),
    [(enhancers.create, "half"), (fusers.create, "half"), (judges.create, "bright"), (quality.create, "redness")],
)
def test_they_are_had_by_name(create: Any, name: str) -> None:
    found = create(name)
    assert type(getattr(found, "network", found)).__module__ in ("packaged", "models.quality.metric")


def test_one_that_cannot_be_imported_is_named() -> None:
    said = r"entry point 'broken' \(packaged_badly:Half\) cannot be imported: ModuleNotFoundError: No module named 'a_library"
    with pytest.raises(OwnModelError, match=said):
        enhancers.create("broken")


def test_two_of_one_name_are_named(packages: Path) -> None:
    installed(packages, "other", "[loupe.judges]\nbright = packaged:Half\n")
    with pytest.raises(
        OwnModelError, match=r"several packages have a model called 'bright' \(packaged:Bright, packaged:Half\)"
    ):
        judges.create("bright")
    assert known_names("loupe.judges") == ["bright"]


def test_one_of_the_name_of_ours_is_not_used_and_said() -> None:
    assert type(enhancers.create("curve")).__module__ == import_module("models.enhancers.curve").__name__
    found = Findings()
    look_at_entry_points(found)
    assert found.warnings == [
        "entry point 'curve' of loupe.enhancers (packaged:Half) has the name of one of Loupe's own, which is used; name it as "
        "packaged:Half"
    ]
