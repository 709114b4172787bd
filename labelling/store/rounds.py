"""Rounds: what is asked of whom, and the pictures it is about. Part of the Store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from sqlalchemy import Connection, Table, delete, insert, select

from labelling.store.checks import check_asked, check_items, check_pairs, findable
from labelling.store.database import schema
from labelling.store.database.base import Database
from labelling.store.database.errors import InvalidPair, UnknownPicture
from labelling.store.database.migrations import png_size
from labelling.store.queries import chunks, counted_of, present, put_question, sources_of
from labelling.store.records import Batch, LabelsStatus, Options, PairImages, RatingItem, SourceImage, batch_id

_CHUNK_BYTES = 16 * 2**20  # of PNG in one transaction
_CHUNK_PICTURES = 2000
_PNG = b"\x89PNG\r\n\x1a\n"

_pairs, _pictures, _sizes, _sources = schema.pairs, schema.pictures, schema.sizes, schema.sources
_batches, _batch_pairs, _batch_items, _rounds = schema.batches, schema.batch_pairs, schema.batch_items, schema.rounds

_Png = bytes | Callable[[], bytes]


class Rounds(Database):
    """The part of the Store that knows rounds, pairs and pictures."""

    def register(
        self,
        round: str,
        kind: str,
        pairs: Sequence[PairImages],
        votes: int,
        question: str,
        options: Options = Options(),  # noqa: B008 - frozen
    ) -> str:
        """Ask for `votes` votes of observers of `kind` on each of `pairs`, in this order; returns the batch's id.

        The batch becomes the round's current one. Registering the same again changes nothing but the `options` and the
        source pictures, and keeps the order of the first time. Pictures are stored as they are read, a few at a time;
        pairs and batch only when all pictures are in. Raises InvalidPair where a key or the bytes of a new picture are
        not what the sha256 says, are no PNG, or a pair comes twice or consists of one picture; ValueError for an empty
        round or a malformed argument.
        """
        check_asked(round, kind, votes, question, options)
        if not pairs:
            raise ValueError(f"round {round} has no pairs to label")
        check_pairs(pairs)
        wanted: dict[str, _Png] = {}
        for pair in pairs:
            wanted.setdefault(pair.first_sha256, pair.first_png)
            wanted.setdefault(pair.second_sha256, pair.second_png)
            for source in pair.sources:
                wanted.setdefault(source.sha256, source.png)
        self._store_pictures(wanted)
        keys = [pair.key for pair in pairs]
        batch = Batch(
            id=batch_id(round, kind, votes, question, keys), round=round, kind=kind, votes_per_pair=votes,
            question=question, pairs=len(keys), options=options,
        )  # fmt: skip
        with self._writing() as db:
            known = present(db, _pairs.c.key, keys)
            new = [_pair_row(pair) for pair in pairs if pair.key not in known]
            if new:
                db.execute(insert(_pairs), new)
            _put_batch(db, batch, _batch_pairs, "pair", keys)
            _put_sources(db, batch.id, {pair.key: pair.sources for pair in pairs})
        return batch.id

    def register_ratings(
        self, round: str, kind: str, items: Sequence[RatingItem], raters: int, question: str, options: Options,
        task: str = "ratings",
    ) -> str:  # fmt: skip
        """Ask `raters` observers of `kind` to rate each of `items` by `options.criteria`; the rest as `register`.

        With the task 'reviews' one person is asked to review what a language model rated each of `items`.
        """
        check_asked(round, kind, raters, question, options)
        if not items:
            raise ValueError(f"round {round} has no pictures to rate")
        if not options.criteria:
            raise ValueError(
                f"round {round} says no criteria to rate by; labelling.exchange.criteria has those for fused pictures"
            )
        check_items(items)
        wanted: dict[str, _Png] = {}
        for item in items:
            wanted.setdefault(item.sha256, item.png)
            for source in item.sources:
                wanted.setdefault(source.sha256, source.png)
        self._store_pictures(wanted)
        names = [item.sha256 for item in items]
        batch = Batch(
            id=batch_id(round, kind, raters, question, names, task), round=round, kind=kind,
            votes_per_pair=raters, question=question, pairs=len(names), task=task, options=options,
        )  # fmt: skip
        with self._writing() as db:
            _put_batch(db, batch, _batch_items, "item", names)
            _put_sources(db, batch.id, {item.sha256: item.sources for item in items})
        return batch.id

    def rounds(self) -> list[str]:
        """Names of the registered rounds, sorted."""
        with self._reading() as db:
            return sorted(db.execute(select(_rounds.c.round)).scalars())

    def batch(self, round: str) -> Batch:
        """What the round currently asks for. Raises UnknownRound."""
        with self._reading() as db:
            return self._batch(db, round)

    def options(self, round: str) -> Options:
        """How the round is shown. Raises UnknownRound."""
        return self.batch(round).options

    def pairs(self, round: str) -> list[tuple[str, str, str]]:
        """(key, low picture, high picture) of the round's pairs in the order registered. Raises UnknownRound."""
        with self._reading() as db:
            asked = self._batch(db, round)
            query = select(_pairs.c.key, _pairs.c.low, _pairs.c.high).join(
                _batch_pairs, _batch_pairs.c.pair == _pairs.c.key
            )
            query = query.where(_batch_pairs.c.batch == asked.id).order_by(_batch_pairs.c.position)
            return [(key, low, high) for key, low, high in db.execute(query)]

    def items(self, round: str) -> list[str]:
        """sha256 of the pictures to rate in the order registered. Raises UnknownRound."""
        with self._reading() as db:
            asked = self._batch(db, round)
            query = select(_batch_items.c.item).where(_batch_items.c.batch == asked.id)
            return list(db.execute(query.order_by(_batch_items.c.position)).scalars())

    def picture(self, sha256: str) -> bytes:
        """PNG bytes of a registered picture. Raises UnknownPicture."""
        with self._reading() as db:
            png = db.execute(select(_pictures.c.png).where(_pictures.c.sha256 == findable(sha256))).scalar()
        if png is None:
            raise UnknownPicture(f"no picture {sha256[:80]!r} in the label store {self.place}")
        return bytes(png)

    def picture_size(self, sha256: str) -> tuple[int, int]:
        """(width, height) of a registered picture in pixels. Raises UnknownPicture."""
        with self._reading() as db:
            return self._size(db, sha256)

    def sources(self, round: str, subject: str) -> tuple[tuple[str, str], ...]:
        """(name, sha256) of what the round shows beside a pair (its key) or a picture to rate; () for nothing.

        Raises UnknownRound.
        """
        with self._reading() as db:
            return sources_of(db, self._batch(db, round).id, subject)

    def status(self, round: str, batch: str | None = None) -> LabelsStatus:
        """How far the round's current batch is, or the given `batch` of that round. Raises UnknownRound."""
        with self._reading() as db:
            asked = self._batch(db, round, batch)
            counted = db.execute(counted_of(asked)).one()
        have, unsure, undecidable = (int(number) for number in counted)
        need = asked.need(undecidable)
        have = min(have, need)
        return LabelsStatus(
            round=round, kind=asked.kind, pairs=asked.pairs, votes_per_pair=asked.votes_per_pair, have=have, need=need,
            complete=have >= need, batch=asked.id, unsure=unsure, undecidable=undecidable, task=asked.task,
        )  # fmt: skip

    def _size(self, db: Connection, sha256: str) -> tuple[int, int]:
        sha256 = findable(sha256)
        row = db.execute(select(_sizes.c.width, _sizes.c.height).where(_sizes.c.picture == sha256)).first()
        if row is not None:
            return row.width, row.height
        # A Loupe of version 1 that still has the store open adds pictures without their size.
        png = db.execute(select(_pictures.c.png).where(_pictures.c.sha256 == sha256)).scalar()
        size = None if png is None else png_size(bytes(png[:24]))
        if size is None:
            raise UnknownPicture(f"no picture {sha256[:80]!r} with a readable size in the label store {self.place}")
        return size

    def _store_pictures(self, wanted: Mapping[str, _Png]) -> None:
        with self._reading() as db:
            known = present(db, _pictures.c.sha256, list(wanted))
        for chunk in _read(wanted, known):  # read before each transaction begins
            with self._writing() as db:
                there = present(db, _pictures.c.sha256, list(chunk))
                new = {sha256: read for sha256, read in chunk.items() if sha256 not in there}
                if new:
                    db.execute(insert(_pictures), [{"sha256": sha256, "png": png} for sha256, (png, _) in new.items()])
                    sizes = [{"picture": sha256, "width": w, "height": h} for sha256, (_, (w, h)) in new.items()]
                    db.execute(insert(_sizes), sizes)


