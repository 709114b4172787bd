"""`loupe check` on what params.yaml names outside of itself."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from cli.main import main

ROOT = Path(__file__).resolve().parents[2]


class Project:
    """A folder with params.yaml; `use(...)` names folders of a kind in it; `check()` gives exit code, output and errors."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self._monkeypatch, self._capsys = root, monkeypatch, capsys
        self.params: dict[str, Any] = yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text())
        monkeypatch.chdir(root)
        monkeypatch.setenv("LOUPE_LABELS", str(root / "labels.sqlite"))

    def use(self, kind: str, **folder: Any) -> None:
        dataset = self.params[kind]["dataset"]
        dataset["source"] = "folder"
        dataset["folder"] |= {key: str(value) if isinstance(value, Path) else value for key, value in folder.items()}
        if kind == "brackets":
            self.params[kind]["search"]["constraint"] = "none"

    def check(self) -> tuple[int, str, str]:
        Path("params.yaml").write_text(yaml.safe_dump(self.params, sort_keys=False))
        self._monkeypatch.setattr(sys, "argv", ["loupe", "check"])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        out, err = self._capsys.readouterr()
        return int(left.value.code or 0), out, err

    def folder(self, name: str, *names: str, side: int = 80) -> Path:
        (self.root / name).mkdir(exist_ok=True)
        for place, file in enumerate(names):
            array = np.full((side, side + 16, 3), 10 * place, np.uint8)
            Image.fromarray(array).save(self.root / name / file)
        return self.root / name


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Project:
    return Project(tmp_path, monkeypatch, capsys)


def test_a_sound_folder_is_counted(project: Project) -> None:
    project.use(
        "low_light", inputs=project.folder("low", "a.png", "b.png"), references=project.folder("ref", "A.png", "b.png")
    )
    project.params["notify"] = {"webhook": "environment"}
    code, out, _ = project.check()
    assert code == 0
    assert "warning: notify: LOUPE_WEBHOOK is not set here" in out
    assert "low_light.dataset.folder.inputs: 2 photos\nlow_light.dataset.folder.references: 2 photos\n" in out
    assert "low_light.dataset.folder: 2 photos of inputs and references joined by name\n" in out
    assert "params.yaml is valid" in out
    assert not (project.root / "labels.sqlite").exists(), "nothing is made"


def test_folders_that_do_not_exist_are_all_named_at_once(project: Project) -> None:
    project.use("low_light", inputs="nowhere", normal=project.folder("empty"))
    project.use("brackets", under="dark", over=project.folder("over", "a.png"))
    code, _, err = project.check()
    assert code == 1
    lines = err.splitlines()
    assert lines[0] == "error: params.yaml has 3 faults:"
    assert [line.split(": ")[:2] for line in lines[1:]] == [
        ["  low_light.dataset.folder.inputs", "nowhere"],
        ["  low_light.dataset.folder.normal", str(project.root / "empty")],
        ["  brackets.dataset.folder.under", "dark"],
    ]
    assert "no such folder" in lines[1] and "no photos in this folder" in lines[2]


def test_photos_that_are_only_looked_at_are_looked_for(project: Project) -> None:
    asked = project.params["low_light"]["evaluate"]["elsewhere"]
    asked["photos"] = str(project.folder("mine", "a.png", "b.png"))
    code, out, _ = project.check()
    assert code == 0 and "low_light.evaluate.elsewhere.photos: 2 photos" in out
    asked["photos"] = "nowhere"
    assert "low_light.evaluate.elsewhere.photos: nowhere: no such folder" in project.check()[2]


def test_folders_are_looked_at_though_the_file_has_faults(project: Project) -> None:
    project.use("low_light", inputs="nowhere")
    project.params["low_light"]["pairs"]["strategy"] = "luck"
    code, _, err = project.check()
    assert code == 1
    assert err.startswith("error: params.yaml has 2 faults:\n")
    assert "low_light.pairs.strategy" in err and "low_light.dataset.folder.inputs: nowhere: no such folder" in err


def test_too_few_photos(project: Project) -> None:
    project.use("low_light", inputs=project.folder("low", "a.png"))
    project.use("brackets", under=project.folder("u", "a.png", "b.png"), over=project.folder("o", "a.png", "b.png"))
    code, _, err = project.check()
    assert code == 1
    assert "low_light.dataset.folder.inputs: 1 photo; at least two are needed" in err
    assert "brackets.dataset.folder.under: 2 scenes; at least three are needed" in err


