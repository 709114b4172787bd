"""Criteria of one's own, as a YAML file says them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from labelling.exchange.criteria import CriteriaError, check_classes, load_criteria

CONTRAST = {"name": "contrast", "text": "Local contrast", "best": "clear everywhere", "worst": "flat"}
NOISE = {"name": "noise", "text": "Freedom from noise", "best": "none", "worst": "drowned"}


def written(folder: Path, content: Any) -> Path:
    path = folder / "criteria.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def test_criteria_and_classes(tmp_path: Path) -> None:
    criteria, classes = load_criteria(
        written(tmp_path, {"criteria": [CONTRAST, NOISE], "classes": ["halo", " ghost "]})
    )
    assert [(c.name, c.title, c.scale) for c in criteria] == [
        ("contrast", "Local contrast", ("flat", "", "", "", "clear everywhere")),
        ("noise", "Freedom from noise", ("drowned", "", "", "", "none")),
    ]
    assert classes == ("halo", "ghost")
    assert load_criteria(written(tmp_path, {"criteria": [CONTRAST]}))[1] == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "must be a mapping with `criteria`"),
        ("- a", "must be a mapping with `criteria`"),
        ({"criteria": [CONTRAST], "colour": 1}, "must be a mapping with `criteria`"),
        ("criteria: [", "line 1: not YAML"),
        ({"criteria": []}, "a list of 1 to 12"),
        ({"criteria": [CONTRAST | {"name": f"c{i}", "text": f"t{i}"} for i in range(13)]}, "a list of 1 to 12"),
        ({"criteria": ["contrast"]}, "criterion 1 must be a mapping"),
        ({"criteria": [CONTRAST, {"name": "x"}]}, "criterion 2 lacks text, best, worst"),
        ({"criteria": [CONTRAST | {"scale": 5}]}, "criterion 1 has an unknown key scale"),
        ({"criteria": [CONTRAST, CONTRAST | {"text": "Other"}]}, "the name 'contrast' comes twice"),
        ({"criteria": [CONTRAST, NOISE | {"text": "Local contrast"}]}, "the text 'Local contrast' comes twice"),
        ({"criteria": [CONTRAST | {"name": "a b"}]}, "ASCII letters"),
        ({"criteria": [CONTRAST | {"name": "=cmd"}]}, "ASCII letters"),
        ("criteria: [{name: no, text: a, best: b, worst: c}]", "criterion 1, name must be a text, not False"),
        ({"criteria": [CONTRAST | {"best": ""}]}, "criterion 1, best must be 1 to 200 printable"),
        ({"criteria": [CONTRAST | {"best": "x" * 201}]}, "criterion 1, best must be 1 to 200 printable"),
        ({"criteria": [CONTRAST], "classes": "halo"}, "classes must be a list"),
        ({"criteria": [CONTRAST], "classes": ["a", "a"]}, "the class 'a' comes twice"),
        ({"criteria": [CONTRAST], "classes": [1]}, "class 1 must be a text"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_place(tmp_path: Path, content: Any, said: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(CriteriaError) as caught:
        load_criteria(path)
    message = str(caught.value)
    assert said in message and message.startswith(str(path)) and "\n" not in message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CriteriaError, match="cannot be read"):
        load_criteria(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(CriteriaError, match="not UTF-8"):
        load_criteria(tmp_path / "binary.yaml")
    with pytest.raises(CriteriaError, match="nested too deep"):
        load_criteria(written(tmp_path, "criteria: " + "[" * 20_000))


def test_too_many_classes() -> None:
    assert check_classes("--classes: ", ["a", "b"]) == ("a", "b")
    with pytest.raises(CriteriaError, match="--classes: at most 30"):
        check_classes("--classes: ", [str(i) for i in range(31)])
    with pytest.raises(CriteriaError, match="--classes: class 2"):
        check_classes("--classes: ", ["a", ""])
