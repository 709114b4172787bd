from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_artifacts import AT, NASTY, make, params

from pictures import write_json
from tasks.pages import sections
from tasks.pages.data import ReportError
from tasks.rounds import report
from tasks.stage.tables import TableError

SECTIONS = (
    "pictures",
    "preference",
    "metrics",
    "judges",
    "ablation",
    "rounds",
    "curves",
    "photos",
    "provenance",
    "settings",
)
VOID = {"meta", "img", "input", "br", "line", "circle", "polyline"}


class Page(HTMLParser):
    """The page as a browser takes it: its elements, its text without scripts and styles, and that every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    def ids(self) -> set[str | None]:
        return {attributes.get("id") for _, attributes in self.elements}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_has_every_section_and_the_headline(here: Path) -> None:
    make()
    page = Page(report.page(params()))
    assert set(SECTIONS) <= page.ids()
    assert "f3 is preferred to f0 in 78 % of votes" in page.text
    assert "95 % interval 70–85 % , 2 photographs" in page.text.replace("85 %,", "85 % ,")
    assert sum(tag == "svg" for tag, _ in page.elements) >= 9


def test_nothing_is_loaded_from_anywhere(here: Path) -> None:
    make()
    page = Page(report.page(params()))
    for tag, attributes in page.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/jpeg;base64,", "#")), (tag, name, value)
        assert tag not in {"link", "iframe", "object", "embed", "base"}
        assert "url(" not in (attributes.get("style") or "")
    styles = (report.report_page.TEMPLATES / "report.css").read_text(encoding="utf-8")
    scripts = (report.report_page.TEMPLATES / "report.js").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|//[a-z]", styles)
    assert not re.search(r"fetch|XMLHttp|import|https?:", scripts)


def test_each_picture_is_embedded_once_in_every_version(here: Path) -> None:
    make()
    page = Page(report.page(params(photos=3)))
    pictures = [attributes for tag, attributes in page.elements if tag == "img" and "data-version" in attributes]
    assert [str(picture["data-version"]) for picture in pictures].count("f3") == 3
    assert {str(picture["data-version"]) for picture in pictures} == {"input", "f0", "f1", "f2", "f3", "reference"}
    assert len({picture["src"] for picture in pictures}) == len(pictures)
    sliders = [attributes for tag, attributes in page.elements if tag == "input" and attributes["type"] == "range"]
    assert len(sliders) == 4  # one a photo, and one for all


def test_names_from_files_are_escaped(here: Path) -> None:
    make(nasty=NASTY)
    text = report.page(params(photos=3, labels={"question": NASTY}))
    assert NASTY not in text
    page = Page(text)
    assert NASTY in page.text
    assert not any("onerror" in attributes for _, attributes in page.elements)


def test_simulated_observers_are_announced(here: Path) -> None:
    make(kind="simulated")
    page = Page(report.page(params("simulated")))
    assert "simulated-banner" in page.ids()
    assert "Judged by simulated observers, not by people" in page.text


def test_people_are_counted_and_not_named(here: Path) -> None:
    make(kind="people")
    text = report.page(params("people"))
    page = Page(text)
    assert "simulated-banner" not in page.ids()
    assert "imulated observers" not in page.text
    assert "3 people" in page.text
    assert "secret name" not in text


def test_votes_of_a_simulated_round_are_announced_even_when_people_label_now(here: Path) -> None:
    make(kind="simulated")
    assert "simulated-banner" in Page(report.page(params("people"))).ids()


def test_without_validation_votes_the_page_says_what_to_do(here: Path) -> None:
    make(kind="people", voted=False)
    page = Page(report.page(params("people")))
    assert set(SECTIONS) <= page.ids()
    assert "is preferred to f0 in" not in page.text
    assert "Not labelled yet" in page.text
    assert page.text.count("loupe label low_light-validation") == page.text.count("loupe label") >= 2
    assert page.text.count("low_light.evaluate.label_rev") == page.text.count("label_rev in") >= 2
    assert "dvc repro" in page.text


def test_rounds_are_counted_from_the_labels(here: Path) -> None:
    make()
    text = Page(report.page(params())).text
    # pairs, votes, observers, pairs with a majority, newer preferred, unanimous, gaps
    assert re.search(r"r01 f1 with f0 3 9 3 3 67 % 67 % 0\.75 0\.25", text)


def test_what_is_missing_and_skipped_is_told_without_absolute_paths(here: Path) -> None:
    make()
    folder = {"inputs": "/home/somebody/photos", "references": "/home/somebody/originals"}
    text = report.page(params(dataset={"source": "folder", "folder": folder}))
    page = Page(text)
    assert "MUSIQ : no weight (cache …/musiq.pth: absent; https://example.org/a/b: no network)" in page.text
    assert "porch.jpg : damaged; see …/broken.jpg" in page.text
    words = re.sub(r"\s+", " ", page.text)
    assert "7 files not read (not a photo): low/0.mov" in words and "low/4.mov and 2 more" in words
    assert "120 photos in sub-folders not read" in words
    assert "dataset.folder.inputs …/photos" in page.text
    assert "/home/" not in text and "/opt/" not in text and str(here) not in text


def test_an_ablation_that_changed_nothing_is_told(here: Path) -> None:
    make()
    assert "Without votes and ranker the pictures are identical" in Page(report.page(params())).text
    by_ranker = {"name": "ranker_loss", "options": {"lambda_ranker": 1.0, "content_layer": "relu3_1"}}
    assert "Without the ranker the pictures are identical" in Page(report.page(params(align=by_ranker))).text


def test_a_summary_of_sample_photos_or_of_an_earlier_version(here: Path) -> None:
    """Neither says what of a folder was not read."""
    make()
    path = here / AT.pictures / "summary.json"
    summary = json.loads(path.read_text())
    del summary["not_read"], summary["in_sub_folders"]
    path.write_text(json.dumps(summary))
    assert "in sub-folders not read" not in Page(report.page(params())).text


def test_the_same_artifacts_give_the_same_bytes(here: Path) -> None:
    make()
    report.run(params())
    first = (here / AT.report / "report.html").read_bytes()
    report.run(params())
    assert (here / AT.report / "report.html").read_bytes() == first
    assert [file.name for file in sorted((here / AT.report).iterdir())] == ["headline.txt", "report.html"]
    said = (here / AT.report / "headline.txt").read_text()
    shown = r"f\d is preferred to f0 in \d+\s% of \d+ votes of simulated observers \(95 % interval .*\)\.\n"
    assert re.fullmatch(shown, said), said


def test_a_missing_or_broken_artifact_is_named(here: Path) -> None:
    make()
    write_json(here / AT.evaluate / "metrics.json", [])
    with pytest.raises(ReportError, match=r"data/low_light/evaluate/metrics\.json must hold"):
        report.page(params())
    (here / AT.evaluate / "metrics.json").unlink()
    with pytest.raises(ReportError, match=r"data/low_light/evaluate/metrics\.json is missing"):
        report.page(params())
    (here / AT.labels("r02") / "labels.parquet").unlink()
    with pytest.raises(TableError, match=r"data/low_light/labels/r02/labels\.parquet is missing"):
        report.page(params())


def test_of_many_photos_some_are_in_the_tables(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make()
    monkeypatch.setattr(sections, "MOST_ROWS", 2)
    text = report.page(params())
    assert "2 of 3 photos, spread evenly over their names" in text
    tables_of = text[text.index('<section id="photos">') :].split("</section>")[0]
    assert "<th>cat_0</th>" in tables_of and "<th>cat_1</th>" in tables_of and "<th>porch</th>" not in tables_of
