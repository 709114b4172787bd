"""`loupe scale` from the command line: what it prints and writes, and what it refuses; and the way out of a study and back."""

from __future__ import annotations

import csv
import io
import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cli.main import app
from labelling.exchange import answers, study
from labelling.exchange.manifest import StudyError
from labelling.exchange.results import export_votes, results, write_results
from labelling.exchange.scaled import scaled
from labelling.exchange.vote_files import read_votes
from labelling.store import Store, Vote
from tasks.pages.ranking import Ranking, drawn


def write_votes(path: Path) -> Path:
    dice = random.Random(0)
    worth = {"<b>ours</b>": 1.0, "theirs": 0.2, "old $5": 0.0}
    rows = [["who", "photo", "a", "b", "winner"]]
    for who, photo, (a, b) in itertools.product(("ann", "bob", "cy"), "uvwxyz", itertools.combinations(worth, 2)):
        rows.append([who, photo, a, b, a if worth[a] - worth[b] + dice.gauss(0, 1) > 0 else b])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([*rows, ["ann", "u", "theirs", "theirs", "theirs"]])
    return path


def test_scores_are_said_and_written(tmp_path: Path) -> None:
    path, out = write_votes(tmp_path / "votes.csv"), tmp_path / "out"
    done = CliRunner().invoke(
        app, ["scale", str(path), "--out", str(out), "--model", "bradley-terry", "--bootstrap", "30"]
    )
    assert done.exit_code == 0, done.output
    assert "54 votes on 3 items by 3 observers about 6 scenes" in done.output
    assert "line 56: an item is compared with itself" in done.output
    assert "1 JOD is 1.099" in done.output
    assert "30 draws of observers and photographs" in done.output
    names = {path.name for path in out.iterdir()}
    assert names == {
        "scores.csv", "tests.csv", "observers.csv", "scenes.csv", "ranking.png", "ranking.svg", "scale.html"
    }  # fmt: skip
    rows = list(csv.DictReader((out / "scores.csv").open()))
    assert rows[0]["item"] == "<b>ours</b>"
    assert float(rows[0]["low"]) < float(rows[0]["score"]) < float(rows[0]["high"])
    assert float(rows[0]["jod"]) == pytest.approx(float(rows[0]["score"]) / np.log(3), abs=1e-3)
    page = (out / "scale.html").read_text()
    assert "<b>ours" not in page
    assert not any(f'{where}="http' in page for where in ("src", "href"))


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--bootstrap", "5"], "at least 20 draws"), (["--first", "a"], "belong together"),
     (["--ties", "davidson"], "belongs to --model"),
     (["--observer", "nope"], "no column 'nope'"), (["--without", "zoe"], "nobody called 'zoe'")],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(options: list[str], said: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["scale", str(write_votes(tmp_path / "votes.csv")), *options])
    assert done.exit_code != 0
    assert said in str(done.exception)


def ranking(count: int) -> Ranking:
    scores = np.linspace(1, -1, count)
    return Ranking(
        names=[f"m{k}" for k in range(count)], scores=scores, low=scores - 0.2, high=scores + 0.2, open=[False] * count,
        letters=["a"] * count, differs=np.triu(np.ones((count, count), dtype=bool), 2),
    )  # fmt: skip


def test_the_same_ranking_gives_the_same_bytes() -> None:
    assert drawn(ranking(4), "svg") == drawn(ranking(4), "svg")
    one = drawn(ranking(4), "png")
    assert one == drawn(ranking(4), "png")
    image = np.asarray(Image.open(io.BytesIO(one)).convert("L"))
    assert image.std() > 5  # something is drawn
    assert b"m3" in drawn(ranking(4), "svg")


@pytest.fixture
def voted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    folders = {}
    for shade, method in enumerate(("ours", "theirs", "old")):
        folders[method] = Path(method)
        folders[method].mkdir()
        for number, photo in enumerate("pqrs"):
            Image.new("RGB", (8, 8), (40 * shade, 50 * number, 9)).save(folders[method] / f"{photo}.png")
    with Store.open(tmp_path / "labels.sqlite") as store:
        made = study.create_pairs(store, "llie", folders, {}, votes=3).manifest
        dice = random.Random(1)
        for who in ("ann", "bob", "cy"):
            pairs = {pair.key: pair for pair in made.pairs}
            votes = []
            for key, pair in pairs.items():
                sides = (pair.first_sha256, pair.second_sha256)
                votes.append(
                    Vote(
                        key=key, preferred=dice.choice((sides[0], *sides)), left=dice.choice(sides), observer=who, kind="people",
                        round="llie", id=f"{who}{key}",
                    )
                )  # fmt: skip
            store.add_votes(votes)
        yield store


@pytest.mark.parametrize("form", ["pwcmp", "long", "parquet", "labels"])
def test_a_study_scales_as_its_results_say(voted: Store, form: str) -> None:
    found = results(voted, "llie")
    if form == "parquet":
        write_results(found, Path("out"))
        path = Path("out/votes.parquet")
    elif form == "labels":
        path = Path("labels.csv")
        answers.export_votes(voted, ["llie"], path, "table")
    else:
        path = Path(f"{form}.csv")
        assert export_votes(voted, "llie", path, form) == f"36 votes written to {path}"
    votes = read_votes(path)
    again = scaled(votes).scores
    order = [again.items.index(method) for method in found.methods]
    for name in ("scores", "errors", "low", "high", "wins"):
        assert getattr(again, name)[order] == pytest.approx(getattr(found.scores, name), abs=1e-8), name
    counts = Path("out") if form == "parquet" else None
    if counts:
        assert read_votes(counts / "counts.csv").comparisons.wins()[np.ix_(*[[0, 1, 2]] * 2)].sum() == 36


def test_an_export_that_cannot_be_is_refused(voted: Store) -> None:
    with pytest.raises(StudyError, match=r"should end in \.csv"):
        export_votes(voted, "llie", Path("votes.txt"), "long")
