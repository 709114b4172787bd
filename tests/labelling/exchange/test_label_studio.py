"""Label Studio's JSON export, in the forms that its documentation shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exchange_helpers import write_outputs

from labelling.exchange import study
from labelling.exchange.import_report import Report
from labelling.exchange.importing import ExchangeError, registered_pictures, take
from labelling.exchange.label_studio import annotator, read_config, read_label_studio
from labelling.exchange.manifest import Manifest
from labelling.exchange.matching import PictureFinder
from labelling.exchange.results import results as study_results
from labelling.store import Store

CONFIG = """<View>
  <Header value="Which is better?"/>
  <View className="row"><Image name="a" value="$picture_a"/><Image name="b" value="$picture_b"/></View>
  <Pairwise name="better" toName="a,b"/>
</View>"""


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    with Store.open(tmp_path / "labels.sqlite") as store:
        study.create_pairs(store, "two", write_outputs(tmp_path / "out", ("ours", "old")), {}, votes=3)
        yield store


def annotation(id: int, selected: str | None = "left", **changes: Any) -> dict[str, Any]:
    result = {
        "id": "x1", "type": "pairwise", "from_name": "better", "to_name": "a,b", "origin": "manual",
        "value": {"selected": selected},
    }  # fmt: skip
    values = {
        "id": id, "completed_by": {"id": 1, "email": "ann@lab.example"}, "result": [result], "was_cancelled": False,
        "ground_truth": False, "lead_time": 4.5, "created_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    return values | changes


def task(id: int, photo: str, *annotations: dict[str, Any], **changes: Any) -> dict[str, Any]:
    data = {"picture_a": f"/data/local-files/?d=study/ours/{photo}.png", "picture_b": f"s3://lab/old/{photo}.png"}
    return {"id": id, "project": 7, "data": data, "annotations": list(annotations), "drafts": [], **changes}


def imported(store: Store, folder: Path, tasks: Any, config: str | None = CONFIG) -> Report:
    path = folder / "export.json"
    path.write_text(tasks if isinstance(tasks, str) else json.dumps(tasks))
    xml = None
    if config is not None:
        xml = folder / "config.xml"
        xml.write_text(config)
    report = Report()
    finder = PictureFinder(registered_pictures(store, None), folder / "out")
    return take(store, read_label_studio(path, finder, report, xml), None, report)


def choices(store: Store) -> dict[tuple[str, str], tuple[str, str]]:
    """(photo, observer) -> (preferred method, method shown left)."""
    rows = study_results(store, "two").rows
    side = {"first": "first_method", "second": "second_method"}
    return {(r["photo"], r["observer"]): (r[side[r["choice"]]], r[side[r["left"]]]) for r in rows}


def test_annotators_and_sides(opened: Store, tmp_path: Path) -> None:
    second = annotation(2, "right", completed_by=3, lead_time=None)
    swapped = {"picture_a": "old/lamp.png", "picture_b": "ours/lamp.png"}
    report = imported(
        opened, tmp_path, [task(1, "cat", annotation(1), second), task(2, "lamp", annotation(3, "right"), data=swapped)]
    )
    assert (report.taken, report.known, report.refused, report.notes) == (3, 0, [], [])
    assert choices(opened) == {
        ("cat", "ann@lab.example"): ("ours", "ours"),
        ("cat", "label-studio-3"): ("old", "ours"),
        ("lamp", "ann@lab.example"): ("ours", "old"),
    }
    seconds = {r["seconds"] for r in study_results(opened, "two").rows}
    assert seconds == {4.5, None}


def test_importing_again_takes_only_what_is_new(opened: Store, tmp_path: Path) -> None:
    tasks = [task(1, "cat", annotation(1))]
    imported(opened, tmp_path, tasks)
    again = imported(opened, tmp_path, [*tasks, task(2, "lamp", annotation(2))])
    assert (again.taken, again.known, again.refused) == (1, 1, [])


def test_what_is_no_answer_is_refused_with_its_place(opened: Store, tmp_path: Path) -> None:
    rectangle = {"type": "rectanglelabels", "value": {}, "to_name": "a"}
    unlabelled = task(9, "lamp", drafts=[{"result": []}], predictions=[{"result": []}])
    report = imported(
        opened,
        tmp_path,
        [
            task(1, "cat", annotation(1, was_cancelled=True), annotation(2, None), annotation(3, completed_by=None)),
            task(2, "cat", annotation(4, result=[]), annotation(5, result=[rectangle])),
            task(3, "cat", annotation(6, result=annotation(0)["result"] * 2)),
            task(4, "cat", annotation(7, lead_time="long")),
            task(5, "unknown", annotation(8)),
            unlabelled,
            {"id": 10, "data": None, "annotations": [annotation(9)]},
            task(11, "cat", "broken"),  # type: ignore[arg-type]
            task(12, "bridge", annotation(12)),
            task(13, "bridge", annotation(13, "right")),
        ],
    )
    assert report.taken == 1
    reasons = [f"{place}: {reason}" for place, reason in report.refused]
    expected = [
        "task 1 annotation 1: cancelled", "task 1 annotation 2: selected is None", "task 1 annotation 3: no annotator",
        "task 2 annotation 4: no pairwise answer", "task 2 annotation 5: no pairwise answer",
        "task 3 annotation 6: several pairwise answers", "task 4 annotation 7: seconds are 'long'",
        "task 5 annotation 8: no file unknown.png", "task 9: a draft", "task 9: a model's prediction",
        "task 9: a task without annotations", "task 10: a malformed task", "task 11: a malformed task",
        "task 13 annotation 13: a second answer",
    ]  # fmt: skip
    assert len(reasons) == len(expected)
    for want, got in zip(expected, reasons, strict=True):
        assert got.startswith(want), (want, got)


def test_an_annotation_changed_in_label_studio_is_reported(opened: Store, tmp_path: Path) -> None:
    imported(opened, tmp_path, [task(1, "cat", annotation(1, "left"))])
    report = imported(opened, tmp_path, [task(1, "cat", annotation(1, "right"))])
    assert (report.taken, report.known) == (0, 0)
    assert "changed after it was imported" in report.refused[0][1]
    assert choices(opened)["cat", "ann@lab.example"] == ("ours", "ours")


def test_without_a_configuration_to_name_may_be_the_data_fields(opened: Store, tmp_path: Path) -> None:
    first = annotation(1)
    first["result"][0]["to_name"] = ["picture_b", "picture_a"]
    report = imported(opened, tmp_path, [task(1, "cat", first)], config=None)
    assert (report.taken, report.notes) == (1, [])
    assert choices(opened)["cat", "ann@lab.example"] == ("old", "old")


def test_without_a_configuration_two_pictures_are_taken_in_their_order_and_it_is_said(
    opened: Store, tmp_path: Path
) -> None:
    report = imported(opened, tmp_path, [task(1, "cat", annotation(1))], config=None)
    assert report.taken == 1
    assert report.notes == ["data field 'picture_a' is taken as the left picture, 'picture_b' as the right one"]
    names = {"image_right": "ours/lamp.png", "image_left": "old/lamp.png", "caption": "a lamp"}
    imported(opened, tmp_path, [task(2, "lamp", annotation(2), data=names)], config=None)
    assert choices(opened)["lamp", "ann@lab.example"] == ("old", "old")


def test_three_pictures_need_the_configuration(opened: Store, tmp_path: Path) -> None:
    three = task(1, "cat", annotation(1))
    three["data"]["reference"] = "in/cat.png"
    report = imported(opened, tmp_path, [three], config=None)
    assert "--config" in report.refused[0][1]
    assert imported(opened, tmp_path, [three]).taken == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("3", "not a list of tasks"),
        ("[1]", "not a list of tasks"),
        ('[{"id": 1, "a": "x.png", "annotator": 1}]', "JSON-MIN"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_files_that_are_no_export(opened: Store, tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(ExchangeError, match=words):
        imported(opened, tmp_path, content)


@pytest.mark.parametrize(
    "config",
    ["<View>", '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><View name="&b;" value="$x"/>', "x" * 2_000_000],
)
def test_a_configuration_that_is_none_or_a_bomb(opened: Store, tmp_path: Path, config: str) -> None:
    with pytest.raises(ExchangeError, match=r"config\.xml"):
        imported(opened, tmp_path, [task(1, "cat", annotation(1))], config=config)


def test_a_configuration_with_comments(tmp_path: Path) -> None:
    path = tmp_path / "config.xml"
    path.write_text(CONFIG.replace("<Header", "<!-- ours first --><Header"))
    assert read_config(path) == {"a": "picture_a", "b": "picture_b"}


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (3, "label-studio-3"),
        ({"id": 4, "email": ""}, "label-studio-4"),
        ({"id": 4, "email": " b@x.example "}, "b@x.example"),
        ("zoe", "label-studio-zoe"),
    ],
)
def test_names_of_annotators(value: object, name: str) -> None:
    assert annotator(value) == name


def test_a_task_of_somebody_elses_study_is_not_taken(opened: Store, tmp_path: Path) -> None:
    made: Manifest = study.create_pairs(
        opened, "other", write_outputs(tmp_path / "out", ("new", "newer"), ("cat",)), {}
    ).manifest
    mixed = {"picture_a": "new/cat.png", "picture_b": "ours/cat.png"}
    report = imported(opened, tmp_path, [task(1, "cat", annotation(1), data=mixed)])
    assert "no pair in any round" in report.refused[0][1]
    assert made.pairs
