"""The `pictures` stage of brackets: made of sample photographs, and of a user's folders with all that can be wrong there."""

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

from models.degradation import expose, to_linear
from pictures import ImageError, quantise, read_array, read_image, sha256_file, write_png
from tasks.brackets import pictures as brackets
from tasks.config import ConfigError, load
from tasks.datasets.crops import DatasetError
from tasks.datasets.photos import PHOTOS
from tasks.stage import tables

ROOT = Path(__file__).resolve().parents[2]
Build = Callable[..., pd.DataFrame]


def build_in(place: Path, monkeypatch: pytest.MonkeyPatch, source: str, **section: Any) -> pd.DataFrame:
    params = yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text())
    params["machine"]["workers"] = section.pop("workers", 1)
    params["brackets"]["dataset"]["source"] = source
    params["brackets"]["dataset"][source] |= {k: str(v) if isinstance(v, Path) else v for k, v in section.items()}
    if source == "folder":
        params["brackets"]["search"]["constraint"] = "none"
    place.mkdir(exist_ok=True)
    monkeypatch.chdir(place)
    Path("params.yaml").write_text(yaml.safe_dump(params))
    brackets.run(load(brackets.PARAMS, "brackets"))
    return tables.read("exposures", "data/brackets/pictures/exposures.parquet").set_index("id")


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    return lambda **folder: build_in(tmp_path / "work", monkeypatch, "folder", **folder)


def summary() -> Any:
    return json.loads(Path("data/brackets/pictures/summary.json").read_text())


def picture(seed: int, low: int, high: int, size: tuple[int, int] = (70, 80)) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, (*size, 3), dtype=np.uint8)


def dark(seed: int) -> np.ndarray:
    return picture(seed, 0, 90)


def light(seed: int) -> np.ndarray:
    return picture(seed, 150, 256)


def folder_of(path: Path, names: dict[str, np.ndarray]) -> Path:
    path.mkdir(exist_ok=True)
    for name, array in names.items():
        Image.fromarray(array).save(path / name)
    return path


def three(tmp_path: Path) -> tuple[Path, Path]:
    """Three good scenes: a, b, c."""
    under = folder_of(tmp_path / "under", {f"{name}.png": dark(number) for number, name in enumerate("abc")})
    return under, folder_of(tmp_path / "over", {f"{name}.png": light(number) for number, name in enumerate("abc")})


def test_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brackets, "PHOTOS", PHOTOS[:4])
    sample = {"crops_per_photo": 2, "validation_photos": 1}
    table = build_in(tmp_path / "one", monkeypatch, "sample", **sample)
    assert len(table) == 8
    assert table[table.split == "validation"].photograph.nunique() == 1
    for row in table.itertuples():
        assert sha256_file(row.under) == row.under_sha256 and sha256_file(row.over) == row.over_sha256
        under, over, reference = (read_image(path) for path in (row.under, row.over, row.reference))
        assert under.shape == over.shape == reference.shape == (row.height, row.width, 3) == (96, 96, 3)
        assert under.mean() < reference.mean() < over.mean()
        assert (over == 1).mean() > (reference == 1).mean(), "what is over-exposed is clipped"
    natural = tables.read("natural", "data/brackets/pictures/natural.parquet")
    assert set(natural.id) == set(table.index[table.split == "train"]), "nothing of validation photographs"
    first = {file.name: sha256_file(file) for file in Path("data").rglob("*.p*") if file.is_file()}
    build_in(tmp_path / "two", monkeypatch, "sample", **sample, workers=2)
    assert {file.name: sha256_file(file) for file in Path("data").rglob("*.p*") if file.is_file()} == first


def test_in_uneven_light_no_exposure_alone_shows_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brackets, "PHOTOS", [photo for photo in PHOTOS if photo.name in ("chelsea", "coffee", "boat")])
    steady = {"crops_per_photo": 2, "validation_photos": 1, "under_stops": [2.0, 2.0], "over_stops": [2.0, 2.0]}

    def spread(place: str, **sample: Any) -> float:
        """Of the light that the shorter exposure has of the reference: of the brightest tenth over the darkest, in stops."""
        table, found = build_in(tmp_path / place, monkeypatch, "sample", **steady, **sample), []
        for row in table.itertuples():
            under, reference = (to_linear(read_image(path)).mean(2) for path in (row.under, row.reference))
            shown = np.log2(under[reference > 0.05] / reference[reference > 0.05] + 1e-4)
            found.append(float(np.subtract(*np.percentile(shown, [90, 10]))))
        return float(np.mean(found))

    even = spread("even", lights=["even"], contrast_stops=[4.0, 4.0])
    assert even < 0.8, "noise alone"
    assert spread("uneven", lights=["window", "gradient"], contrast_stops=[4.0, 4.0]) > even + 1.5
    with pytest.raises(ConfigError, match="contrast_stops must be"):
        spread("wrong", contrast_stops=[3.0, 2.0])
    with pytest.raises(ConfigError, match="moon is not known"):
        spread("unknown", lights=["moon"])