def _read(wanted: Mapping[str, _Png], known: set[str]) -> Iterator[dict[str, tuple[bytes, tuple[int, int]]]]:
    """The checked bytes and sizes of the pictures that are not known, a few megabytes at a time."""
    chunk: dict[str, tuple[bytes, tuple[int, int]]] = {}
    held = 0
    for sha256, source in wanted.items():
        if sha256 in known:
            continue
        png = source() if callable(source) else source
        if hashlib.sha256(png).hexdigest() != sha256:
            raise InvalidPair(f"the bytes of picture {sha256} have another sha256; make the pairs anew")
        if not png.startswith(_PNG):
            raise InvalidPair(f"picture {sha256} is not a PNG; register PNG bytes")
        size = png_size(png[:24])
        if size is None:
            raise InvalidPair(f"picture {sha256} is a damaged PNG: its size cannot be read; make it anew")
        chunk[sha256] = (png, size)
        held += len(png)
        if held >= _CHUNK_BYTES or len(chunk) >= _CHUNK_PICTURES:
            yield chunk
            chunk, held = {}, 0
    if chunk:
        yield chunk


def _pair_row(pair: PairImages) -> dict[str, str]:
    low, high = sorted((pair.first_sha256, pair.second_sha256))
    return {"key": pair.key, "low": low, "high": high}


