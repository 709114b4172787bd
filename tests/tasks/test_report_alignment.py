"""What the report shows of an alignment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_artifacts import AT, make, params

from models.regions.rle import encode
from pictures import write_json, write_png
from tasks.pages.aligned import LOUDEST, changes, difference, labels_of, loudness, outlined, strips
from tasks.rounds import report
from tasks.stage import tables


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make()
    return tmp_path


def test_those_that_got_worse_come_first() -> None:
    rows = [("a", "f0", 1.0), ("a", "f1", 0.4), ("b", "f0", 1.0), ("b", "f1", 1.5), ("c", "f0", 1.0)]
    table = pd.DataFrame([{"judge": "g1", "image": i, "model": m, "value": v} for i, m, v in rows])
    assert changes(table, "g1", "f0", "f1") == [("b", -0.5), ("a", pytest.approx(0.6))]
    assert changes(table, "g0", "f0", "f1") == []


def test_a_difference_is_grey_where_there_is_none() -> None:
    before = np.full((2, 2, 3), 100, np.uint8)
    after = before.copy()
    after[0, 0], after[1, 1] = 110, 0
    found = difference(before, after, 4)
    assert found[0, 1].tolist() == [128] * 3 and found[0, 0].tolist() == [128 + 10 * 4] * 3
    assert found[1, 1].tolist() == [0] * 3, "clipped"


def test_a_difference_is_magnified_as_far_as_it_is_not_clipped() -> None:
    black = np.zeros((10, 10, 3), np.uint8)
    assert [loudness(black, black + value) for value in (1, 40, 200)] == [LOUDEST, 3, 1]


def test_borders_lie_on_both_sides() -> None:
    labels = np.zeros((4, 6), np.int32)
    labels[:, 3:] = 1
    drawn = outlined(np.zeros((4, 6, 3), np.uint8), labels).any(2)
    assert drawn.any(0).tolist() == [False, False, True, True, False, False]


def test_the_page_shows_regions_and_heatmaps(here: Path) -> None:
    shape = report.page(params())
    assert "What the alignment did" in shape and "likes f3 less than f0 on 1 of 3" in shape
    assert "was asked about regions" not in shape
    first = strips(AT, "f3", "g2", 3)[0]
    height, width = 40, 64
    labels = np.arange(width) // (width // 2) + np.zeros((height, 1), int)
    rows = [
        {"image": first["image"], "region": number, "height": height, "width": width, "area": int((labels == number).sum()),
         "counts": encode(labels == number)}
        for number in (0, 1)
    ]  # fmt: skip
    tables.write("regions", rows, AT.regions / "regions.parquet")
    write_json(AT.regions / "summary.json", {"segmenter": "grid", "note": "", "images": 1, "regions": 2})
    write_png(AT.evaluate / "outputs" / "heatmaps" / f"{first['image']}__f0.png", np.full((8, 8, 3), 200, np.uint8))
    assert labels_of(AT)[first["image"]].shape == (height, width)
    names = [name for name, _ in strips(AT, "f3", "g2", 3)[0]["views"]]
    assert names == ["f0", "f3", f"difference × {LOUDEST}", "regions", "artifacts, f0"]
    page = report.page(params())
    assert "grid, 2 regions in 1 image" in page.replace("\u00a0", " ")