def test_a_sample_with_too_few_training_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match="leaves 1 training scenes of 14 photographs; the search needs two"):
        build_in(tmp_path, monkeypatch, "sample", validation_photos=13, crops_per_photo=1)


def test_every_kind_of_file(tmp_path: Path, build: Build) -> None:
    under, over = three(tmp_path)
    folder_of(under, {"grey.png": dark(4)[..., 0], "photo.jpg": dark(5)})
    folder_of(over, {"grey.png": light(4)[..., 0], "photo.tif": light(5)})
    write_png(under / "deep.png", dark(6).astype(np.uint16) * 257)
    write_png(over / "deep.png", light(6))
    table = build(under=under, over=over, workers=2)
    assert sorted(table.index) == ["a", "b", "c", "deep", "grey", "photo"]
    assert table.reference.isna().all() and (table.photograph == table.index).all()
    assert np.array_equal(read_array(table.under["deep"]), dark(6)), "working copies have 8 bits"
    assert read_array(table.under["grey"]).shape == (70, 80, 3)
    assert summary()["skipped"] == []


def test_what_cannot_be_used_is_named_and_counted(tmp_path: Path, build: Build) -> None:
    under, over = three(tmp_path)
    folder_of(under, {"size.png": dark(4), "same.png": dark(5), "alone.png": dark(6), "swapped.png": light(7)})
    folder_of(over, {"size.png": light(4)[:-1], "same.png": dark(5), "other.png": light(8), "swapped.png": dark(7)})
    (under / "broken.png").write_bytes((under / "a.png").read_bytes()[:300])
    folder_of(over, {"broken.png": light(9)})
    table = build(under=under, over=over)
    assert sorted(table.index) == ["a", "b", "c", "swapped"]
    found = summary()
    reasons = {entry["file"]: entry["reason"] for entry in found["skipped"]}
    assert list(reasons) == [
        "over/other.png",
        "under/alone.png",
        "under/broken.png",
        "under/same.png",
        "under/size.png",
    ]
    assert "no partner of the stem 'other'" in reasons["over/other.png"]
    assert "no partner of the stem 'alone'" in reasons["under/alone.png"]
    assert "truncated" in reasons["under/broken.png"]
    assert "is the same picture as" in reasons["under/same.png"]
    assert "differs in size from" in reasons["under/size.png"]
    assert (found["swapped"], found["counts"]["skipped"]) == (["swapped"], 5)
    assert np.array_equal(read_array(table.under["swapped"]), dark(7))
    assert np.array_equal(read_array(table.over["swapped"]), light(7))
    assert sorted(path.stem for path in Path("data/brackets/pictures/under").iterdir()) == sorted(table.index)


def test_swapped_exposures_can_be_refused(tmp_path: Path, build: Build) -> None:
    under, over = three(tmp_path)
    folder_of(under, {"swapped.png": light(7)})
    folder_of(over, {"swapped.png": dark(7)})
    assert sorted(build(under=under, over=over, swapped="refuse").index) == ["a", "b", "c"]
    assert "under and over look swapped" in summary()["skipped"][0]["reason"]


def test_references_and_natural_photos(tmp_path: Path, build: Build) -> None:
    under, over = three(tmp_path)
    reference = folder_of(tmp_path / "reference", {"a.jpg": dark(1), "b.png": dark(2), "typo.png": dark(3)})
    natural = folder_of(tmp_path / "natural", {"a.png": dark(3), "tiny.png": dark(3)[:20]})
    table = build(under=under, over=over, reference=reference, natural=natural)
    assert table.reference.notna().tolist() == [True, True, False]
    assert summary()["without_reference"] == ["c"]
    rows = tables.read("natural", "data/brackets/pictures/natural.parquet")
    assert list(rows.id) == ["a"] and rows.photograph[0] not in set(table.photograph)
    assert sha256_file(rows.path[0]) == rows.sha256[0]
    assert [entry["file"] for entry in summary()["skipped"]] == ["natural/tiny.png", "reference/typo.png"]
    assert "has no partner of the stem 'typo'" in summary()["skipped"][1]["reason"]


