"""Results with and without people: left out by name, and beside the scores of all where somebody is suspect."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from exchange_helpers import write_outputs
from test_study import prefer

from cli import study as command
from labelling.exchange import results, study
from labelling.exchange.manifest import Manifest, StudyError
from labelling.exchange.results import results as study_results
from labelling.store import Store, Vote

ORDER = ("ours", "theirs", "old")
PHOTOS = tuple(f"p{i:02}" for i in range(14))


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    with Store.open(tmp_path / "labels.sqlite") as store:
        yield store


def look(made: Manifest, observer: str, wrong: float) -> list[Vote]:
    """The votes of somebody who sees the order ORDER but for a share `wrong` of pairs, with sides by chance."""
    dice = random.Random(observer)
    opposite = {vote.key: vote for vote in prefer(made, ORDER[::-1], observer)}
    votes = []
    for vote in prefer(made, ORDER, observer):
        chosen = opposite[vote.key] if dice.random() < wrong else vote
        sides = (vote.preferred, opposite[vote.key].preferred)
        votes.append(Vote(**{**vars(chosen), "left": dice.choice(sides)}))
    return votes


@pytest.fixture
def voted(opened: Store) -> Store:
    made = study.create_pairs(opened, "llie", write_outputs(Path(), ORDER, PHOTOS), {}, votes=6).manifest
    for name in ("ann", "bob", "cy", "dora", "eve"):
        opened.add_votes(look(made, name, 0.2))
    opened.add_votes(look(made, "mallory", 0.85))
    return opened


def test_a_suspect_is_named_and_scores_without_stand_beside(voted: Store, capsys: pytest.CaptureFixture[str]) -> None:
    found = study_results(voted, "llie")
    assert list(found.suspects) == ["mallory"]
    assert found.unsuspected is not None
    assert found.unsuspected.scores[0] > found.scores.scores[0] > 0  # mallory pulls the best down
    alone = study_results(voted, "llie", ["mallory"])
    assert (found.unsuspected.wins == alone.scores.wins).all()
    assert (alone.without, alone.suspects, alone.unsuspected) == (("mallory",), {}, None)
    assert {row["observer"] for row in alone.rows} == {"ann", "bob", "cy", "dora", "eve"}

    results.write_results(found, Path("out"))
    scores = list(csv.DictReader(Path("out/scores.csv").read_text().splitlines()))
    assert float(scores[0]["score_without_suspects"]) == pytest.approx(found.unsuspected.scores[0], abs=1e-4)
    assert float(scores[0]["low"]) < float(scores[0]["score"]) < float(scores[0]["high"])
    people = {row["observer"]: row for row in csv.DictReader(Path("out/observers.csv").read_text().splitlines())}
    assert (people["ann"]["votes"], people["ann"]["suspect"]) == ("42", "")
    assert "against the others" in people["mallory"]["suspect"]
    told = {name: float(row["reliability"]) for name, row in people.items()}
    assert told["mallory"] < 0.5 < min(told[name] for name in ("ann", "bob", "cy", "dora", "eve"))
    assert not found.tastes.groups, "one person is no taste"
    command.say_scores(found)
    said = capsys.readouterr().out
    assert "without suspects" in said and "two tastes" not in said
    assert "look at mallory: votes against the others" in said
    assert "each of 6 observers and of each of 14 photographs" in said


def test_two_tastes_are_said(opened: Store, capsys: pytest.CaptureFixture[str]) -> None:
    made = study.create_pairs(opened, "llie", write_outputs(Path(), ORDER, PHOTOS), {}, votes=6).manifest
    for name in ("ann", "bob", "cy"):
        opened.add_votes(look(made, name, 0.1))
    for name in ("dora", "eve"):
        opened.add_votes(look(made, name, 0.9))
    found = study_results(opened, "llie")
    assert found.tastes.groups == (("ann", "bob", "cy"), ("dora", "eve"))
    command.say_scores(found)
    assert "look at the panel: two tastes: ann, bob, cy against dora, eve" in capsys.readouterr().out


def test_leaving_out_somebody_unknown_or_everybody_is_refused(voted: Store) -> None:
    with pytest.raises(StudyError, match="nobody called 'zoe' voted"):
        study_results(voted, "llie", ["zoe"])
    with pytest.raises(StudyError, match="leave fewer people out"):
        study_results(voted, "llie", ["ann", "bob", "cy", "dora", "eve", "mallory"])


def test_errors_are_wider_where_votes_are_of_few_people(voted: Store) -> None:
    """Votes copied to more observers are not more photographs: the error does not fall with them alone."""
    found = study_results(voted, "llie", ["mallory"])
    assert (found.scores.observers, found.scores.scenes) == (5, 14)
    assert ((found.scores.high - found.scores.low) / 2 > 1.96 * found.scores.errors).all()


def test_a_method_that_was_never_beaten_is_marked(opened: Store, capsys: pytest.CaptureFixture[str]) -> None:
    made = study.create_pairs(opened, "llie", write_outputs(Path(), ORDER, PHOTOS[:4]), {}, votes=2).manifest
    opened.add_votes(prefer(made, ORDER, "ann"))
    opened.add_votes(prefer(made, ("ours", "old", "theirs"), "bob"))
    found = study_results(opened, "llie")
    assert found.scores.from_prior == ("undefeated", None, None)
    results.write_results(found, Path("out"))
    rows = list(csv.DictReader(Path("out/scores.csv").read_text().splitlines()))
    assert [row["from_prior"] for row in rows] == ["undefeated", "", ""]
    command.say_scores(found)
    said = capsys.readouterr().out
    assert "* ours: undefeated, so its score and error come from the prior" in said
    assert said.splitlines()[1].endswith("*")
