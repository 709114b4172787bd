"""Labels of detection and segmentation: what is read, and what is said of faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.downstream import (
    Classes,
    DownstreamError,
    LabelError,
    find_masks,
    read_classes,
    read_coco,
    read_mask,
    read_yolo,
    translation,
)
from pictures import FileFault

CLASSES = Classes(("person", "car"))
WANTED = {"a": Path("fused/a.png"), "b": Path("fused/b.png")}
SIZES = {"a": (200, 100), "b": (200, 100)}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels").mkdir()


def write(text: str, name: str = "labels/a.txt") -> Path:
    Path(name).write_text(text)
    return Path(name)


def test_yolo_boxes_become_corners_and_an_empty_file_no_objects() -> None:
    write("1 0.5 0.5 0.2 0.4\n\n0 0.05 0.95 0.1002 0.1\n")
    write("", "labels/b.txt")
    write("not a label", "labels/classes.txt")
    found = read_yolo(Path("labels"), WANTED, CLASSES)
    assert np.allclose(found["a"].corners, [[0.4, 0.3, 0.6, 0.7], [0, 0.9, 0.1001, 1]])
    assert found["a"].classes.tolist() == [1, 0] and not found["a"].crowd.any()
    assert len(found["b"]) == 0 and found["b"].corners.shape == (0, 4)
    assert found["a"].only({0}).classes.tolist() == [0]


def test_a_picture_without_a_file_of_yolo_is_a_fault_unless_it_is_said_to_be_empty() -> None:
    write("0 0.5 0.5 0.2 0.4")
    with pytest.raises(LabelError, match=r"labels: no b\.txt for fused/b\.png; .* --absent-is-empty"):
        read_yolo(Path("labels"), WANTED, CLASSES)
    assert len(read_yolo(Path("labels"), WANTED, CLASSES, absent_is_empty=True)["b"]) == 0
    with pytest.raises(LabelError, match=r"no label has the name of a picture; x\.txt would be one"):
        read_yolo(Path("labels"), {"x": Path("x.png")}, CLASSES, absent_is_empty=True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2 0.5 0.5 0.1 0.1", "class 2 is unknown; there are 2, from 0: person, car"),
        ("-1 0.5 0.5 0.1 0.1", "class -1 is unknown"),
        ("0.5 0.5 0.5 0.1 0.1", "the class 0.5 is no whole number"),
        ("nan 0.5 0.5 0.1 0.1", "the class nan is no whole number"),
        ("person 0.5 0.5 0.1 0.1", "is not five numbers"),
        ("0 0.5 0.5 0.1", "has 4 numbers"),
        ("0 0.5 0.5 0.1 0.1 0.9", "has 6 numbers"),
        ("0 0.5 0.5 nan 0.1", "a number is not finite"),
        ("0 0.5 0.5 0 0.1", "the box has no area"),
        ("0 0.95 0.5 0.2 0.1", "the box lies outside the picture: from 0.85, 0.45 to 1.05, 0.55"),
        ("0 100 50 20 10", "the box lies outside the picture"),
    ],
)
def test_faults_of_yolo_name_file_and_line(line: str, said: str) -> None:
    write(f"0 0.5 0.5 0.1 0.1\n{line}\n")
    with pytest.raises(LabelError) as raised:
        read_yolo(Path("labels"), {"a": WANTED["a"]}, CLASSES)
    assert str(raised.value).startswith("labels/a.txt: line 2: ") and said in str(raised.value)


def test_all_faults_are_there_and_the_first_are_shown() -> None:
    write("7 0.5 0.5 0.1 0.1\n" * 12)
    with pytest.raises(LabelError) as raised:
        read_yolo(Path("labels"), {"a": WANTED["a"]}, CLASSES)
    assert len(raised.value.faults) == 12
    assert str(raised.value).endswith("and 4 faults more")


def coco(**changes: Any) -> Path:
    content = {
        "images": [
            {"id": 7, "file_name": "val/A.jpg", "width": 200, "height": 100},
            {"id": 8, "file_name": "b.jpg", "width": 200, "height": 100},
        ],
        "categories": [{"id": 3, "name": "car"}, {"id": 1, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [20, 10, 100, 50.5]},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 200.6, 100], "iscrowd": 1},
        ],
    }
    return write(json.dumps(content | changes), "coco.json")


def test_coco_boxes_are_relative_and_classes_go_by_id() -> None:
    classes, found = read_coco(coco(), WANTED, SIZES)
    assert classes.names == ("person", "car")
    assert np.allclose(found["a"].corners, [[0.1, 0.1, 0.6, 0.605], [0, 0, 1, 1]])
    assert found["a"].classes.tolist() == [1, 0] and found["a"].crowd.tolist() == [False, True]
    assert len(found["b"]) == 0
    called, _ = read_coco(coco(), WANTED, SIZES, Classes(("car",), {"car": "automobile"}))
    assert called == Classes(("person", "car"), {"car": "automobile"})


ONE = {"id": 5, "image_id": 7, "category_id": 3, "bbox": [0, 0, 10, 10]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"annotations": [ONE | {"category_id": 9}]}, "annotation 5: category 9 is unknown; categories has 1, 3"),
        ({"annotations": [ONE | {"image_id": 9}]}, "annotation 5: is of picture 9, which images has not"),
        ({"annotations": [ONE | {"bbox": [150, 0, 60, 10]}]}, "annotation 5: the box lies outside"),
        ({"annotations": [ONE | {"bbox": [150, 0, 60]}]}, "annotation 5: bbox is"),
        (
            {"annotations": [{"id": 5, "image_id": 7, "category_id": 3}]},
            "an entry lacks, or has of another type, 'bbox'",
        ),
        ({"annotations": 3}, "is no COCO JSON: it has no list annotations"),
        ({"categories": [{"id": 1, "name": "car"}, {"id": 1, "name": "bus"}]}, "two categories share an id or a name"),
        ({"images": [{"id": 7, "file_name": "a.jpg", "width": 200, "height": 100}]}, "images has no b for fused/b.png"),
        (
            {"images": [{"id": i, "file_name": f"{i}/b.jpg", "width": 200, "height": 100} for i in range(2)]},
            "images has two of the name b",
        ),
        (
            {"images": [{"id": 7, "file_name": "a.jpg", "width": 100, "height": 200}]},
            "a.jpg is 100 x 200, but fused/a.png is 200 x 100",
        ),
    ],
)
def test_faults_of_coco_name_the_entry(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(LabelError) as raised:
        read_coco(coco(**changes), WANTED, SIZES)
    assert "coco.json: " in str(raised.value) and said in str(raised.value)


def test_what_a_network_calls_a_category_that_is_none_is_a_fault() -> None:
    with pytest.raises(LabelError, match="--classes names 'bus', which is no category"):
        read_coco(coco(), WANTED, SIZES, Classes(("bus",)))
    with pytest.raises(FileFault):
        read_coco(write("{", "broken.json"), WANTED, SIZES)


def mask(values: Any, name: str = "labels/a.png", mode: str | None = None) -> Path:
    Image.fromarray(np.asarray(values, np.uint8), mode).save(name)
    return Path(name)


def test_masks_are_ids_grey_or_with_a_palette() -> None:
    values = np.zeros((100, 200))
    values[:50], values[90:] = 1, 255
    wanted = {"a": WANTED["a"]}
    path = find_masks(Path("labels"), wanted, SIZES, CLASSES) if mask(values) else {}
    assert (read_mask(path["a"], CLASSES) == values).all()
    palette = Image.fromarray(values.astype(np.uint8)).convert("P")
    palette.putpalette([value for place in range(256) for value in (place, 0, 255 - place)])
    palette.save("labels/a.png")
    assert (read_mask(Path("labels/a.png"), CLASSES) == values).all()
    without = read_mask(Path("labels/a.png"), Classes(("person", "car"), {"car": None}))
    assert (without[:50] == 255).all() and (without[50:90] == 0).all()


def test_faults_of_masks_name_file_and_place() -> None:
    values = np.zeros((100, 200))
    values[3, 4] = 2
    mask(values)
    mask(np.zeros((50, 50)), "labels/b.png")
    mask(np.zeros((100, 200, 3)), "labels/c.png")
    Path("labels/d.png").write_bytes(mask(np.random.default_rng(0).integers(0, 2, (100, 200))).read_bytes()[:300])
    mask(values)
    wanted = {name: Path(f"fused/{name}.png") for name in "abcde"}
    with pytest.raises(LabelError) as raised:
        find_masks(Path("labels"), wanted, dict.fromkeys(wanted, (200, 100)), CLASSES)
    first, second, third, fourth, fifth = raised.value.faults
    assert first.startswith("labels/a.png: row 3, column 4: id 2 is unknown (1 pixels")
    assert second.startswith("labels/b.png: is 50 x 50, but fused/b.png is 200 x 100")
    assert third.startswith("labels/c.png: holds colours (RGB)")
    assert fourth.startswith("labels/d.png: is damaged")
    assert fifth.startswith("labels: no e.png for fused/e.png")


def test_classes_are_read_from_text_and_from_yolos_yaml() -> None:
    assert read_classes(write("person\nPeople on foot = person\nLamp = -\n\n", "c.txt")) == Classes(
        ("person", "People on foot", "Lamp"), {"People on foot": "person", "Lamp": None}
    )
    assert read_classes(write("names:\n  1: car\n  0: person\n", "c.yaml")).names == ("person", "car")
    assert read_classes(write("path: x\nnames: [person, Car = car]\n", "c.yml")).called == {"Car": "car"}


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("person\n\ncar\n", "c.txt", "c.txt: line 2: a name is missing"),
        ("person\ncar =\n", "c.txt", "c.txt: line 2: a name is missing"),
        ("person\nperson\n", "c.txt", "c.txt: line 2: 'person' is there already, in line 1"),
        ("\n", "c.txt", "no class is named"),
        ("names: {1: car}", "c.yaml", "the ids of `names` are 1"),
        ("nc: 2", "c.yaml", "has no list of names"),
        ("names: [", "c.yaml", "is no YAML"),
    ],
)
def test_faults_of_classes(text: str, name: str, said: str) -> None:
    with pytest.raises(LabelError) as raised:
        read_classes(write(text, name))
    assert said in str(raised.value)


def test_names_are_translated_to_the_networks() -> None:
    known = ("__background__", "person", "traffic light", "N/A", "N/A", "car")
    classes = Classes(("Car", "People", "traffic_light", "Lamp"), {"People": "person", "Lamp": None})
    assert translation(classes, known).tolist() == [-1, 1, 2, -1, -1, 0]
    assert translation(classes, classes.names).tolist() == [0, 1, 2, -1], "a network of the labels' own classes"
    with pytest.raises(DownstreamError, match=r"does not know 'persons'; it knows .*\(persons = person\)"):
        translation(Classes(("persons",)), known)
    with pytest.raises(DownstreamError, match="'Car' and 'Van' would both be the network's 'car'"):
        translation(Classes(("Car", "Van"), {"Van": "car"}), known)