def test_how_folders_join(project: Project) -> None:
    project.use("brackets", under=project.folder("u", "DSC1.png"), over=project.folder("o", "DSC2.png"))
    code, _, err = project.check()
    assert code == 1 and "brackets.dataset.folder.over: " in err and "nearest are 'DSC1' and 'DSC2'" in err
    project.folder("u", "a.png", "b.png", "c.png")
    project.folder("o", "a.png", "b.png", "c.png")
    code, out, _ = project.check()
    assert code == 0
    assert "brackets.dataset.folder: 3 photos of under and over joined by name" in out
    assert "warning: brackets.dataset.folder: " in out and "has no partner of the stem 'DSC1'" in out


def test_sizes_against_crops(project: Project) -> None:
    """Four crops of tiny.yaml cut the dataset; a photo smaller than one is filled up by mirroring."""
    project.use("low_light", inputs=project.folder("low", "a.png", "b.png"))
    project.params["low_light"]["align"]["crop"] = 96
    code, _, err = project.check()
    assert code == 1
    assert (
        "low_light.align.crop: 96 pixels, but 2 of the first 2 photos of low_light.dataset.folder.inputs have less on a side (80"
        in err
    )
    assert err.count("\n") == 2, "the other crops fit"
    project.folder("low", "large.png", side=120)
    code, out, _ = project.check()
    assert code == 0 and "warning: low_light.align.crop: 96 pixels, but 2 of the first 3 photos" in out
    project.use("low_light", max_side=64)
    code, _, err = project.check()
    assert code == 1 and "none of the first 3 can be used; for one, " in err and "smaller than 64 pixels" in err


def test_photos_that_cannot_be_used(project: Project) -> None:
    low = project.folder("low", "a.png", "b.png", "c.png")
    project.use("low_light", inputs=low, references=project.folder("ref", "a.png", side=90))
    (low / "b.png").write_text("text")
    code, out, _ = project.check()
    assert code == 0
    assert f"{low / 'a.png'}: differs in size from its partner (96 x 80, 106 x 90)" in out
    assert f"{low / 'b.png'}: damaged, or not a" in out
    assert "no reference for 2 photos: b.png, c.png" in out


def test_bursts(project: Project) -> None:
    project.use("brackets", bursts=project.folder("aeb", "a.png", "b.png"))
    code, _, err = project.check()
    assert code == 1 and "brackets.dataset.folder.bursts: " in err and "no bracketed burst among its 2 photos" in err


def test_the_sample_against_its_photographs(project: Project) -> None:
    project.params["low_light"]["dataset"]["sample"]["crop"] = 5000
    project.params["brackets"]["dataset"]["sample"] |= {"validation_photos": 13, "crops_per_photo": 1}
    code, _, err = project.check()
    assert code == 1
    assert "low_light.dataset.sample.crop: 5000 pixels, but the sample photograph" in err
    assert "brackets.dataset.sample: leaves 1 training scene; the search needs two" in err


@pytest.mark.parametrize(
    ("kind", "said"), [("folder", "is a folder"), ("text", "is not readable"), ("nowhere", "cannot be made")]
)
def test_a_label_store_that_cannot_be_used(
    project: Project, monkeypatch: pytest.MonkeyPatch, kind: str, said: str
) -> None:
    place = project.root / "store"
    if kind == "folder":
        place.mkdir()
    elif kind == "text":
        place.write_text("this is no database, and long enough to be looked at as one")
    else:
        (project.root / "file").touch()
        place = project.root / "file" / "labels.sqlite"
    monkeypatch.setenv("LOUPE_LABELS", str(place))
    code, _, err = project.check()
    assert code == 1 and "LOUPE_LABELS: the label store" in err and said in err


def test_a_label_store_that_is_there_is_not_changed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    place = project.root / "old.sqlite"
    with sqlite3.connect(place) as store:
        store.execute("CREATE TABLE something (x)")
    store.close()
    before = place.read_bytes()
    monkeypatch.setenv("LOUPE_LABELS", str(place))
    assert project.check()[0] == 0
    assert place.read_bytes() == before
    monkeypatch.setenv("LOUPE_LABELS", "postgresql://nobody@127.0.0.1:1/none")
    code, _, err = project.check()
    assert code == 1 and "postgresql://nobody@127.0.0.1:1/none does not answer" in err
