"""Tables of votes in every layout give the same scores; what is broken is named; what cannot be read is refused."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest

from labelling.exchange import vote_files
from labelling.exchange.scaled import Scaled, scaled
from labelling.exchange.scaled_files import score_rows, write_scaled
from labelling.exchange.vote_columns import VoteFileError
from labelling.exchange.vote_files import VoteFile, read_votes
from models.preference.comparisons import FIRST, SECOND, TIE, UNKNOWN

METHODS = ("old", "ours", "theirs")


def votes(seed: int = 0) -> list[tuple[str, str, str, str, str]]:
    """(observer, scene, first, second, which: first, second or tie) of 4 people, 5 photographs, 3 methods."""
    dice = random.Random(seed)
    worth = {"ours": 1.0, "theirs": 0.3, "old": 0.0}
    rows = []
    for who, scene, pair in itertools.product(
        ("ann", "bob", "cy", "dora"), "vwxyz", itertools.combinations(METHODS, 2)
    ):
        first, second = dice.sample(pair, 2)
        seen = worth[first] - worth[second] + dice.gauss(0, 1)
        rows.append((who, scene, first, second, "first" if seen > 0.2 else "second" if seen < -0.2 else "tie"))
    return rows


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def as_counts(found: VoteFile) -> dict[tuple[str, str], float]:
    wins, names = found.comparisons.wins(), found.comparisons.items
    return {(names[i], names[j]): float(n) for (i, j), n in np.ndenumerate(wins) if n}


def expected(ties: bool = True) -> dict[tuple[str, str], float]:
    counts: dict[tuple[str, str], float] = {}
    for _, _, first, second, which in votes():
        share = {"first": 1.0, "second": 0.0, "tie": 0.5}[which]
        if which != "tie" or ties:
            counts[first, second] = counts.get((first, second), 0) + share
            counts[second, first] = counts.get((second, first), 0) + 1 - share
    return {pair: n for pair, n in counts.items() if n}


HEADS = {
    "words": ("observer,scene,condition A,condition B,choice", {"first": "A", "second": "B", "tie": "tie"}),
    "shares": ("Participant;Photo;Method A;Method B;Result", {"first": "1", "second": "0", "tie": "0,5"}),
    "sides": ("rater,image,left,right,preference", {"first": "Left", "second": "RIGHT", "tie": "no preference"}),
    "arena": ("judge,question_id,model_a,model_b,winner", {"first": "model_a", "second": "model_b", "tie": "tie"}),
}


@pytest.mark.parametrize("kind", HEADS)
def test_one_row_per_vote_in_many_words(kind: str, tmp_path: Path) -> None:
    head, words = HEADS[kind]
    mark = ";" if ";" in head else ","
    lines = [mark.join((*row[:4], words[row[4]])) for row in votes()]
    found = read_votes(write(tmp_path / "votes.csv", head, *lines))
    assert as_counts(found) == expected()
    assert (found.comparisons.items, found.comparisons.observers) == (METHODS, ("ann", "bob", "cy", "dora"))
    assert found.comparisons.scenes == tuple("vwxyz")
    assert any(note.startswith("columns by their names") for note in found.notes)
    assert set(found.comparisons.left) == ({FIRST} if kind == "sides" else {UNKNOWN})


def test_a_winners_name_and_columns_by_options(tmp_path: Path) -> None:
    lines = [f"{f if w == 'first' else s if w == 'second' else 'same'},{f},{s},{o},{p}" for o, p, f, s, w in votes()]
    path = write(tmp_path / "v.csv", "Best,X,Y,Wer,Wo", *lines)
    columns = {"observer": "wer", "scene": "Wo", "first": "X", "second": "Y", "choice": "Best"}
    assert as_counts(read_votes(path, columns)) == expected()
    with pytest.raises(VoteFileError, match="known as first or second or choice: name it by --first COLUMN"):
        read_votes(path)
    with pytest.raises(VoteFileError, match="no column 'Z' for --first; it holds best, x, y"):
        read_votes(path, columns | {"first": "Z"})


def test_pwcmps_table(tmp_path: Path) -> None:
    lines = [f"{o},1,{p},{f},{s},{1 if w == 'first' else 2}" for o, p, f, s, w in votes() if w != "tie"]
    found = read_votes(write(tmp_path / "p.csv", "observer,session,scene,condition_1,condition_2,selection", *lines))
    assert as_counts(found) == expected(ties=False)
    assert "selection is 1 and 2" in " ".join(found.notes)
    turned = read_votes(tmp_path / "p.csv", {}, ("2", "1"))
    assert as_counts(turned) == {(b, a): n for (a, b), n in expected(ties=False).items()}


@pytest.mark.parametrize("cells", ["0 1 2", "-1 0 1"])
def test_numbers_that_may_mean_two_things_are_refused(cells: str, tmp_path: Path) -> None:
    path = write(tmp_path / "v.csv", "observer,a,b,choice", *(f"o,x,y,{cell}" for cell in cells.split()))
    with pytest.raises(VoteFileError, match="--choices FIRST,SECOND,TIE"):
        read_votes(path)
    assert read_votes(path, {}, cells.split()).comparisons.choice.tolist() == [FIRST, SECOND, TIE]


def test_ranking_labels_and_files_by_folder(tmp_path: Path) -> None:
    lines = [
        "p1.png,a/p1.png,b/p1.png,0,1,3",
        "p2.png,a/p2.png,b/p2.png,1,0,3",
        "p3.png,a/p3.png,b/p3.png,0,1,1",
        "p4.png,a/x.png,b/y.png,2,0,1",
    ]
    found = read_votes(write(tmp_path / "labels.csv", "image,first,second,label_first,label_second,votes", *lines))
    assert (found.layout, found.comparisons.items) == ("ranking labels", ("a", "b"))
    assert as_counts(found) == {("a", "b"): 2, ("b", "a"): 1}
    assert (found.refused, found.broken[0][0]) == (1, "line 5")


def test_a_count_matrix_keeps_its_names_and_halves_are_ties(tmp_path: Path) -> None:
    found = read_votes(
        write(tmp_path / "c.csv", "preferred,Old,New One,'=x", "Old,0,2.5,1", "New One,7.5,0,3", "'=x,1,0,")
    )
    assert found.comparisons.items == ("Old", "New One", "=x")
    assert as_counts(found)["Old", "New One"] == 2.5
    assert int((found.comparisons.choice == TIE).sum()) == 1
    assert len(found.comparisons) == 15


@pytest.mark.parametrize(
    ("rows", "said"),
    [(("A,0,0.31", "B,0.69,0"), "not shares"), (("A,0,-1", "B,1,0"), "whole numbers"), (("A,0,x", "B,1,0"), "'x' of A over B"),
     (("A,0,0", "B,0,0"), "every count is 0"), (("A,0,1.5", "B,1,0"), "on one side alone")],
)  # fmt: skip
def test_what_is_no_count_matrix_is_refused(rows: tuple[str, ...], said: str, tmp_path: Path) -> None:
    with pytest.raises(VoteFileError, match=said):
        read_votes(write(tmp_path / "c.csv", "wins,A,B", *rows))


def test_broken_lines_are_named_and_counted(tmp_path: Path) -> None:
    good = [f"{o},{p},{f},{s},{w}" for o, p, f, s, w in votes()]
    lines = [
        *good[:3],
        'ann,"v,ours',
        "",
        *good[3:6],
        "ann,v,ours,ours,A",
        "ann,v,ours,,A",
        "ann,v,ours,old,maybe",
        *good[6:],
    ]
    found = read_votes(write(tmp_path / "v.csv", "observer,scene,a,b,choice", *lines))
    assert len(found.comparisons) == len(good)
    assert found.refused == 4
    assert found.broken == (
        ("line 5", "a quote is opened and not closed"), ("line 10", "an item is compared with itself"),
        ("line 11", "a cell of what is compared is empty"), ("line 12", "the choice is not understood: 'maybe'"),
    )  # fmt: skip
    assert as_counts(found) == expected()


def test_fast_and_careful_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "v.csv", "observer,scene,a,b,choice", *(",".join(row) for row in votes()))
    fast = read_votes(path)
    monkeypatch.setattr(vote_files, "fast_cells", lambda *_: None)
    slow = read_votes(path)
    assert slow.notes == fast.notes
    for name in ("items", "observers", "scenes", "first", "second", "choice", "observer", "scene", "left"):
        assert np.array_equal(getattr(fast.comparisons, name), getattr(slow.comparisons, name)), name


def test_practice_and_unsure_are_left_out_and_said(tmp_path: Path) -> None:
    found = read_votes(write(tmp_path / "v.csv", "observer,image,first,second,choice,left,purpose",
        "o,p,a,b,first,second,vote", "o,p,a,b,second,first,repeat",
        "o,p,b,a,unsure,first,vote", "o,q,b,a,right,first,"))  # fmt: skip
    assert len(found.comparisons) == 2
    assert found.comparisons.left.tolist() == [SECOND, FIRST]
    assert as_counts(found) == {("a", "b"): 2}
    assert "1 repeats and practice answers" in " ".join(found.notes)
    assert '1 answers are "can\'t tell"' in " ".join(found.notes)


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VoteFileError, match="holds no votes; the first line that is none: line 2: the choice"):
        read_votes(write(tmp_path / "v.csv", "a,b,choice", "x,y,perhaps"))
    with pytest.raises(VoteFileError, match="holds no votes"):
        read_votes(write(tmp_path / "v.csv", "a,b,choice"))
    with pytest.raises(VoteFileError, match="no parquet file"):
        read_votes(write(tmp_path / "v.parquet", "a,b,choice"))
    with pytest.raises(VoteFileError, match=r"v2\.csv"):
        read_votes(tmp_path / "v2.csv")


def scored(tmp_path: Path, *rows: str) -> Scaled:
    return scaled(read_votes(write(tmp_path / "v.csv", "observer,scene,a,b,choice", *rows)))


def test_trouble_is_said_and_never_silent_zeros(tmp_path: Path) -> None:
    ties = scored(tmp_path, *(f"{o},{s},x,y,tie" for o in "no" for s in "pq"))
    assert "all 4 votes are ties" in ties.warnings[0]
    assert (ties.scores.errors > 0).all()
    one = scored(tmp_path, "o,p,x,y,A", "o,p,y,x,A", "o,p,x,y,B")
    assert "one observer's" in " ".join(one.warnings)
    assert "one photograph" in " ".join(one.warnings)
    apart = scored(
        tmp_path, *(f"{o},{s},{a},{b},{c}" for o in "no" for s in "pq" for a, b in ("wx", "yz") for c in "AB")
    )
    assert "2 groups that were never compared" in apart.warnings[0]
    assert (
        "8 answers are of an observer who had answered the same question before, 8 of them otherwise"
        in apart.warnings[-1]
    )
    alike = scored(tmp_path, *(f"{o},{s},x,y,A" for o in "nop" for s in "qrs"))
    assert alike.scores.from_prior == ("undefeated", "never preferred")
    assert "lean on the prior" in alike.warnings[0]


def test_observers_scenes_and_files(tmp_path: Path) -> None:
    good = [(o, s, a, b) for o in ("ann", "bob", "cy", "dora", "eve") for s in range(12) for a, b in ("xy", "yz", "xz")]
    dice = random.Random(0)
    rows = [f"{o},{s},{a},{b},{'A' if dice.random() < 0.85 else 'B'}" for o, s, a, b in good]
    rows += [
        f"mallory,{s},{a},{b},{'B' if dice.random() < 0.85 else 'A'}" for s in range(12) for a, b in ("xy", "yz", "xz")
    ]
    votes = read_votes(write(tmp_path / "v.csv", "observer,scene,a,b,choice", *rows))
    found = scaled(votes)
    people = {one.name: one for one in found.people}
    assert people["mallory"].verdict is not None
    assert "against the others" in people["mallory"].verdict.reasons[0]
    assert people["ann"].agreed > 0.6 * people["ann"].shared
    assert len(found.scenes) == 12
    assert set(found.scenes["3"].items) == set("xyz")
    without = scaled(votes, without=["mallory"])
    assert without.scores.scores[0] > found.scores.scores[0]
    paths = write_scaled(found, tmp_path / "out")
    assert [path.name for path in paths] == ["scores.csv", "tests.csv", "observers.csv", "scenes.csv"]
    assert score_rows(found)[0][0] == "x"
    with pytest.raises(VoteFileError, match="nobody called 'zoe'"):
        scaled(votes, without=["zoe"])
    with pytest.raises(VoteFileError, match="leave fewer people out"):
        scaled(votes, without=list(people))
