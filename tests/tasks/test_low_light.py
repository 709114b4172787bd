from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from models.core.storage import save_weights
from models.enhancers import create
from pictures import ImageError, read_array, read_image, sha256_file, write_png
from tasks.config import ConfigError, load
from tasks.datasets.crops import DatasetError, crop_places, generator, validation_names
from tasks.low_light import pictures as low_light
from tasks.low_light.enhancers import Trained, opened
from tasks.stage import tables
from tasks.stage.mapping import MapError

ROOT = Path(__file__).resolve().parents[2]
Build = Callable[..., pd.DataFrame]


def build_in(
    place: Path, monkeypatch: pytest.MonkeyPatch, base: str = "tests/tiny.yaml", **dataset: Any
) -> pd.DataFrame:
    """Run the stage in a folder with params of its own; returns the table of images."""
    params = yaml.safe_load((ROOT / base).read_text())
    params["machine"] = {"device": "cpu", "workers": dataset.pop("workers", 1)}
    for name, value in dataset.items():
        if isinstance(value, dict):
            params["low_light"]["dataset"][name] |= value
        else:
            params["low_light"]["dataset"][name] = value
    place.mkdir(exist_ok=True)
    monkeypatch.chdir(place)
    Path("params.yaml").write_text(yaml.safe_dump(params))
    low_light.run(load(low_light.PARAMS, "low_light"))
    return tables.read("images", "data/low_light/pictures/images.parquet")


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """build(inputs=..., ...) runs the stage on folders."""

    def make(**folder: Any) -> pd.DataFrame:
        workers = folder.pop("workers", 1)
        values = {key: str(value) if isinstance(value, Path) else value for key, value in folder.items()}
        return build_in(tmp_path / "work", monkeypatch, source="folder", folder=values, workers=workers)

    return make


def summary() -> Any:
    return json.loads(Path("data/low_light/pictures/summary.json").read_text())


def bytes_of(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): sha256_file(file) for file in folder.rglob("*") if file.is_file()}


def picture(seed: int, height: int = 80, width: int = 96) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def folder_of(path: Path, names: dict[str, np.ndarray]) -> Path:
    path.mkdir(exist_ok=True)
    for name, array in names.items():
        Image.fromarray(array).save(path / name)
    return path


def test_the_demo_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = build_in(tmp_path, monkeypatch, "presets/demo.yaml", workers=2)
    assert len(images) >= 40
    assert images.photograph.nunique() >= 12
    splits = images.groupby("photograph").split.nunique()
    assert (splits == 1).all(), "a photograph in both splits"
    assert images[images.split == "validation"].photograph.nunique() == 8
    shares = []
    for row in images.itertuples():
        assert (row.path, row.reference) == (
            f"data/low_light/pictures/input/{row.id}.png",
            f"data/low_light/pictures/reference/{row.id}.png",
        )
        assert sha256_file(row.path) == row.sha256
        assert sha256_file(row.reference) == row.reference_sha256
        photo, reference = read_image(row.path), read_image(row.reference)
        assert photo.shape == reference.shape == (row.height, row.width, 3) == (256, 256, 3)
        shares.append(photo.mean() / reference.mean())
    # Each photograph's seven crops are taken in the seven lights; only one of those leaves a photo as it is.
    assert max(shares) < 1.02 and sum(share > 0.97 for share in shares) == pytest.approx(len(shares) / 7, abs=4)
    # Two stops leave a quarter of the light: in sRGB values about half.
    assert np.median(shares) < 0.75 and min(shares) < 0.3
    found = summary()
    assert (found["source"], found["photographs"], found["skipped"]) == ("sample", images.photograph.nunique(), [])
    assert found["train"] + found["validation"] == len(images)


def test_the_sample_has_the_same_bytes_twice_and_others_by_another_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = low_light.PHOTOS
    monkeypatch.setattr(low_light, "PHOTOS", photos[:3])
    sample = {"validation_photos": 1, "crops_per_photo": 2}
    build_in(tmp_path / "a", monkeypatch, source="sample", sample=sample)
    first = bytes_of(tmp_path / "a" / "data")
    build_in(tmp_path / "b", monkeypatch, source="sample", sample=sample, workers=2)
    assert bytes_of(tmp_path / "b" / "data") == first
    build_in(tmp_path / "a", monkeypatch, source="sample", sample=sample)
    assert bytes_of(tmp_path / "a" / "data") == first
    monkeypatch.setattr(low_light, "PHOTOS", photos[:2])
    fewer = bytes_of_inputs(build_in(tmp_path / "c", monkeypatch, source="sample", sample=sample))
    assert len(fewer) == 4
    assert fewer.items() <= {Path(name).name: sha for name, sha in first.items() if "/input/" in name}.items()
    build_in(tmp_path / "d", monkeypatch, source="sample", sample=sample | {"read_sigma": 0.01})
    assert not set(bytes_of(tmp_path / "d" / "data" / "low_light" / "pictures" / "input").values()) & set(
        first.values()
    )


