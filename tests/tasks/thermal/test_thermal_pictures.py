"""The `pictures` stage of thermal: made of sample photographs, and of a user's folders with all that can be wrong there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from skimage import data

from pictures import read_image, read_uint8, sha256_file
from tasks.config import ConfigError, load
from tasks.datasets.crops import DatasetError
from tasks.datasets.photos import PHOTOS
from tasks.stage import tables
from tasks.thermal import pictures as thermal

ROOT = Path(__file__).resolve().parents[3]
Build = Callable[..., pd.DataFrame]
SCENES = {"astronaut": data.astronaut, "chelsea": data.chelsea, "coffee": data.coffee}


def build_in(place: Path, monkeypatch: pytest.MonkeyPatch, source: str, **section: Any) -> pd.DataFrame:
    params = yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text())
    params["machine"]["workers"] = section.pop("workers", 1)
    params["thermal"]["dataset"]["source"] = source
    params["thermal"]["dataset"][source] |= {k: str(v) if isinstance(v, Path) else v for k, v in section.items()}
    place.mkdir(exist_ok=True)
    monkeypatch.chdir(place)
    Path("params.yaml").write_text(yaml.safe_dump(params))
    thermal.run(load(thermal.PARAMS, "thermal"))
    return tables.read("infrared_visible", "data/thermal/pictures/infrared_visible.parquet").set_index("id")


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    apart: dict[str, Any] = {"duplicates": None, "same_scene": None}
    return lambda **folder: build_in(tmp_path / "work", monkeypatch, "folder", **apart | folder)


def summary() -> Any:
    return json.loads(Path("data/thermal/pictures/summary.json").read_text())


def visible(name: str, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    return np.asarray(cv2.resize(SCENES[name](), size, interpolation=cv2.INTER_AREA))


def heat(name: str) -> np.ndarray:
    return np.asarray(255 - visible(name)[..., 1])


def folder_of(path: Path, names: dict[str, np.ndarray]) -> Path:
    path.mkdir(exist_ok=True)
    for name, array in names.items():
        Image.fromarray(array).save(path / name)
    return path


def three(tmp_path: Path) -> tuple[Path, Path]:
    infrared = folder_of(tmp_path / "ir", {f"{name}.png": heat(name) for name in SCENES})
    return infrared, folder_of(tmp_path / "vis", {f"{name}.png": visible(name) for name in SCENES})


def test_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thermal, "PHOTOS", PHOTOS[:4])
    table = build_in(tmp_path / "one", monkeypatch, "sample", crops_per_photo=2, validation_photos=1)
    assert len(table) == 8 and table[table.split == "validation"].photograph.nunique() == 1
    for row in table.itertuples():
        assert sha256_file(row.infrared) == row.infrared_sha256 and sha256_file(row.visible) == row.visible_sha256
        grey, photo = read_image(row.infrared), read_image(row.visible)
        assert grey.shape == photo.shape == (row.height, row.width, 3)
        assert (grey[..., 0] == grey[..., 1]).all() and grey.std() > 0.05
        assert np.abs(np.corrcoef(grey[..., 0].ravel(), photo.mean(2).ravel())[0, 1]) < 0.95, "another channel, no copy"
    assert table.reference.isna().all()
    first = {file.name: sha256_file(file) for file in Path("data").rglob("*.png")}
    build_in(tmp_path / "two", monkeypatch, "sample", crops_per_photo=2, validation_photos=1, workers=2)
    assert {file.name: sha256_file(file) for file in Path("data").rglob("*.png")} == first


def test_every_kind_of_file(tmp_path: Path, build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    infrared, light = three(tmp_path)
    deep = (7000 + 3 * heat("coffee").astype(np.uint16)).astype(np.uint16)
    deep[3, 3] = 60000
    folder_of(infrared, {"deep.png": deep, "palette.png": cv2.applyColorMap(heat("chelsea"), cv2.COLORMAP_JET)})
    folder_of(light, {"deep.jpg": visible("coffee"), "palette.png": visible("chelsea")[..., 0]})
    table = build(infrared=infrared, visible=light, workers=2)
    assert sorted(table.index) == ["astronaut", "chelsea", "coffee", "deep", "palette"]
    spread = read_image(table.infrared["deep"])
    assert spread.max() == 1 and spread.min() == 0 and spread.std() > 0.1, "one hot pixel leaves the rest its range"
    said, told = capsys.readouterr().out, summary()
    assert "1 infrared pictures of 16 bits were spread" in said and told["spread"][0].startswith("deep: ")
    assert told["false_colour"] == ["palette"] and "false colours" in said
    grey = read_uint8(table.visible["palette"])
    assert (grey[..., 0] == grey[..., 2]).all()


def test_black_hot_is_turned_over_and_a_set_shares_its_levels(tmp_path: Path, build: Build) -> None:
    infrared, light = three(tmp_path)
    white = build(infrared=infrared, visible=light)
    before = read_uint8(white.infrared["coffee"])
    black = build(infrared=infrared, visible=light, hot="black")
    assert (read_uint8(black.infrared["coffee"]) == 255 - before).all()
    for name, factor in (("astronaut", 10), ("chelsea", 20), ("coffee", 10)):
        Image.fromarray((7000 + factor * heat(name).astype(np.uint16)).astype(np.uint16)).save(infrared / f"{name}.png")
    apart = {name: read_image(path).mean() for name, path in build(infrared=infrared, visible=light).infrared.items()}
    together = {
        name: read_image(path).mean()
        for name, path in build(infrared=infrared, visible=light, scale="set").infrared.items()
    }
    assert together["coffee"] < apart["coffee"] * 0.8, "colder than another picture of the set, and so it stays"
    assert len({line.split(": ")[1] for line in summary()["spread"]}) == 1


def test_what_cannot_be_used_is_named_and_passed_over(
    tmp_path: Path, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    infrared, light = three(tmp_path)
    bad = {
        "flat.png": np.full((120, 160), 90, np.uint8),
        "hot.png": np.full((120, 160), 255, np.uint8),
        "small.png": heat("coffee")[:100],
        "tiny.png": heat("coffee")[:20, :24],
        "alone.png": heat("coffee"),
    }
    folder_of(infrared, bad)
    folder_of(light, {name: visible("coffee") for name in ("flat.png", "hot.png", "small.png", "lonely.png")})
    folder_of(light, {"tiny.png": visible("coffee")[:20, :24]})
    (infrared / "broken.png").write_bytes((infrared / "coffee.png").read_bytes()[:200])
    folder_of(light, {"broken.png": visible("coffee")})
    table = build(infrared=infrared, visible=light)
    assert sorted(table.index) == sorted(SCENES)
    skipped = {entry["file"]: entry["reason"] for entry in summary()["skipped"]}
    assert "it is flat" in skipped["ir/flat.png"] and "it is flat" in skipped["ir/hot.png"]
    assert "differs in size" in skipped["ir/small.png"]
    assert "24 x 20 pixels, smaller than 64 on a side" in skipped["ir/tiny.png"]
    assert {"ir/alone.png", "vis/lonely.png", "ir/broken.png"} <= set(skipped)
    assert "skipped: " in capsys.readouterr().out


def test_a_pair_that_is_off_is_named_and_aligned_where_that_is_asked(
    tmp_path: Path, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    infrared, light = three(tmp_path)
    whole = SCENES["astronaut"]()
    Image.fromarray(255 - whole[40:360, 50:450, 1]).save(infrared / "astronaut.png")
    Image.fromarray(whole[44:364, 44:444]).save(light / "astronaut.png")  # 6 pixels left of it, and 4 below
    table = build(infrared=infrared, visible=light)
    assert table.width["astronaut"] == 400
    assert "1 pairs look off by over 2 pixels, for one astronaut: 7.2 pixels" in capsys.readouterr().out
    table = build(infrared=infrared, visible=light, align=True)
    assert (table.width["astronaut"], table.height["astronaut"]) == (394, 316), "what both have in common"
    assert summary()["shifted"][0].startswith("astronaut: 7.2 pixels")
    grey, photo = read_uint8(table.infrared["astronaut"]), read_uint8(table.visible["astronaut"])
    off = np.abs(grey[..., 0].astype(int) - (255 - photo[..., 1].astype(int)))
    assert np.median(off) <= 3
    assert table.width["coffee"] == 160


def test_near_duplicates_are_left_out_and_a_scene_is_on_one_side(
    tmp_path: Path, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    infrared, light = three(tmp_path)
    noise = np.random.default_rng(0).integers(-2, 3, (120, 160, 3))
    again = np.clip(visible("coffee") + noise, 0, 255).astype(np.uint8)
    near = np.roll(visible("chelsea"), 14, axis=1)
    folder_of(infrared, {"coffee_2.png": heat("coffee"), "chelsea_2.png": np.roll(heat("chelsea"), 14, axis=1)})
    folder_of(light, {"coffee_2.png": again, "chelsea_2.png": near})
    table = build(infrared=infrared, visible=light, duplicates=0.02, same_scene=0.25)
    assert sorted(table.index) == ["astronaut", "chelsea", "chelsea_2", "coffee"]
    twin = summary()["duplicates"][0]
    assert (twin["name"], twin["twin"]) == ("coffee_2", "coffee") and 0 < twin["distance"] < 0.02
    assert "left out: coffee_2 shows nearly the same as coffee" in capsys.readouterr().out
    assert table.photograph["chelsea_2"] == table.photograph["chelsea"] == "chelsea"
    assert table.split["chelsea_2"] == table.split["chelsea"]
    assert not Path("data/thermal/pictures/infrared/coffee_2.png").exists()


def test_one_scene_cannot_be_split(tmp_path: Path, build: Build) -> None:
    infrared = folder_of(tmp_path / "ir", {"a.png": heat("coffee")})
    with pytest.raises(DatasetError, match="1 usable pairs of 1 scenes; at least two scenes are needed"):
        build(infrared=infrared, visible=folder_of(tmp_path / "vis", {"a.png": visible("coffee")}))


def test_folders_have_to_be_named(tmp_path: Path, build: Build) -> None:
    with pytest.raises(ConfigError, match=r"folder\.infrared and folder\.visible must name the folders"):
        build()
    with pytest.raises(ConfigError, match="low < high"):
        build(infrared=tmp_path, visible=tmp_path, percentiles=[90.0, 10.0])
