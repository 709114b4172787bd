"""The YAML file of a study's pages: read whole, every fault named by its place, and practice pairs with a known answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labelling.exchange.manifest import Manifest, StudyPair
from labelling.exchange.study_pages import StudyPages, StudyPagesError, read_study_pages, truths

ROOT = Path(__file__).resolve().parents[3]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_of_the_docs_can_be_used(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "far-away.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert example is not None
    pages = read_study_pages(written(tmp_path, example[1]))
    assert [question.when for question in pages.questions].count("after") == 1
    assert pages.colour_check is not None
    assert pages.display_check is not None


def test_yes_and_no_are_texts_and_one_method_may_stand_alone(tmp_path: Path) -> None:
    pages = read_study_pages(
        written(
            tmp_path,
            "title: T\nquestions: [{name: a, text: b, type: choice, options: [yes, no]}]\npractice: {better: ours}\n",
        )
    )
    assert pages.questions[0].options == ["yes", "no"]
    assert pages.practice.better == ["ours"]


def test_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    text = """
title: " "
consnet: typed wrong
questions:
  - {name: age, text: How old?, type: number, options: [a, b]}
  - {name: Bad, text: x, type: text}
  - {name: c, text: x, type: choice}
  - {name: d, text: x, type: number, min: 3, max: 2}
colour_check: {plates: 0}
display_check: {too_small: never}
quota: none
people: 99999999
"""
    with pytest.raises(StudyPagesError) as told:
        read_study_pages(written(tmp_path, text))
    said = str(told.value)
    for place in (
        "title: ", "consnet: unknown key", "questions 1: options does not belong", "questions 2.name: ",
        "questions 3: a choice needs its options", "questions 4: min is above max", "colour_check.plates: ",
        "display_check.too_small: ", "quota: ", "people: ",
    ):  # fmt: skip
        assert f"\n  {place}" in said, said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title: a\ntitle: b\n", "line 2: not YAML"),
        ("title: [\n", "not YAML"),
        ("- a\n", "must be a mapping"),
        ("questions: []\n", "title: Field required"),
        ("title: a\nquestions: [{name: a, text: b, type: text}, {name: a, text: c, type: text}]\n", "a comes twice"),
    ],
)
def test_what_is_no_such_file(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(StudyPagesError, match=says):
        read_study_pages(written(tmp_path, text))
    with pytest.raises(StudyPagesError, match=r"gone\.yaml"):
        read_study_pages(tmp_path / "gone.yaml")


def test_the_better_picture_of_practice_pairs(tmp_path: Path) -> None:
    def of(key: str, first: str, second: str) -> StudyPair:
        return StudyPair(key, "cat", first, f"{first}-sha", second, f"{second}-sha")

    pairs = (of("1", "ours", "old"), of("2", "old", "blur"), of("3", "blur", "best"), of("4", "ours", "blur"))
    made = Manifest("llie", "pairs", "Which?", ("ours", "old", "blur", "best"), (), pairs)

    def asked(*better: str) -> StudyPages:
        return StudyPages.model_validate({"title": "T", "practice": {"better": list(better)}})

    assert truths(asked(), made, 3) == {}
    assert truths(asked("ours", "best"), made, 3) == {"1": "ours-sha", "3": "best-sha"}
    with pytest.raises(StudyPagesError, match=r"names mine; the study's methods are ours, old"):
        truths(asked("mine"), made, 3)
    with pytest.raises(StudyPagesError, match="--training"):
        truths(asked("best"), made, 2)