def bytes_of_inputs(images: pd.DataFrame) -> dict[str, str]:
    return {Path(row.path).name: row.sha256 for row in images.itertuples()}


def test_the_crops_of_a_photograph_are_taken_in_the_lights_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(low_light, "PHOTOS", low_light.PHOTOS[:2])
    sample = {"validation_photos": 1, "crops_per_photo": 3, "shot_gain": 0.0, "read_sigma": 0.0}
    even = build_in(tmp_path / "even", monkeypatch, source="sample", sample=sample)
    lit = sample | {"lights": ["fine", "window", "even"]}
    images = build_in(tmp_path / "lit", monkeypatch, source="sample", sample=lit)
    for name in images.photograph.unique():
        of = images[images.photograph == name]
        pairs = [
            (read_image(path), read_image(reference)) for path, reference in zip(of.path, of.reference, strict=True)
        ]
        same = [bool(np.allclose(photo, reference, atol=0.002)) for photo, reference in pairs]
        assert sum(same) == 1, "one of three is fine as it is"
    monkeypatch.chdir(tmp_path / "even")
    for path, reference in zip(even.path, even.reference, strict=True):
        assert read_image(path).mean() < 0.7 * read_image(reference).mean(), "without lights, all as before"


def test_a_light_that_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"lights: moon is not known; known are even, gradient, lamp"):
        build_in(tmp_path, monkeypatch, source="sample", sample={"lights": ["even", "moon"]})


def test_a_crop_larger_than_a_sample_photograph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MapError, match=r"chelsea has only 300 pixels a side; take a crop of at most 300"):
        build_in(tmp_path, monkeypatch, source="sample", sample={"crop": 301})
    assert not Path("data/low_light/pictures").exists()


def test_crops_lie_apart_and_inside() -> None:
    places = crop_places(100, 300, 64, 5, generator(1, "x"))
    assert places == crop_places(100, 300, 64, 5, generator(1, "x"))
    assert all(0 <= top <= 36 and 0 <= left <= 236 for top, left in places)
    assert min(abs(a[1] - b[1]) for i, a in enumerate(places) for b in places[:i]) > 15


def test_a_mixed_folder(tmp_path: Path, build: Build) -> None:
    low = folder_of(
        tmp_path / "low",
        {
            "a b ü.jpg": picture(1),
            "dots.in.name.bmp": picture(2),
            "grey.png": picture(3)[..., 0],
            "alpha.webp": np.dstack([picture(4), picture(4)[..., :1]]),
        },
    )
    write_png(low / "deep.png", picture(5).astype(np.uint16) * 257)
    turned = Image.Exif()
    turned[274] = 6
    Image.fromarray(picture(6)).save(low / "turned.tif", exif=turned)
    images = build(inputs=low, workers=2).set_index("id")
    assert sorted(images.index) == ["a b ü", "alpha", "deep", "dots.in.name", "grey", "turned"]
    assert (images.photograph == images.index).all()
    assert images.original["a b ü"] == "a b ü.jpg"
    assert (images.width["turned"], images.height["turned"]) == (80, 96)
    assert images.reference.isna().all()
    assert set(images.split) == {"train", "validation"}
    for row in images.itertuples():
        assert Path(row.path).parent == Path("data/low_light/pictures/input")
        assert read_array(row.path).shape == (row.height, row.width, 3)
    assert np.array_equal(read_array(images.path["deep"]), picture(5))
    assert summary()["skipped"] == []


def test_broken_and_unfit_photos_are_skipped_and_listed(tmp_path: Path, build: Build) -> None:
    good = {f"{name}.png": picture(number) for number, name in enumerate("abcd")}
    low = folder_of(tmp_path / "low", good)
    references = folder_of(tmp_path / "ref", {"a.jpg": picture(0), "b.png": picture(1)[:-1], "z.png": picture(9)})
    (low / "c.png").write_bytes((low / "c.png").read_bytes()[:500])
    (low / "empty.jpg").touch()
    folder_of(low, {"small.png": picture(5, 63, 200), "e.png": picture(6)})
    images = build(inputs=low, references=references).set_index("id")
    assert sorted(images.index) == ["a", "d", "e"]
    assert images.reference["a"] == "data/low_light/pictures/reference/a.png"
    assert images.reference[["d", "e"]].isna().all()
    found = summary()
    reasons = {entry["file"]: entry["reason"] for entry in found["skipped"]}
    assert list(reasons) == ["b.png", "c.png", "empty.jpg", "small.png"]
    assert "differs in size from its reference" in reasons["b.png"]
    assert "truncated" in reasons["c.png"]
    assert "the file is empty" in reasons["empty.jpg"]
    assert "200 x 63 pixels, smaller than 64" in reasons["small.png"]
    assert found["without_reference"] == ["d", "e"]
    assert sorted(path.name for path in Path("data/low_light/pictures/input").iterdir()) == ["a.png", "d.png", "e.png"]