def test_faults_of_the_folders(tmp_path: Path, build: Build) -> None:
    under, over = three(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ImageError, match="empty: no photos in this folder"):
        build(under=under, over=over, natural=empty)
    with pytest.raises(DatasetError, match="has no usable natural photo of 1"):
        build(under=under, over=over, natural=folder_of(tmp_path / "small", {"x.png": dark(1)[:9]}))
    with pytest.raises(ImageError, match=r"no photo here has the stem of one in .*under"):
        build(under=under, over=folder_of(tmp_path / "wrong", {"x.png": light(1)}))
    with pytest.raises(ImageError, match=r"wrong: no photo here has the stem of one in .*under"):
        build(under=under, over=over, reference=tmp_path / "wrong")
    assert len(build(under=under, over=over)) == 3
    before = sha256_file("data/brackets/pictures/exposures.parquet")
    (over / "b.png").unlink()
    with pytest.raises(DatasetError, match=r"have 2 usable pairs; at least three.*Skipped:\n.*b\.png: has no partner"):
        build(under=under, over=over)
    assert sha256_file("data/brackets/pictures/exposures.parquet") == before, "what was there stays"


def test_the_folders_must_be_named(build: Build) -> None:
    with pytest.raises(
        ConfigError, match=r"brackets\.dataset: source is 'folder', so folder\.under and folder\.over must name"
    ):
        build()


def shot_at(path: Path, seconds: float, exposure: float) -> None:
    """A JPEG as bright as its exposure, with EXIF time (whole seconds) and exposure."""
    exif = Image.Exif()
    exif.get_ifd(0x8769).update(
        {36867: f"2024:05:01 12:{int(seconds) // 60:02d}:{int(seconds) % 60:02d}", 33434: exposure}
    )
    path.parent.mkdir(exist_ok=True)
    low = min(int(1000 * exposure), 190)
    Image.fromarray(picture(int(seconds) + low, low, low + 60)).save(path, exif=exif)


def test_a_folder_of_bursts(tmp_path: Path, build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    """The darkest and the brightest of each burst; what belongs to none is named."""
    for scene in range(3):
        for place, exposure in enumerate((0.05, 0.01, 0.2)):
            shot_at(tmp_path / "aeb" / f"DSC{scene}{place}.jpg", 60 * scene + place, exposure)
    shot_at(tmp_path / "aeb" / "alone.jpg", 600, 0.1)
    reference = folder_of(tmp_path / "reference", {"dsc10.png": dark(1), "other.png": dark(2)})
    table = build(bursts=tmp_path / "aeb", reference=reference)
    assert list(table.index) == ["DSC01", "DSC11", "DSC21"]
    assert table.reference.notna().tolist() == [False, True, False]
    assert np.array_equal(read_array(table.under["DSC11"]), read_array(tmp_path / "aeb" / "DSC11.jpg"))
    assert np.array_equal(read_array(table.over["DSC11"]), read_array(tmp_path / "aeb" / "DSC12.jpg"))
    reasons = {entry["file"]: entry["reason"] for entry in summary()["skipped"]}
    assert "belongs to no burst" in reasons["aeb/alone.jpg"]
    assert "no burst has a photo of the stem 'other'" in reasons["reference/other.png"]
    assert "3 bursts among 10 photos" in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"folder\.bursts and folder\.under are both set"):
        build(bursts=tmp_path / "aeb", under=tmp_path / "aeb")


def test_exposures_under_other_names_join_by_order_or_time(tmp_path: Path, build: Build) -> None:
    for scene in range(3):
        shot_at(tmp_path / "under" / f"DSC{scene}0.jpg", 60 * scene, 0.01)
        shot_at(tmp_path / "over" / f"DSC{scene}2.jpg", 60 * scene + 2, 0.2)
    with pytest.raises(ImageError, match="nearest are 'DSC00' and 'DSC02'"):
        build(under=tmp_path / "under", over=tmp_path / "over")
    for way in ("order", "time"):
        table = build(under=tmp_path / "under", over=tmp_path / "over", pair_by=way)
        assert list(table.index) == ["DSC00", "DSC10", "DSC20"], way
        assert np.array_equal(read_array(table.over["DSC10"]), read_array(tmp_path / "over" / "DSC12.jpg")), way
    (tmp_path / "over" / "DSC22.jpg").unlink()
    with pytest.raises(ImageError, match="joining by order needs as many in each"):
        build(under=tmp_path / "under", over=tmp_path / "over", pair_by="order")


