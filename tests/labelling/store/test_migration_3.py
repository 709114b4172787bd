"""A store of version 3 goes on in this version: the rounds of the pipeline are called after the kind of their pictures.

In it are round r01, asked about low-light photos and then about fused exposures; r03, the other way round; r02 and the
validation photos of low-light alone; votes of a round that was never registered; and three studies, one of which shows
exposures, too. Some answers came in without a batch, as those of unknown rounds do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from label_helpers import make_pairs, pair, png, sha, vote
from old_stores import TABLES_3, RawStore, open_killed, quoted

from labelling.desk.queue import Queue
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.store import Options, PairImages, Rating, RatingItem, SourceImage, Store, Trial, labels_status
from labelling.store.database import migrations
from labelling.store.database.errors import StoreUnavailable
from labelling.store.records import batch_id

BETTER, DARKER = "Which picture looks better overall?", "Which is darker?"
ONCE = Options(training=1, repeats=0.5)
PHOTOS = make_pairs(5)  # pictures 0 to 9
OTHERS = [pair(20, 21), pair(22, 23)]
ROUNDS = ("brackets-r01", "brackets-r03", "fusion", "low_light-r01", "low_light-r02", "low_light-r03")
ROUNDS += ("low_light-validation", "paper", "r1")


def with_sources(of: PairImages, *names: str) -> PairImages:
    return replace(
        of, sources=tuple(SourceImage(name=name, sha256=sha(60 + i), png=png(60 + i)) for i, name in enumerate(names))
    )


FUSED = [with_sources(pair(40 + 2 * i, 41 + 2 * i), "under", "over") for i in range(3)]
STUDIED = [with_sources(each, "under", "over") for each in OTHERS]


def trial(of: PairImages, id: str, round: str, purpose: str = "training") -> Trial:
    return Trial(**vars(vote(of, id=id, round=round)), purpose=purpose)


@pytest.fixture
def old(place: str) -> Iterator[RawStore]:
    with Store.open(place) as store:

        def votes(round: str, **of: PairImages) -> None:
            store.add_votes([vote(each, id.split("_")[0], id=f"{round}/{id}", round=round) for id, each in of.items()])

        store.register("r01", "people", PHOTOS[:3], 2, BETTER, ONCE)
        votes("r01", anna_0=PHOTOS[0], anna_1=PHOTOS[1], berta_0=PHOTOS[0], berta_loose=PHOTOS[1])
        store.add_trials([trial(PHOTOS[2], "r01/training", "r01"), trial(PHOTOS[0], "r01/repeat", "r01", "repeat")])
        store.skip_pair("r01", "anna", PHOTOS[2].key)
        store.register("r01", "people", FUSED, 1, BETTER, replace(ONCE, allow_tie=True))
        votes("r01", anna_fused=FUSED[0], berta_fused=FUSED[1])
        store.add_trials([trial(FUSED[0], "r01/fused", "r01")])
        store.skip_pair("r01", "anna", FUSED[1].key)
        store.retract("r01/berta_fused", "berta")

        store.register("r02", "people", PHOTOS[3:], 1, BETTER)
        votes("r02", anna_3=PHOTOS[3])
        store.add_trials([trial(PHOTOS[4], "r02/loose", "r02")])
        store.skip_pair("r02", "anna", PHOTOS[4].key)

        store.register("r03", "simulated", FUSED, 1, BETTER)
        votes("r03", anna_fused=FUSED[2])
        store.register("r03", "people", PHOTOS[1:3], 3, BETTER)
        votes("r03", carl_1=PHOTOS[1])

        store.register("validation", "people", PHOTOS[:1], 1, BETTER)
        votes("validation", carl_0=PHOTOS[0])
        votes("r04", dora_3=PHOTOS[3])  # of no round that is registered

        store.register("paper", "people", STUDIED, 1, DARKER)
        votes("paper", anna_0=STUDIED[0])
        store.add_trials([trial(STUDIED[0], "paper/training", "paper")])
        store.skip_pair("paper", "anna", STUDIED[1].key)
        store.register("r1", "people", OTHERS, 1, "Which has more noise?")  # no round was ever called so
        votes("r1", anna_1=OTHERS[1])
        fused = [RatingItem(sha256=sha(0), png=b"", sources=(SourceImage(name="under", sha256=sha(60), png=b""),))]
        store.register_ratings("fusion", "people", fused, 1, "How good?", Options(criteria=FUSION_CRITERIA))
        scores = {criterion.name: 3 for criterion in FUSION_CRITERIA}
        store.add_ratings(
            [Rating(id="fusion/anna", item=sha(0), observer="anna", kind="people", round="fusion", scores=scores)]
        )
        store.add_observer("anna")
        store.secret()
    made = RawStore(place)
    made.run("UPDATE loupe_votes SET batch = NULL WHERE id = 'r01/berta_loose'")
    made.run("UPDATE loupe_trials SET batch = NULL WHERE id = 'r02/loose'")
    for table in ("loupe_visitor_pages", "loupe_visitors", "loupe_links"):  # of version 5
        made.run(f"DROP TABLE {table}")
    made.run("UPDATE loupe_schema SET version = 3")
    yield made
    made.db.close()


def columns_of(old: RawStore, *without: str) -> dict[str, list[str]]:
    return {
        table: quoted([column for column in old.columns(f"loupe_{table}") if column not in without])
        for table in TABLES_3
    }


def round_of(old: RawStore, table: str) -> dict[str, str]:
    return dict(old.run(f"SELECT id, round FROM loupe_{table}"))  # type: ignore[arg-type]


def test_every_row_is_kept(place: str, old: RawStore) -> None:
    but_the_round = columns_of(old, "round")
    before = old.rows(but_the_round)
    counts = {table: len(rows) for table, rows in before.items()}
    assert counts == {
        "batch_items": 1, "batch_pairs": 18, "batch_sources": 17, "batches": 9, "observers": 1, "pairs": 10,
        "pictures": 22, "questions": 4, "ratings": 1, "retractions": 1, "rounds": 7, "secrets": 1, "sizes": 22,
        "skips": 4, "trials": 5, "votes": 13,
    }  # fmt: skip
    Store.open(place).close()
    assert old.version() == 5
    after = old.rows(but_the_round)
    rounds = {row for row in after.pop("rounds") if row not in before["rounds"]}
    assert len(rounds) == 2  # of r01 and r03, what they asked before they were of the other kind
    assert after == {table: rows for table, rows in before.items() if table != "rounds"}
    everything = old.rows(columns_of(old))
    Store.open(place).close()
    assert old.rows(columns_of(old)) == everything


def test_every_answer_is_in_the_round_of_its_kind(place: str, old: RawStore) -> None:
    Store.open(place).close()
    assert round_of(old, "votes") == {
        "r01/anna_0": "low_light-r01", "r01/anna_1": "low_light-r01", "r01/berta_0": "low_light-r01",
        "r01/anna_fused": "brackets-r01", "r01/berta_fused": "brackets-r01",
        "r01/berta_loose": "brackets-r01",  # came in for no batch: what the round asked last
        "r02/anna_3": "low_light-r02",
        "r03/anna_fused": "brackets-r03", "r03/carl_1": "low_light-r03",
        "validation/carl_0": "low_light-validation", "r04/dora_3": "low_light-r04",
        "paper/anna_0": "paper", "r1/anna_1": "r1",
    }  # fmt: skip
    assert round_of(old, "trials") == {
        "r01/training": "low_light-r01", "r01/repeat": "low_light-r01", "r01/fused": "brackets-r01",
        "r02/loose": "low_light-r02", "paper/training": "paper",
    }  # fmt: skip
    assert round_of(old, "ratings") == {"fusion/anna": "fusion"}
    assert old.run("SELECT round, subject FROM loupe_skips ORDER BY seq") == [
        ("brackets-r01", PHOTOS[2].key), ("brackets-r01", FUSED[1].key), ("low_light-r02", PHOTOS[4].key),
        ("paper", STUDIED[1].key),
    ]  # fmt: skip


def test_the_ids_of_batches_stay(place: str, old: RawStore) -> None:
    asked = old.run("SELECT id, round, kind, votes_per_pair, question FROM loupe_batches")
    current = dict(old.run("SELECT round, batch FROM loupe_rounds"))
    Store.open(place).close()
    first = batch_id("r01", "people", 2, BETTER, [each.key for each in PHOTOS[:3]])
    second = batch_id("r03", "simulated", 1, BETTER, [each.key for each in FUSED])
    was = {"low_light-r01": first, "brackets-r03": second}
    was |= {f"low_light-{name}": current[name] for name in ("r02", "r03", "validation")}
    was |= {"brackets-r01": current["r01"]} | {name: current[name] for name in ("paper", "r1", "fusion")}
    assert dict(old.run("SELECT round, batch FROM loupe_rounds")) == was
    kinds = {batch: round for round, batch in was.items()}
    assert sorted(old.run("SELECT id, round, kind, votes_per_pair, question FROM loupe_batches")) == sorted(
        (id, kinds[id], *more) for id, _, *more in asked
    )
    with Store.open(place) as store:
        assert store.rounds() == sorted(ROUNDS)
        assert {round: store.batch(round).id for round in ROUNDS} == was
        assert store.batch("brackets-r01").options.allow_tie
        assert store.sources("brackets-r01", FUSED[0].key) == (("under", sha(60)), ("over", sha(61)))
        assert store.sources("low_light-r01", PHOTOS[0].key) == ()


def test_a_study_is_untouched(place: str, old: RawStore) -> None:
    """Also one that shows exposures: it keeps its name."""

    def of_studies() -> list[list[tuple[object, ...]]]:
        tables = ("batches", "rounds", "votes", "trials", "ratings", "skips")
        studies = "('paper', 'r1', 'fusion')"
        return [sorted(old.run(f"SELECT * FROM loupe_{each} WHERE round IN {studies}"), key=repr) for each in tables]

    before = of_studies()
    assert [len(rows) for rows in before] == [3, 3, 2, 1, 1, 1]
    Store.open(place).close()
    assert of_studies() == before
    with Store.open(place) as store:
        assert [(s.have, s.need) for s in map(store.status, ("paper", "r1", "fusion"))] == [(1, 2), (1, 2), (1, 1)]
        assert store.register("paper", "people", STUDIED, 1, DARKER) == store.batch("paper").id
        assert store.status("paper").have == 1


def test_votes_count_when_the_stage_registers_its_round_again(place: str, old: RawStore) -> None:
    with Store.open(place) as store:
        before = store.batch("low_light-r01").id
        for again in (False, True):
            if again:  # as the stage does
                now = store.register("low_light-r01", "people", PHOTOS[:3], 2, BETTER, ONCE)
                assert (
                    now == batch_id("low_light-r01", "people", 2, BETTER, [each.key for each in PHOTOS[:3]]) != before
                )
            status = labels_status("low_light-r01", store)
            assert (status.have, status.need, status.complete) == (4, 6, False)
            tally = store.tally("low_light-r01")
            assert ((tally.purpose == 0).sum(), (tally.purpose == 1).sum(), (tally.purpose == 2).sum()) == (6, 1, 1)
        progress = Queue(store, "low_light-r01").progress("anna")
        assert (progress.done, progress.left) == (4, 2)  # with training and repeats
        store.add_votes([vote(PHOTOS[2], who, round="low_light-r01") for who in ("anna", "dora")])
        assert labels_status("low_light-r01", store).complete

        store.register("brackets-r01", "people", FUSED, 1, BETTER)
        fused = labels_status("brackets-r01", store)
        assert (fused.have, fused.need) == (2, 3)  # one was taken back; that of r03 answers the same question
        store.register("low_light-validation", "people", PHOTOS[:1], 1, BETTER)
        assert labels_status("low_light-validation", store).complete


def test_a_migration_that_fails_changes_nothing(place: str, old: RawStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old.rows(columns_of(old))
    real = migrations.text
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "text", lambda words: real(words.replace("UPDATE loupe_skips", "UPDATE nowhere")))
        with pytest.raises(StoreUnavailable, match="nowhere"):
            Store.open(place)
    assert old.version() == 3
    assert old.rows(columns_of(old)) == before
    with Store.open(place) as store:
        assert store.rounds() == sorted(ROUNDS)


@pytest.mark.parametrize("statement", [10, 20, 40, 60])
def test_a_migration_that_is_killed_leaves_the_old_store_whole(place: str, old: RawStore, statement: int) -> None:
    before = old.rows(columns_of(old))
    open_killed(place, statement)
    assert old.version() == 3
    assert old.rows(columns_of(old)) == before
    with Store.open(place) as store:
        assert store.rounds() == sorted(ROUNDS)