def test_large_photos_are_reduced_with_their_references(tmp_path: Path, build: Build) -> None:
    low = folder_of(tmp_path / "low", {"a.png": picture(1, 200, 400), "b.png": picture(2, 100, 100)})
    ref = folder_of(tmp_path / "ref", {"a.png": picture(3, 200, 400)})
    images = build(inputs=low, references=ref, max_side=200).set_index("id")
    assert [read_array(path).shape for path in (images.path["a"], images.reference["a"])] == [(100, 200, 3)] * 2
    assert (images.width["a"], images.height["a"]) == (200, 100)
    assert read_array(images.path["b"]).shape == (100, 100, 3)
    kept = build(inputs=low, references=ref, max_side=None).set_index("id")
    assert kept.width["a"] == 400


def test_normal_light_photos(tmp_path: Path, build: Build) -> None:
    low = folder_of(tmp_path / "low", {"a.png": picture(1), "b.png": picture(2)})
    normal = folder_of(tmp_path / "normal", {"x.jpg": picture(3), "y.png": picture(4)})
    (normal / "z.png").write_text("no photo")
    build(inputs=low, normal=normal)
    assert sorted(path.name for path in Path("data/low_light/pictures/normal").iterdir()) == ["x.png", "y.png"]
    assert summary()["normal"] == 2
    assert [entry["file"] for entry in summary()["skipped"]] == ["z.png"]
    folder_of(normal, {"x.png": picture(5)})
    with pytest.raises(ImageError, match="same stem"):
        build(inputs=low, normal=normal)


def test_too_few_usable_photos_is_one_error_with_every_reason(tmp_path: Path, build: Build) -> None:
    low = folder_of(tmp_path / "low", {"good.png": picture(1)})
    (low / "empty.jpg").touch()
    (low / "text.jpg").write_text("text")
    with pytest.raises(DatasetError) as error:
        build(inputs=low)
    lines = str(error.value).splitlines()
    assert f"{low} has 1 usable photos of 3; at least two are needed" in lines[0]
    assert [line.split(": ")[0].strip() for line in lines[1:]] == [str(low / "empty.jpg"), str(low / "text.jpg")]
    assert not Path("data/low_light/pictures").exists()


def test_faults_of_the_folders_themselves(tmp_path: Path, build: Build) -> None:
    low = folder_of(tmp_path / "low", {"a.png": picture(1), "b.png": picture(2)})
    with pytest.raises(ImageError, match="absent: no such folder"):
        build(inputs=tmp_path / "absent")
    with pytest.raises(ImageError, match="ref: no photo here has the stem of one in"):
        build(inputs=low, references=folder_of(tmp_path / "ref", {"x.png": picture(1)}))
    folder_of(low, {"a.jpg": picture(3)})
    with pytest.raises(ImageError, match=r"a\.png: has the same stem as .*a\.jpg"):
        build(inputs=low)


def test_a_failed_run_leaves_the_dataset_before(tmp_path: Path, build: Build) -> None:
    low = folder_of(tmp_path / "low", {"a.png": picture(1), "b.png": picture(2)})
    build(inputs=low)
    before = bytes_of(Path("data"))
    with pytest.raises(ImageError):
        build(inputs=tmp_path / "absent")
    assert bytes_of(Path("data")) == before
    folder_of(low, {"c.png": picture(3)})
    assert len(build(inputs=low)) == 3