def test_sub_folders_of_exposures(tmp_path: Path, build: Build) -> None:
    for place, scene in enumerate("xyz"):
        folder_of(tmp_path / "under", {})
        folder_of(tmp_path / "over", {})
        folder_of(tmp_path / "under" / scene, {"a.png": dark(place)})
        folder_of(tmp_path / "over" / scene, {"A.png": light(place)})
    with pytest.raises(ImageError, match=r"no photos in this folder.*3 photos in sub-folders were not read"):
        build(under=tmp_path / "under", over=tmp_path / "over")
    table = build(under=tmp_path / "under", over=tmp_path / "over", recursive=True)
    assert list(table.index) == ["x__a", "y__a", "z__a"]
    assert np.array_equal(read_array(table.over["z__a"]), light(2))


def taken(stops: float, x: float = 0.0) -> np.ndarray:
    """An exposure (160, 200, 3) uint8 of one photograph, the camera moved by `x` pixels."""
    shifted = cv2.warpAffine(data.coffee().astype(np.float32) / 255, np.array([[1, 0, x], [0, 1, 0.4 * x]]), (600, 400))
    return quantise(expose(shifted[100:260, 200:400], stops, 0.0003, 0.001, np.random.default_rng(0)), 8)


def test_hand_held_scenes_are_aligned_and_said(
    tmp_path: Path, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    under = folder_of(tmp_path / "under", {f"{name}.png": taken(-2) for name in "abcd"})
    over = folder_of(tmp_path / "over", {f"{name}.png": taken(1) for name in "abd"} | {"c.png": taken(1, 7.0)})
    Image.fromarray(light(3)[:70, :80]).resize((200, 160), Image.Resampling.NEAREST).save(over / "d.png")
    table = build(under=under, over=over, align=True)
    assert sorted(table.index) == ["a", "b", "c"]
    said = summary()
    assert (
        len(said["aligned"]) == 1
        and "over/c.png with" in said["aligned"][0]
        and "off by 7.5 pixels" in said["aligned"][0]
    )
    assert "aligned: " + said["aligned"][0] in capsys.readouterr().out
    assert [entry["file"] for entry in said["skipped"]] == ["over/d.png"]
    assert (
        "cannot be aligned" in said["skipped"][0]["reason"]
        and "brackets.dataset.folder.align" in said["skipped"][0]["reason"]
    )
    assert np.array_equal(read_array(table.over["a"]), taken(1)), "what did not move stays"
    true, crossed = taken(1).astype(int), taken(1, 7.0)
    assert np.abs(read_array(table.over["c"]) - true).mean() < np.abs(crossed - true).mean() / 4
    build(under=under, over=over, align=False)
    assert summary()["aligned"] == [] and summary()["skipped"] == []


def test_exposures_are_aligned_with_the_reference(tmp_path: Path, build: Build) -> None:
    under = folder_of(tmp_path / "under", {f"{name}.png": taken(-2, 5.0) for name in "abc"})
    over = folder_of(tmp_path / "over", {f"{name}.png": taken(1) for name in "abc"})
    reference = folder_of(tmp_path / "reference", {f"{name}.png": taken(0) for name in "abc"})
    table = build(under=under, over=over, reference=reference, align=True)
    assert len(summary()["aligned"]) == 3 and all("under/" in line for line in summary()["aligned"])
    true, crossed = taken(-2).astype(int), taken(-2, 5.0)
    assert np.abs(read_array(table.under["a"]) - true).mean() < np.abs(crossed - true).mean() / 2
    assert np.array_equal(read_array(table.over["a"]), taken(1))


def test_an_exposure_that_shows_nothing_is_skipped_and_named(tmp_path: Path, build: Build) -> None:
    under, over = three(tmp_path)
    folder_of(under, {"white.png": dark(4)})
    folder_of(over, {"white.png": np.full((70, 80, 3), 255, np.uint8)})
    assert sorted(build(under=under, over=over).index) == ["a", "b", "c"]
    assert summary()["skipped"][0]["file"] == "over/white.png"
    assert summary()["skipped"][0]["reason"].startswith("100 % of it is white: nothing is to be seen in it")