def _put_sources(db: Connection, batch: str, wanted: Mapping[str, Sequence[SourceImage]]) -> None:
    """Make these the sources of these subjects in the batch; those that have them already are left alone."""
    mine = _sources.c.batch == batch
    for subjects in chunks(list(wanted)):
        found: dict[str, list[tuple[str, str]]] = {}
        query = select(_sources).where(mine, _sources.c.subject.in_(subjects)).order_by(_sources.c.position)
        for row in db.execute(query):
            found.setdefault(row.subject, []).append((row.name, row.picture))
        changed = [s for s in subjects if found.get(s, []) != [(each.name, each.sha256) for each in wanted[s]]]
        if any(subject in found for subject in changed):
            db.execute(delete(_sources).where(mine, _sources.c.subject.in_(changed)))
        rows = [
            {"batch": batch, "subject": subject, "position": i, "name": source.name, "picture": source.sha256}
            for subject in changed
            for i, source in enumerate(wanted[subject])
        ]
        if rows:
            db.execute(insert(_sources), rows)


def _put_batch(db: Connection, batch: Batch, members: Table, column: str, subjects: Sequence[str]) -> None:
    """Store the batch with its members where it is new, and make it the round's current one."""
    if not present(db, _batches.c.id, [batch.id]):
        values = {
            "id": batch.id, "round": batch.round, "kind": batch.kind, "votes_per_pair": batch.votes_per_pair,
            "question": batch.question, "task": batch.task, "size": batch.pairs,
        }  # fmt: skip
        db.execute(insert(_batches), values)
        db.execute(insert(members), [{"batch": batch.id, "position": i, column: it} for i, it in enumerate(subjects)])
    put_question(db, batch)
    db.execute(delete(_rounds).where(_rounds.c.round == batch.round))
    db.execute(insert(_rounds), {"round": batch.round, "batch": batch.id, "options": batch.options.to_json()})