def test_a_home_folder_is_expanded(tmp_path: Path, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(tmp_path / "low", {"a.png": picture(1), "b.png": picture(2)})
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(build(inputs="~/low")) == 2


def test_the_split_is_seeded_and_keeps_one_photograph_for_training() -> None:
    names = [f"p{number}" for number in range(10)]
    drawn = validation_names(names, 3, 1)
    assert len(drawn) == 3
    assert drawn == validation_names(names[::-1], 3, 1)
    assert len({frozenset(validation_names(names, 3, seed)) for seed in range(8)}) > 4
    assert len(validation_names(names, 99, 1)) == 9


def shot_at(path: Path, seconds: int, array: np.ndarray, exposure: float = 0.01) -> None:
    """A JPEG with EXIF time and exposure."""
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({36867: f"2024:05:01 12:{seconds // 60:02d}:{seconds % 60:02d}", 33434: exposure})
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(array).save(path, exif=exif)


def test_a_reference_joins_whatever_the_form_of_its_name(tmp_path: Path, build: Build) -> None:
    low = folder_of(tmp_path / "low", {"Caf\u00e9.png": picture(1), "IMG_1.png": picture(2)})
    ref = folder_of(tmp_path / "ref", {"Cafe\u0301.png": picture(3), "img_1.png": picture(4)})
    images = build(inputs=low, references=ref)
    assert sorted(images.id) == ["Caf\u00e9", "IMG_1"] and images.reference.notna().all()
    assert (summary()["without_reference"], summary()["not_joined"]) == ([], [])


def test_what_is_not_read_or_does_not_join_is_said_and_kept(
    tmp_path: Path, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    low = folder_of(tmp_path / "low", {"a.png": picture(1), "b.png": picture(2), "beach_1.png": picture(3)})
    folder_of(low / "more", {"c.png": picture(4)})
    (low / "clip.mov").touch()
    (low / "a\udcff.png").touch()
    ref = folder_of(tmp_path / "ref", {"a.png": picture(5), "beach-1.png": picture(6), "b.png": picture(7)})
    build(inputs=low, references=ref)
    said = capsys.readouterr().out
    found = summary()
    assert {entry["file"] for entry in found["not_read"]} == {"low/clip.mov", r"low/a\udcff.png"}
    assert found["in_sub_folders"] == 1
    assert found["without_reference"] == ["beach_1"]
    assert found["not_joined"] == [
        {
            "file": "ref/beach-1.png",
            "reason": f"has no partner of the stem 'beach-1' in {low} (the nearest there is 'beach_1'); add it, or take this "
            "file out",
        }
    ]
    assert "2 files were not read: " in said and "clip.mov" in said
    assert "1 photo in sub-folders was not read; low_light.dataset.folder.recursive: true reads it" in said
    assert f"{low} and {ref}: 2 joined by name, 1 photo did not" in said
    assert "1 of 3 photos have no reference: beach_1" in said and "skipped: " + str(ref / "beach-1.png") in said


def test_sub_folders_are_read_on_request(tmp_path: Path, build: Build) -> None:
    low = folder_of(tmp_path / "low", {"a.png": picture(1)})
    for place, name in enumerate(("x", "y")):
        folder_of(low / name, {"a.png": picture(place + 2)})
    ref = folder_of(tmp_path / "ref", {"a.png": picture(5)})
    folder_of(ref / "y", {"a.png": picture(6)})
    images = build(inputs=low, references=ref, recursive=True).set_index("id")
    assert list(images.index) == ["a", "x__a", "y__a"]
    assert list(images.original) == ["a.png", "x/a.png", "y/a.png"]
    assert images.reference.notna().tolist() == [True, False, True]
    assert np.array_equal(read_array(images.path["y__a"]), picture(3))
    assert np.array_equal(read_array(images.reference["y__a"]), picture(6))


def test_pairs_by_order_and_by_time(tmp_path: Path, build: Build) -> None:
    for number, seconds in ((20, 0), (23, 60)):
        shot_at(tmp_path / "low" / f"DSC{number}.jpg", seconds, picture(number))
        shot_at(tmp_path / "ref" / f"DSC{number + 2}.jpg", seconds + 2, picture(number + 2))
    with pytest.raises(ImageError, match="nearest are 'DSC20' and 'DSC22'"):
        build(inputs=tmp_path / "low", references=tmp_path / "ref")
    for way in ("order", "time"):
        images = build(inputs=tmp_path / "low", references=tmp_path / "ref", pair_by=way).set_index("id")
        expected = read_array(tmp_path / "ref" / "DSC25.jpg")
        assert np.array_equal(read_array(images.reference["DSC23"]), expected), way


def test_what_was_done_to_photos_on_reading_is_said_and_kept(
    tmp_path: Path, build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    low = folder_of(tmp_path / "low", {"a.png": picture(1), "b.png": picture(2)})
    clear = np.dstack([picture(1), picture(1)[..., :1]])
    Image.fromarray(clear).save(low / "a.png")
    ref = folder_of(tmp_path / "ref", {"a.png": picture(5), "b.png": picture(7)})
    Image.fromarray(clear).save(ref / "b.png")
    build(inputs=low, references=ref)
    note = "transparency was set aside: models see the colours without it"
    assert f"2 photos: {note} (a.png, b.png)\n" in capsys.readouterr().out
    assert summary()["notes"] == {note: 2}


def test_an_enhancer_whose_weights_were_written_anew_is_loaded_again(tmp_path: Path) -> None:
    """As in a worker of a cluster, which serves one run after another."""
    enhancer, path = create("curve"), tmp_path / "model.safetensors"
    save_weights(enhancer, path)
    spec = Trained("curve", "{}", str(path))
    before = opened(spec)
    assert opened(spec) is before
    first = next(enhancer.parameters())
    first.data += 1
    save_weights(enhancer, path)
    assert next(opened(spec).parameters()).equal(first) and not next(before.parameters()).equal(first)
