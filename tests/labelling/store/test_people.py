"""One person, one name: however it is typed; and no name that can be taken for somebody else's."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from label_helpers import make_pairs, vote
from sqlalchemy import insert
from web_helpers import Browser, make_app

from labelling.desk.terminal import label_in_terminal
from labelling.desk.tokens import observer_link
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.exchange.import_report import Report
from labelling.exchange.importing import Answer, take
from labelling.exchange.rating_files import import_ratings
from labelling.store import Options, RatingItem, Store
from labelling.store.database import schema
from labelling.store.people import KnownNames, clean_name, look

QUESTION = "Which looks better?"
SAME = [
    "Zoë", unicodedata.normalize("NFD", "Zoë"), "Zoë\u200b", "\u202eZoë\u202c", "\ufeffZoë", " Zoë ", "Zo\u00adë", "Zoë\ufe0f",
]  # fmt: skip
ALIKE = ["anna", "ANNA", "Аnna", "Αnna", "Ann\u0430", "A nna", "Ａｎｎａ", "𝐀nna", "An\u200dna "]


@pytest.mark.parametrize("name", SAME)
def test_a_name_is_one_however_it_is_typed(store: Store, name: str) -> None:
    zoe = store.add_observer("Zoë")
    assert store.add_observer(name) == zoe
    assert store.observer_named(name) == zoe
    assert observer_link(store, name, "http://x") == observer_link(store, "Zoë", "http://x")
    assert [each.name for each in store.observers()] == ["Zoë"]
    assert store.revoke_observer(name).id == zoe.id


@pytest.mark.parametrize("name", ALIKE)
def test_a_name_that_looks_like_another_is_refused(store: Store, name: str) -> None:
    store.add_observer("Anna")
    if clean_name(name) == "Anna":
        assert store.add_observer(name).name == "Anna"
        return
    with pytest.raises(ValueError, match="can be mistaken for the observer 'Anna'"):
        store.add_observer(name)
    assert [each.name for each in store.observers()] == ["Anna"]


def test_names_that_differ_are_let_in(store: Store) -> None:
    names = ["anna", "anna b", "hanna", "anná", "ann", "анна б", "Ελένη", "李雷", "bob1", "bobl"]
    assert [store.add_observer(name).name for name in names] == names
    assert len({look(name) for name in names}) == len(names)


def test_names_of_an_old_store_stay_as_they_are(store: Store) -> None:
    """Anna, anna and one with a character that nobody sees are there: each goes on under its own name."""
    old = ["Anna", "anna", "anna\u200b", " bob"]
    with store._writing() as db:
        rows = [
            {"id": f"{i:032x}", "name": name, "role": "observer", "serial": 1, "added_at": "2025", "revoked_at": None}
            for i, name in enumerate(old)
        ]
        db.execute(insert(schema.observers), rows)
    for i, name in enumerate(old):
        assert store.add_observer(name).id == f"{i:032x}"
        assert store.observer_named(name).name == name
    with pytest.raises(ValueError, match="mistaken"):
        store.add_observer("ANNA")
    assert len(store.observers()) == 4


def test_who_only_voted_is_known_too(store: Store) -> None:
    pairs = make_pairs(1)
    store.register("r01", "people", pairs, 3, QUESTION)
    store.add_votes([vote(pairs[0], "anna"), vote(pairs[0], "Model", kind="llm")])
    assert store.people() == {"anna"}
    with pytest.raises(ValueError, match="mistaken for the observer 'anna'"):
        store.add_observer("Anna")
    assert store.add_observer("model").name == "model"  # a model is nobody who could be mistaken


def test_new_names_are_told_from_each_other_as_they_come() -> None:
    names = KnownNames(["a\nb"])  # of a store from before there were rules
    assert [names.resolve(each) for each in ("Eve", "Eve\u200b")] == ["Eve", "Eve"]
    with pytest.raises(ValueError, match="mistaken for the observer 'Eve'"):
        names.resolve("eve")
    assert names.resolve("a\nb") == "a\nb"
    for bad in ("", "\u200b\u2060", "a\nb\n", "x" * 201):
        with pytest.raises(ValueError, match="printable"):
            names.resolve(bad)


def test_the_terminal_and_imports_keep_to_the_known_name(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pairs = make_pairs(2)
    sqlite_store.register("r01", "people", pairs, 3, QUESTION)
    sqlite_store.add_observer("Anna")
    said: list[str] = []
    folder = tmp_path / "shown"
    answers = iter(["a", "q"])
    label_in_terminal(
        sqlite_store, "r01", "Anna\u200b", export_folder=folder, input=lambda _: next(answers), print=said.append
    )
    assert {v.observer for v in sqlite_store.votes([p.key for p in pairs], "people", QUESTION)} == {"Anna"}
    with pytest.raises(ValueError, match="mistaken"):
        label_in_terminal(sqlite_store, "r01", "anna", export_folder=folder, input=lambda _: "q", print=said.append)

    def answer(number: int, observer: str) -> Answer:
        first, second = pairs[number].first_sha256, pairs[number].second_sha256
        return Answer(
            place=f"row {number}", id=f"{observer}{number}", first=first, second=second, left=first, preferred=first,
            observer=observer,
        )  # fmt: skip

    report = take(sqlite_store, [answer(0, "anna"), answer(1, "carl"), answer(0, "Carl")], None, Report())
    assert (report.taken, len(report.refused)) == (1, 2)
    assert "mistaken for the observer 'Anna'" in report.refused[0][1]

    item = RatingItem(sha256=pairs[0].first_sha256, png=pairs[0].first_png)
    sqlite_store.register_ratings("q01", "people", [item], 2, "How good?", Options(criteria=FUSION_CRITERIA))
    scores = ", ".join(f'"{criterion.name}": 3' for criterion in FUSION_CRITERIA)
    line = f'{{"picture": "{item.sha256}", "observer": "ANNA", "kind": "people", "scores": {{{scores}}}}}\n'
    (tmp_path / "ratings.jsonl").write_text(line, encoding="utf-8")
    told = import_ratings(sqlite_store, tmp_path / "ratings.jsonl", "q01", None)
    assert (told.taken, "mistaken" in told.refused[0][1]) == (0, True)


def test_the_second_of_two_contradicting_answers_is_told_that_it_does_not_count(sqlite_store: Store) -> None:
    pairs = make_pairs(2)
    sqlite_store.register("r01", "people", pairs, 1, QUESTION)
    app = make_app(sqlite_store)
    first, second = Browser(app, sqlite_store), Browser(app, sqlite_store)
    where = first.set()
    one, two = first.next(where)["showing"], second.next(where)["showing"]
    liked = first.grey(one["left"])
    assert first.vote(one["id"]).json()["state"]["notice"] is None
    other = "right" if second.grey(two["left"]) == liked else "left"
    told = second.vote(two["id"], other, id="00000000-0000-4000-8000-000000000009").json()["state"]
    assert "that answer counts, not this one" in told["notice"]
    assert (told["done"], sqlite_store.status("r01").have) == (1, 1)
    again = second.vote(two["id"], other, id="00000000-0000-4000-8000-000000000009").json()["state"]
    assert again["notice"] == told["notice"]
    three = first.next(where)["showing"]
    same = "left" if second.grey(two["left"]) == liked else "right"
    assert second.vote(two["id"], same).json()["state"]["notice"] is None  # the same answer twice is no contradiction
    assert first.vote(three["id"]).json()["state"]["notice"] is None
