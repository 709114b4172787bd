"""Votes out of a store, and back into another one."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from exchange_helpers import answer, write_outputs
from label_helpers import make_pairs, sha

from labelling.exchange import study
from labelling.exchange.answers import PAPER, VOTES, export_votes
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.exchange.csv_votes import read_csv
from labelling.exchange.import_report import Report
from labelling.exchange.importing import ExchangeError, registered_pictures, take
from labelling.exchange.matching import PictureFinder
from labelling.exchange.results import results as study_results
from labelling.store import Options, Store, UnknownRound
from tasks.rounds.names import names_of
from tasks.stage import tables

PAIRS = make_pairs(4)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def voted(root: Path) -> Iterator[Store]:
    """ann and bob on pairs 0 to 2 (equal, against each other, both a tie), a repeat of ann's, a training answer."""
    with Store.open(root / "labels.sqlite") as store:
        store.register("r01", "people", PAIRS, 2, "Which?")
        one, two, three, _ = PAIRS
        choices = {"ann": ("low", "high", "tie"), "bob": ("low", "low", "tie")}
        for name, words in choices.items():
            store.add_votes([answer(p, name, word) for p, word in zip((one, two, three), words, strict=True)])
        store.add_trials([answer(one, "ann", "high", "high", purpose="repeat")])
        store.add_trials([answer(two, "bob", "unsure", purpose="training", seconds=None)])
        yield store


def rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return found
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def import_csv(store: Store, path: Path, round: str | None = None, images: Path | None = None) -> Report:
    report = Report()
    answers = read_csv(path, PictureFinder(registered_pictures(store, round), images), report)
    return take(store, answers, round, report)


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


# Out


@pytest.mark.parametrize("name", ["votes.csv", "votes.parquet"])
def test_a_row_for_every_answer(voted: Store, root: Path, name: str) -> None:
    said = export_votes(voted, [], root / name, "table")
    assert said == f"6 votes, and 2 repeats and training answers, written to {root / name}"
    found = rows(root / name)
    assert list(found[0]) == list(VOTES)
    by = {(r["key"], r["observer"], r["purpose"]): r for r in found}
    low, high = sorted((PAIRS[0].first_sha256, PAIRS[0].second_sha256))
    vote = by[PAIRS[0].key, "ann", "vote"]
    assert (vote["first_sha256"], vote["second_sha256"]) == (low, high)
    assert (vote["choice"], vote["left"], float(vote["seconds"])) == ("first", "first", 2.0)
    assert by[PAIRS[1].key, "ann", "vote"]["choice"] == "second"
    assert by[PAIRS[2].key, "bob", "vote"]["choice"] == "tie"
    repeat, training = by[PAIRS[0].key, "ann", "repeat"], by[PAIRS[1].key, "bob", "training"]
    assert (repeat["choice"], repeat["left"]) == ("second", "second")
    assert (training["choice"], training["seconds"] or None) == ("unsure", None)


def test_the_same_votes_give_the_same_bytes(voted: Store, root: Path) -> None:
    for name in ("votes.csv", "votes.parquet"):
        export_votes(voted, ["r01"], root / name, "table")
        before = (root / name).read_bytes()
        export_votes(voted, ["r01"], root / name, "table")
        assert (root / name).read_bytes() == before


def test_a_vote_that_counts_in_two_rounds_is_written_once(voted: Store, root: Path) -> None:
    voted.register("r02", "people", PAIRS[:2], 2, "Which?")
    export_votes(voted, ["r01", "r02"], root / "votes.csv", "table")
    assert sum(row["purpose"] == "vote" for row in rows(root / "votes.csv")) == 6


def test_the_papers_csv(voted: Store, root: Path) -> None:
    """Lower is better: the preferred picture of pair 0 has 0. Pair 1 is balanced, 2 a tie, 3 without votes."""
    said = export_votes(voted, ["r01"], root / "paper.csv", "paper")
    assert "1 pairs written" in said
    assert "3 pairs left out" in said
    low, high = sorted((PAIRS[0].first_sha256, PAIRS[0].second_sha256))
    values = (PAIRS[0].key, low, high, "0", "1", "2")
    assert rows(root / "paper.csv") == [dict(zip(PAPER, values, strict=True))]


