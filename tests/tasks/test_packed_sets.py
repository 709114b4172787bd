"""Datasets whose folders are large enough to be packed, by every kind's own stage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pictures import packed, read_uint8, sha256_file, write_png
from tasks import kinds
from tasks.brackets import pictures as brackets
from tasks.config import View, read_yaml, validate
from tasks.datasets.subjects import frame
from tasks.genetic import search
from tasks.low_light import phases
from tasks.low_light import pictures as low_light
from tasks.stage import tables
from tasks.stage.places import Places
from tasks.thermal import pictures as thermal

TINY = Path(__file__).resolve().parents[1] / "tiny.yaml"


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(packed, "PACKED_FROM", 3)
    monkeypatch.setattr(packed, "_MOST", 2)


def files(kind: str) -> Iterator[tuple[str, str]]:
    """Every picture that the dataset's table names, with its hash."""
    table = frame(kind)
    for path, sha256 in (*kinds.named(kind).sources, ("reference", "reference_sha256")):
        yield from table[[path, sha256]].dropna().itertuples(index=False, name=None)


@pytest.mark.parametrize("module", [low_light, brackets, thermal], ids=lambda module: module.KIND.name)
def test_a_dataset_is_packed_and_its_table_stays_as_it_was(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = module.KIND.name
    monkeypatch.setattr(module, "PHOTOS", module.PHOTOS[:5])
    values = read_yaml(TINY)
    values[kind]["dataset"]["sample"]["validation_photos"] = 1
    module.run(View(validate(values), module.PARAMS, kind))
    at = Places(kind).pictures
    assert list(at.rglob("*.png")) == []
    assert {path.suffix for path in at.rglob("*") if path.is_file()} == {".tar", ".json", ".parquet"}
    found = list(files(kind))
    assert len(found) >= 2 * 5
    if kind == "low_light":
        values["genetic"] |= {"photos": 1}
        search.run(View(validate(values), search.PARAMS, kind))
        assert len(tables.read("enhanced", Places(kind).genetic / "enhanced.parquet")) == 2, "one of each split"
    for path, sha256 in found:
        assert Path(path).suffix == ".png" and sha256_file(path) == sha256 and read_uint8(path).ndim == 3


def test_photos_in_normal_light_are_found_in_tar_files(tmp_path: Path) -> None:
    values = read_yaml(TINY)
    for folder in ("dark", "lit"):
        for number in range(4):
            picture = np.random.default_rng(number).integers(0, 256, (80, 96, 3), dtype=np.uint8)
            write_png(tmp_path / folder / f"{folder}{number}.png", picture)
    values["low_light"]["dataset"] |= {"source": "folder"}
    values["low_light"]["dataset"]["folder"] |= {"inputs": str(tmp_path / "dark"), "normal": str(tmp_path / "lit")}
    low_light.run(View(validate(values), low_light.PARAMS, "low_light"))
    at = Places("low_light")
    assert not (at.pictures / "normal" / "lit0.png").exists()
    pictures, hashes = phases.photos(at, {"normal"})["normal"]
    assert [sha256_file(at.pictures / "normal" / f"lit{number}.png") for number in range(4)] == hashes
    assert pictures.tensor(3).shape == (3, 80, 96)
    assert tables.read_split("images", at.pictures / "images.parquet", "train").shape[0] == 3
