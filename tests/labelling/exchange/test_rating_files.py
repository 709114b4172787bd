"""Ratings of a language model in, and all ratings out."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from exchange_helpers import write_outputs

from labelling.exchange import manifest, study
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.exchange.import_report import Report
from labelling.exchange.importing import ExchangeError
from labelling.exchange.manifest import Manifest
from labelling.exchange.rating_files import export_ratings, import_ratings
from labelling.store import Options, Rating, RatingItem, Store, UnknownRound

SCORES = {"thermal": 3, "texture": 4, "artifacts": 5, "sharpness": 2}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def opened(root: Path) -> Iterator[Store]:
    with Store.open(root / "labels.sqlite") as store:
        options = Options(criteria=FUSION_CRITERIA)
        study.create_ratings(store, "fusion", write_outputs(root / "out", ("ours", "old")), {}, options=options)
        yield store


def pictures(made: Manifest | None) -> dict[tuple[str, str], str]:
    assert made is not None
    return {(picture.method, picture.photo): picture.sha256 for picture in made.pictures}


def line(**changes: Any) -> dict[str, Any]:
    values = {"photo": "cat", "method": "ours", "observer": "gpt", "scores": SCORES, "note": "<b>fine</b>"}
    return {name: value for name, value in (values | changes).items() if value is not None}


def imported(store: Store, folder: Path, *lines: Any, round: str | None = "fusion") -> Report:
    path = folder / "ratings.jsonl"
    path.write_text("\n".join(text if isinstance(text, str) else json.dumps(text) for text in lines))
    return import_ratings(store, path, round, folder / "out")


def test_a_rating_by_photo_by_path_and_by_sha256(opened: Store, root: Path) -> None:
    known = pictures(manifest.find("fusion"))
    report = imported(
        opened,
        root,
        line(circles=[{"x": 3, "y": 2.5, "radius": 4}], seconds=1.5),
        line(photo=None, method=None, picture="ours/lamp.png"),
        line(photo=None, method=None, picture=known["old", "cat"], kind="people", observer="eva"),
        "",
    )
    assert (report.taken, report.known, report.refused) == (3, 0, [])
    found = {rating.item: rating for rating in opened.ratings("fusion", unreviewed=True)}
    cat = found[known["ours", "cat"]]
    assert (cat.observer, cat.kind, cat.note, cat.seconds) == ("gpt", "llm", "<b>fine</b>", 1.5)
    assert dict(cat.scores) == SCORES
    assert [(c.x, c.y, c.radius) for c in cat.circles] == [(3.0, 2.5, 4.0)]
    assert found[known["ours", "lamp"]].observer == "gpt"
    assert found[known["old", "cat"]].kind == "people"


def test_importing_again_takes_nothing_twice(opened: Store, root: Path) -> None:
    imported(opened, root, line())
    again = imported(opened, root, line(), line(photo="lamp"))
    assert again.lines() == ["1 of 2 ratings taken, 1 there already, 0 not taken"]
    report = imported(opened, root, line(note="another"))
    assert (report.taken, report.known) == (0, 0)
    assert "changed after it was imported" in report.refused[0][1]


def test_malformed_answers_are_counted_and_the_rest_is_taken(opened: Store, root: Path) -> None:
    circle = {"x": 3, "y": 2, "radius": 1}
    cases: list[tuple[Any, str]] = [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        (line(score=3), "unknown fields score"),
        (line(scores={**SCORES, "thermal": 6}), "thermal is 6"),
        (line(scores={**SCORES, "thermal": 0}), "thermal is 0"),
        (line(scores={**SCORES, "thermal": 3.5}), "thermal is 3.5"),
        (line(scores={**SCORES, "thermal": True}), "thermal is true"),
        (line(scores={"thermal": 3}), "exactly artifacts"),
        (line(scores={**SCORES, "beauty": 3}), "exactly artifacts"),
        (line(scores="good"), "exactly artifacts"),
        (line(circles="none"), "list of at most 200"),
        (line(circles=[circle] * 201), "list of at most 200"),
        (line(circles=[{"x": 1, "y": 2}]), "x, y and radius"),
        (line(circles=[{**circle, "x": "1"}]), "not a finite number"),
        (json.dumps(line(circles=[{**circle, "x": float("nan")}])), "NaN is no number of JSON"),
        (line(circles=[{**circle, "x": 17}]), "lies in the picture (16 x 12)"),
        (line(circles=[{**circle, "radius": 0}]), "radius is above 0"),
        (line(note="x" * 4001), "at most 4000"),
        (line(note=3), "not a text"),
        (line(observer=""), "no observer"),
        (line(observer=None), "no observer"),
        (line(kind="oracle"), "unknown kind"),
        (line(photo="dog"), "no photo 'dog' of method 'ours'"),
        (line(photo=None), "no picture"),
        (line(photo=["cat"]), "no photo"),
        (line(photo=None, method=None, picture="cat.png"), "any of several files"),
        (line(seconds=-1), "from 0"),
        (line(id=3), "id is not a text"),
        (line(round="r01"), "no round of ratings 'r01' (there: fusion)"),
    ]  # fmt: skip
    report = imported(opened, root, *(case for case, _ in cases), line())
    assert report.taken == 1
    reasons = dict(report.refused)
    assert len(reasons) == len(cases)
    for number, (_, words) in enumerate(cases, start=1):
        assert words in reasons[f"line {number}"], (words, reasons[f"line {number}"])


def test_the_second_rating_of_the_same_picture_in_a_file(opened: Store, root: Path) -> None:
    report = imported(opened, root, line(), line(note="again"))
    assert report.taken == 1
    assert "twice" in report.refused[0][1]


def test_a_persons_second_rating_of_a_picture_is_not_said_to_be_taken(opened: Store, root: Path) -> None:
    """The page's ratings have ids of their own, so an import of the same person's is another one, which never counts."""
    item = pictures(manifest.find("fusion"))["ours", "cat"]
    given = {"item": item, "observer": "Eva", "kind": "people", "scores": SCORES, "note": "<b>fine</b>"}
    opened.add_ratings([Rating(id="page", round="fusion", **given)])
    report = imported(
        opened, root, line(observer=" Eva ", kind="people"), line(observer="Eva", kind="people", id="other")
    )
    assert (report.taken, report.known) == (0, 0)
    assert [reason for _, reason in report.refused] == [
        "Eva rated this picture here already; the first rating counts, and a second never"
    ] * 2
    again = imported(opened, root, line(observer="Eva", kind="people", id="page"))
    assert (again.taken, again.known, again.refused) == (0, 1, [])


def test_classes_of_artifacts_in_and_out(opened: Store, root: Path) -> None:
    circle = {"x": 3, "y": 2, "radius": 1}
    assert (
        "no class of artifacts here (there: none)"
        in imported(opened, root, line(circles=[{**circle, "artifact": "halo"}])).refused[0][1]
    )
    batch = opened.batch("fusion")
    items = [RatingItem(sha256=sha256, png=opened.picture(sha256)) for sha256 in opened.items("fusion")]
    options = Options(criteria=batch.options.criteria, classes=("halo", "noise"))
    opened.register_ratings("fusion", "people", items, batch.votes_per_pair, batch.question, options)
    report = imported(opened, root, line(circles=[{**circle, "artifact": "noise"}, circle], id="g1"))
    assert (report.taken, report.refused) == (1, [])
    report = imported(opened, root, line(photo="lamp", circles=[{**circle, "artifact": "blur"}]))
    assert "'blur' is no class of artifacts here (there: halo, noise)" in report.refused[0][1]
    export_ratings(opened, "fusion", root / "r.csv")
    with (root / "r.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert [each["artifact"] for each in json.loads(row["circles"])] == ["noise", ""]
    assert [each.artifact for each in opened.ratings("fusion", effective=False)[0].circles] == ["noise", ""]


def test_a_line_without_a_round(opened: Store, root: Path) -> None:
    assert "--round" in imported(opened, root, line(), round=None).refused[0][1]
    assert imported(opened, root, line(round="fusion"), round=None).taken == 1
    with pytest.raises(ExchangeError, match="no such file"):
        import_ratings(opened, root / "absent.jsonl", None, None)


def test_ratings_and_reviews_out(opened: Store, root: Path) -> None:
    imported(opened, root, line(id="g1", circles=[{"x": 3, "y": 2, "radius": 1}]), line(photo="lamp", id="g2"))
    first = {rating.id: rating for rating in opened.ratings("fusion", effective=False)}["g1"]
    opened.add_ratings(
        [
            Rating(
                id="e1", item=first.item, observer="eva", kind="people", scores={**SCORES, "thermal": 1}, round="fusion",
                note='too dark, "really"', reviews="g1", verdict="corrected",
            )
        ]
    )  # fmt: skip
    said = export_ratings(opened, "fusion", root / "r.parquet")
    told = f"2 ratings and 1 reviews written to {root / 'r.parquet'}"
    assert (
        said == f"{told}; 1 of them count; 1 of language models that nobody reviewed do not (--unreviewed counts them)"
    )
    rows = {row["id"]: row for row in pq.read_table(root / "r.parquet").to_pylist()}
    assert [rows[id]["effective"] for id in ("g1", "g2", "e1")] == [False, False, True]
    said = export_ratings(opened, "fusion", root / "r.parquet", unreviewed=True)
    assert said == f"{told}; 2 of them count; 1 of language models that nobody reviewed count as well"
    rows = {row["id"]: row for row in pq.read_table(root / "r.parquet").to_pylist()}
    assert [rows[id]["effective"] for id in ("g1", "g2", "e1")] == [False, True, True]
    assert (rows["g1"]["photo"], rows["g1"]["method"], rows["g1"]["score_thermal"]) == ("cat", "ours", 3)
    assert rows["g1"]["circles"] == [{"x": 3.0, "y": 2.0, "radius": 1.0, "artifact": ""}]
    assert (rows["e1"]["reviews"], rows["e1"]["verdict"], rows["e1"]["score_thermal"]) == ("g1", "corrected", 1)

    export_ratings(opened, "fusion", root / "r.csv")
    with (root / "r.csv").open(newline="") as file:
        found = {row["id"]: row for row in csv.DictReader(file)}
    assert json.loads(found["g1"]["circles"]) == rows["g1"]["circles"]
    assert found["e1"]["note"] == 'too dark, "really"'


def test_what_cannot_be_exported(opened: Store, root: Path) -> None:
    with pytest.raises(ExchangeError, match=r"\.csv or \.parquet"):
        export_ratings(opened, "fusion", root / "r.json")
    with pytest.raises(UnknownRound):
        export_ratings(opened, "r09", root / "r.csv")
    study.create_pairs(opened, "two", write_outputs(root / "out", ("ours", "old")), {})
    with pytest.raises(ExchangeError, match="loupe labels export --round two"):
        export_ratings(opened, "two", root / "r.csv")
