"""Voting in the terminal."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from label_helpers import make_pairs, pair, png, sha

from labelling.desk.terminal import label_in_terminal
from labelling.store import Store, StoreError, StoreUnavailable
from labelling.store.records import Options, PairImages, SourceImage


class Person:
    """Gives the answers in turn, and remembers what was shown and said."""

    def __init__(self, folder: Path, *answers: str) -> None:
        self.folder = folder
        self.answers: Iterator[str] = iter(answers)
        self.seen: list[tuple[str, str]] = []
        self.said: list[str] = []

    def input(self, question: str) -> str:
        if (self.folder / "A.png").exists():
            a, b = ((self.folder / name).read_bytes() for name in ("A.png", "B.png"))
            self.seen.append((hashlib.sha256(a).hexdigest(), hashlib.sha256(b).hexdigest()))
        try:
            return next(self.answers)
        except StopIteration:
            raise EOFError from None

    def print(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def asked(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    sqlite_store.register("r01", "people", make_pairs(3), 1, "Which looks better?")
    return sqlite_store


def _label(store: Store, person: Person) -> int:
    return label_in_terminal(
        store, "r01", "anna", input=person.input, print=person.print, export_folder=person.folder,
        sides=random.Random(3),
    )  # fmt: skip


def test_answers_mean_what_was_shown(asked: Store, tmp_path: Path) -> None:
    asked.register("r01", "people", make_pairs(3), 1, "Which looks better?", Options(allow_tie=True))
    person = Person(tmp_path / "look", "a", "B", "t")
    assert _label(asked, person) == 3
    found = {v.left: v for v in asked.votes([p.key for p in make_pairs(3)], "people", "Which looks better?")}
    first, second, third = person.seen
    assert found[first[0]].preferred == first[0]
    assert found[second[0]].preferred == second[1]
    assert found[third[0]].preferred == "tie"
    assert person.said[0] == "Which looks better?"
    assert person.said[-1] == "All labels of round r01 are in. To go on, run `dvc repro` (or `loupe run`)."
    assert list(person.folder.iterdir()) == []


def test_undo_quit_and_go_on(asked: Store, tmp_path: Path) -> None:
    person = Person(tmp_path, "z", "a", "z", "b", "q")
    assert _label(asked, person) == 2
    assert "There is no vote to take back." in person.said
    assert "Your last vote was taken back." in person.said
    assert asked.status("r01").have == 1
    assert _label(asked, Person(tmp_path, "a")) == 1  # input ends
    assert asked.status("r01").have == 2


def test_answers_that_are_not_allowed_are_asked_again(asked: Store, tmp_path: Path) -> None:
    person = Person(tmp_path, "t", "u", "", "left", "q")
    assert _label(asked, person) == 0
    assert sum("Please answer one of: a, b, q, s, z" in line for line in person.said) == 4


def test_a_vote_that_cannot_be_saved_is_said_and_tried_again(
    asked: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = asked.add_votes, [1, 1]

    def flaky(votes: list, question: str | None) -> int:  # type: ignore[type-arg]
        if failures:
            failures.pop()
            raise StoreUnavailable("the label store is full")
        return real(votes, question)

    monkeypatch.setattr(asked, "add_votes", flaky)
    person = Person(tmp_path, "a", "", "", "q")
    assert _label(asked, person) == 1
    assert person.said.count("This vote is NOT saved: the label store is full") == 2
    assert asked.status("r01").have == 1


def test_a_simulated_round_is_not_for_people(asked: Store, tmp_path: Path) -> None:
    asked.register("r01", "simulated", make_pairs(1), 1, "Better?")
    with pytest.raises(StoreError, match=r"labels\.source"):
        _label(asked, Person(tmp_path))


def test_a_pair_that_is_put_off_comes_last(asked: Store, tmp_path: Path) -> None:
    person = Person(tmp_path, "s", "a", "a", "a")
    assert _label(asked, person) == 3
    assert set(person.seen[0]) == set(person.seen[3])
    assert set(person.seen[0]) != set(person.seen[1])


def test_training_and_repeats_are_trials_with_the_sides_swapped(sqlite_store: Store, tmp_path: Path) -> None:
    options = Options(training=1, repeats=0.5)
    sqlite_store.register("r01", "people", make_pairs(12), 1, "Better?", options)
    person = Person(tmp_path, *["a"] * 100)
    cast = _label(sqlite_store, person)
    tally = sqlite_store.tally("r01")
    counts = [int((tally.purpose == purpose).sum()) for purpose in range(3)]
    assert counts[0] == 12
    assert counts[1] > 0
    assert counts[2] == 1
    assert cast == sum(counts)
    assert "does not count" in person.said[1]
    assert sum("does not count" in line for line in person.said) == 1
    real = person.seen[1:]
    swapped = [sides for i, sides in enumerate(real) if (sides[1], sides[0]) in real[:i]]
    assert len(swapped) == counts[1]


def test_sources_lie_beside_the_pair(sqlite_store: Store, tmp_path: Path) -> None:
    plain = pair(0, 1)
    source = SourceImage(name="../infrared", sha256=sha(9), png=png(9))
    fused = PairImages(
        key=plain.key, first_sha256=sha(0), second_sha256=sha(1), first_png=png(0), second_png=png(1), sources=(source,)
    )
    sqlite_store.register("r01", "people", [fused], 1, "Better?")
    folder = tmp_path / "look"

    class Looking(Person):
        def input(self, question: str) -> str:
            assert (folder / "source1.png").read_bytes() == png(9)
            return super().input(question)

    assert _label(sqlite_store, Looking(folder, "a")) == 1
    assert [path.name for path in tmp_path.rglob("*.png")] == []