def test_a_round_of_the_pipeline_has_its_names(voted: Store, root: Path) -> None:
    pair = PAIRS[0]
    row = {
        "round": "r01", "key": pair.key, "image": "cat_0", "rank": 0, "gap": 1.0, "first_model": "f0",
        "first": "../../outputs/r00/cat.png", "first_sha256": pair.second_sha256, "second_model": "f1",
        "second": "../../outputs/r01/cat.png", "second_sha256": pair.first_sha256,
    }  # fmt: skip
    tables.write("pairs", [row], root / "data/low_light/questions/r01/pairs.parquet")
    voted.register("low_light-r01", "people", PAIRS, 2, "Which?")
    export_votes(voted, ["low_light-r01"], root / "paper.csv", "paper", names_of)
    low = min(pair.first_sha256, pair.second_sha256)
    better = int(low != pair.second_sha256)
    assert rows(root / "paper.csv") == [
        {
            "image": "cat_0", "first": "data/low_light/outputs/r00/cat.png",
            "second": "data/low_light/outputs/r01/cat.png",
            "label_first": str(better), "label_second": str(1 - better), "votes": "2",
        }
    ]  # fmt: skip
    export_votes(voted, ["low_light-r01"], root / "votes.parquet", "table", names_of)
    named = [r for r in rows(root / "votes.parquet") if r["key"] == pair.key and r["purpose"] == "vote"]
    assert {r["choice"] for r in named} == {"second" if better else "first"}
    assert {r["image"] for r in named} == {"cat_0"}


def test_what_cannot_be_exported(voted: Store, root: Path) -> None:
    with pytest.raises(ExchangeError, match=r"should end in \.csv or \.parquet"):
        export_votes(voted, [], root / "votes.xlsx", "table")
    with pytest.raises(ExchangeError, match=r"should end in \.csv$"):
        export_votes(voted, [], root / "votes.parquet", "paper")
    with pytest.raises(UnknownRound):
        export_votes(voted, ["r09"], root / "votes.csv", "table")
    options = Options(criteria=FUSION_CRITERIA)
    study.create_ratings(voted, "fusion", write_outputs(root / "out", ("ours",)), {}, options=options)
    with pytest.raises(ExchangeError, match="loupe ratings export fusion"):
        export_votes(voted, ["fusion"], root / "votes.csv", "table")
    (root / "file").touch()
    with pytest.raises(ExchangeError, match="cannot be written"):
        export_votes(voted, ["r01"], root / "file" / "votes.csv", "table")
    with Store.open(root / "empty.sqlite") as empty, pytest.raises(ExchangeError, match="no pairs yet"):
        export_votes(empty, [], root / "votes.csv", "table")


# In


def test_a_round_trip_into_another_store(voted: Store, root: Path) -> None:
    export_votes(voted, [], root / "votes.csv", "table")
    before = voted.votes([pair.key for pair in PAIRS], "people", "Which?")
    with Store.open(root / "other.sqlite") as other:
        other.register("r01", "people", PAIRS, 2, "Which?")
        report = import_csv(other, root / "votes.csv")
        assert (report.taken, report.known, report.refused) == (6, 0, [])
        assert "1 of repeat, 1 of training" in report.lines()[1]
        after = other.votes([pair.key for pair in PAIRS], "people", "Which?")
        assert [{**vars(v), "made_at": ""} for v in after] == [{**vars(v), "made_at": ""} for v in before]
        again = import_csv(other, root / "votes.csv")
        assert (again.taken, again.known, again.refused) == (0, 6, [])


def test_a_plain_csv_with_paths(root: Path) -> None:
    folders = write_outputs(root / "out", ("ours", "old"))
    with Store.open(root / "labels.sqlite") as store:
        made = study.create_pairs(store, "two", folders, {}, votes=2).manifest
        path = write(
            root / "votes.csv",
            "observer;first;second;choice",
            "ann;ours/cat.png;old/cat.png;first",
            "ann;old/lamp.png;ours/lamp.png;right",
            "bob;ours/cat.png;old/cat.png;tie",
        )
        report = import_csv(store, path, images=root / "out")
        assert (report.taken, report.refused) == (3, [])
        assert "first is taken as shown left" in report.notes[0]
        rows = study_results(store, "two").rows
        found = {(r["photo"], r["observer"]): (r["first_method"], r["choice"], r["left"]) for r in rows}
        assert found == {
            ("cat", "ann"): ("ours", "first", "first"),
            ("cat", "bob"): ("ours", "tie", "first"),
            ("lamp", "ann"): ("ours", "first", "second"),
        }
        again = import_csv(store, path, images=root / "out")
        assert (again.taken, again.known) == (0, 3)
        assert {pair.photo for pair in made.pairs} == {"bridge", "cat", "lamp"}


