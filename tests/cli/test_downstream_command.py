"""`loupe downstream`: methods beside each other, by labels of detection and of segmentation."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from PIL import Image

from cli.main import main
from models.downstream import DETECTORS, Detections, Detector
from pictures import write_png

SPOT = (20, 10, 60, 50)
"""Where the labelled thing is in pictures of 100 x 80: left, top, right, bottom."""


class BrightSpot(Detector):
    """Finds the box around what is bright, a person; and a dog that nobody labels."""

    classes = ("person", "dog")

    def detect(self, picture: np.ndarray) -> Detections:
        rows, columns = np.nonzero(picture.max(axis=2) > 128)
        if not len(rows):
            return Detections(np.empty((0, 4)), np.empty(0), np.empty(0, np.int64))
        height, width = picture.shape[:2]
        box = [columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height]
        return Detections(np.array([box, box]), np.array([0.9, 0.95]), np.array([0, 1]))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(DETECTORS, "spot", BrightSpot)
    Path("labels").mkdir()
    for place, name in enumerate("abcd"):
        picture = np.zeros((80, 100, 3), np.uint8)
        left, top, right, bottom = SPOT
        picture[top:bottom, left:right] = 200
        write_png(f"fused/{name}.png", picture)
        write_png(f"visible/{name}.png", picture if place % 2 else np.zeros_like(picture))
        Path(f"labels/{name}.txt").write_text("0 0.4 0.375 0.4 0.5\n")
    Path("labels/classes.txt").write_text("People = person\nLamp = -\n")
    return tmp_path


def loupe(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loupe", "downstream", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


DETECT = ("--labels", "labels", "--task", "detect", "--model", "spot")


def test_methods_are_compared_on_the_same_pictures(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "visible", "ours=fused", *DETECT, "--out", "s.csv", "--per-class") == 0
    found = pd.read_csv("s.csv").set_index("method")
    assert list(found.index) == ["visible", "ours"] and (found.objects == 4).all() and (found.pictures == 4).all()
    # Two of four are found and nothing else: precision 1 up to a recall of 0.5, 51 of 101 recalls.
    assert found["mAP50"].tolist() == pytest.approx([51 / 101, 1])
    assert found["mAP"].tolist() == pytest.approx([51 / 101, 1])
    assert found["AP50 People"].tolist() == pytest.approx([51 / 101, 1])
    assert found.loc["ours", "mAP difference"] == pytest.approx(50 / 101)
    assert found.loc["ours", "mAP low"] == pytest.approx(1) and found.loc["visible", "mAP low"] < 51 / 101
    said = capsys.readouterr().out
    assert "mAP less visible's" in said and "ours     4         4        1.000 (1.000 to 1.000)" in said
    assert "AP50 People  0.505    1.000" in said
    assert loupe(monkeypatch, "fused", *DETECT, "--out", "s.parquet", "--draws", "0") == 0
    assert np.isnan(pd.read_parquet("s.parquet")["mAP low"][0])


def test_a_picture_that_a_method_lacks_or_that_is_broken_is_left_out_of_all(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("visible/a.png").unlink()
    write_png("visible/b.png", np.zeros((40, 50, 3), np.uint8))
    Path("visible/c.png").write_bytes(Path("visible/c.png").read_bytes()[:-30])
    assert loupe(monkeypatch, "fused", "visible", *DETECT, "--out", "s.csv") == 3
    assert pd.read_csv("s.csv").pictures.tolist() == [1, 1]
    said = capsys.readouterr().err
    assert "fused/a.png: has no partner" in said and "c.png" in said
    assert "visible/b.png: is 50 x 40, but fused/b.png is 100 x 80" in said


def test_labels_of_coco(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left, top, right, bottom = SPOT
    content = {
        "images": [{"id": i, "file_name": f"{name}.jpg", "width": 100, "height": 80} for i, name in enumerate("abcd")],
        "categories": [{"id": 5, "name": "person"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 5, "bbox": [left, top, right - left, bottom - top]}
            for i in range(4)
        ],
    }
    Path("coco.json").write_text(json.dumps(content))
    asked = ("--labels", "coco.json", "--task", "detect", "--model", "spot")
    assert loupe(monkeypatch, "fused", *asked, "--out", "s.csv") == 0
    assert pd.read_csv("s.csv")["mAP"][0] == pytest.approx(1)


def test_labels_of_segmentation(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = torchvision.models.get_model(
        "lraspp_mobilenet_v3_large", weights=None, weights_backbone=None, num_classes=2
    )
    torch.save(network.state_dict(), "own.pth")
    Path("masks").mkdir()
    for name in "abcd":
        mask = np.zeros((80, 100), np.uint8)
        mask[10:50, 20:60], mask[70:] = 1, 255
        Image.fromarray(mask).save(f"masks/{name}.png")
    Path("c.txt").write_text("background\nperson\n")
    asked = ("--labels", "masks", "--task", "segment", "--model", "torchvision:lraspp_mobilenet_v3_large")
    options = ("--weights", "own.pth", "--classes", "c.txt", "--out", "s.csv")
    assert loupe(monkeypatch, "fused", "visible", *asked, *options) == 0
    found = pd.read_csv("s.csv")
    assert found["mIoU"].between(0, 1).all()
    assert np.allclose(found["mIoU"], found[["IoU background", "IoU person"]].mean(axis=1))
    assert found["mIoU difference"][0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fused", *DETECT, "--out", "s.txt"), "should end in .csv or .parquet"),
        (("fused", "old/fused", *DETECT), "two methods are called 'fused'"),
        (("fused", *DETECT[:4], "--model", "yolo"), "no detector is called 'yolo'; there are "),
        (("fused", *DETECT, "--weights", "x.pth"), "--weights is for torchvision:NAME"),
        (("fused", "--labels", "masks", "--task", "segment", "--model", "x.onnx"), "--classes FILE names them"),
        (("fused", *DETECT, "--classes", "cats.txt"), "the network does not know 'cat'"),
        (("fused", "--labels", "c.json", "--task", "detect", "--model", "spot", "--absent-is-empty"), "is for YOLO's"),
        (("nowhere", *DETECT), "no such folder"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_line(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    Path("cats.txt").write_text("cat\n")
    assert loupe(monkeypatch, *arguments) == 1
    assert said in capsys.readouterr().err


def test_pictures_without_a_label_and_without_an_object(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("labels/a.txt").unlink()
    assert loupe(monkeypatch, "fused", *DETECT) == 1
    assert "labels: no a.txt for fused/a.png" in capsys.readouterr().err
    assert loupe(monkeypatch, "fused", *DETECT, "--absent-is-empty", "--out", "s.csv") == 0
    # In a something is found that nobody labelled, as sure as what is right.
    assert pd.read_csv("s.csv").objects[0] == 3
    for name in "bcd":
        Path(f"labels/{name}.txt").write_text("")
    assert loupe(monkeypatch, "fused", *DETECT, "--absent-is-empty") == 1
    assert "nothing is labelled in these pictures" in capsys.readouterr().err