def test_every_bad_row_is_refused_with_its_reason_and_the_rest_is_taken(voted: Store, root: Path) -> None:
    a, b = PAIRS[3].first_sha256, PAIRS[3].second_sha256
    path = write(
        root / "votes.csv",
        "observer,first_sha256,second_sha256,choice,left,seconds,kind,id",
        f"cy,{a},{b},first,first,1.5,,",  # taken
        f"cy,{a},{b},second,first,1.5,,",  # a second answer
        f",{a},{b},first,first,,,",
        f"dora,{a},{b},best,first,,,",
        f"dan,{a},{b},first,up,,,",
        f"dea,{a},{b},first,first,soon,,",
        f"dirk,{a},{b},first,first,-1,,",
        f"dora,{a},{sha(99)},first,first,,,",
        f"dora,{a},{a},first,first,,,",
        f"dora,{a},{PAIRS[0].first_sha256},first,first,,,",
        f"dora,{a},{b},first,first,,llm,",
        f"ann,{PAIRS[0].first_sha256},{PAIRS[0].second_sha256},second,first,,,",  # ann has voted in the app
        f"do\x07ra,{a},{b},first,first,,,",
        f"eve,{a},{b},first,first,,,vote-ann-{PAIRS[0].key[:16]}",  # somebody else's id
    )
    report = import_csv(voted, path)
    assert report.taken == 4
    reasons = dict(report.refused)
    expected = {
        "line 3": "a second answer", "line 4": "no observer", "line 5": "'best'",
        "line 9": "not a registered sha256", "line 10": "the same picture",
        "line 11": "no pair in any round", "line 12": "votes of llm do not count in round r01", "line 13": "has voted",
        "line 14": "printable", "line 15": "already stored with other content",
    }  # fmt: skip
    assert set(reasons) == set(expected)
    for place, words in expected.items():
        assert words in reasons[place], place
    dropped = dict(report.dropped)
    assert {place: reason.split(",")[0] for place, reason in dropped.items()} == {
        "line 6": "left is 'up'", "line 7": "seconds are 'soon'", "line 8": "seconds are '-1'",
    }  # fmt: skip
    assert report.lines()[0] == "4 of 14 votes taken, 0 there already, 10 not taken"
    assert len(voted.votes([PAIRS[3].key], "people", "Which?")) == 4


def test_a_changed_answer_does_not_replace_the_first(voted: Store, root: Path) -> None:
    a, b = PAIRS[3].first_sha256, PAIRS[3].second_sha256
    head = "observer,first_sha256,second_sha256,choice"
    import_csv(voted, write(root / "a.csv", head, f"cy,{a},{b},first"))
    report = import_csv(voted, write(root / "b.csv", head, f"cy,{a},{b},second"))
    assert (report.taken, report.known) == (0, 0)
    assert "was changed after it was imported" in report.refused[0][1]


def test_only_the_named_rounds_pairs(voted: Store, root: Path) -> None:
    voted.register("r02", "people", PAIRS[:1], 2, "Which?")
    export_votes(voted, ["r01"], root / "votes.csv", "table")
    with Store.open(root / "other.sqlite") as other:
        other.register("r02", "people", PAIRS[:1], 2, "Which?")
        report = import_csv(other, root / "votes.csv", "r02")
        assert report.taken == 2
        assert {vote.round for vote in other.votes([PAIRS[0].key], "people", "Which?")} == {"r02"}
        with pytest.raises(UnknownRound):
            import_csv(other, root / "votes.csv", "r07")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("image,first,second,label_first,label_second,votes\n", "majorities"),
        ("observer,first,second\n", "column choice"),
        ("observer,choice,first\n", "first and second"),
        ("choice,first,second\n", "column observer"),
        ("", "column choice"),
        ("observer,choice,first,second\n\0\xff", "zero bytes; save it as CSV UTF-8"),
    ],
)
def test_files_that_hold_no_votes(voted: Store, root: Path, content: str, words: str) -> None:
    (root / "votes.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(ExchangeError, match=words):
        import_csv(voted, root / "votes.csv")
    with pytest.raises(ExchangeError, match="no such file"):
        import_csv(voted, root / "absent.csv")


def test_many_refusals_are_summed_up() -> None:
    report = Report()
    for number in range(5):
        report.refuse(f"row {number}", "no observer")
    for number in range(20):
        report.refuse(f"row 1{number}", f"reason {number}")
    lines = report.lines()
    assert lines[1] == "not taken (5): no observer: row 0, row 1, row 2 and 2 more"
    assert lines[-1] == "not taken (9): 9 more reasons"


def test_an_import_of_many_is_stored_in_several_pieces(
    voted: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelling.exchange.importing._AT_ONCE", 2)
    a, b = PAIRS[3].first_sha256, PAIRS[3].second_sha256
    names = [f"o{i}" for i in range(7)]
    lines = [f"{name},{a},{b},first" for name in names]
    report = import_csv(voted, write(root / "v.csv", "observer,first_sha256,second_sha256,choice", *lines))
    assert report.taken == 7
