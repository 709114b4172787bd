"""The label store: pictures, pairs, what each round asks, and every vote. SQLite by default, PostgreSQL by URL.

Votes are added, never changed; taking one back adds a retraction. Pairs are keyed by the content of their pictures, so
a pair that comes up again has its votes already. A call that returns has stored durably; no call holds a transaction
while it waits for anything but the database. A Store may be shared by threads, and opened by any number of processes.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, Row, delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from labelling import connection as connections
from labelling import schema
from labelling.checks import check_kind, check_membership, check_name, check_pairs, check_vote
from labelling.connection import default_path
from labelling.errors import (
    InvalidPair,
    InvalidVote,
    StoreError,
    StoreUnavailable,
    StoreVersionError,
    UnknownPicture,
    UnknownRound,
    UnknownVote,
    VoteConflict,
    unavailable,
)
from labelling.queries import chunks, counts_of, open_for, pairs_of, present, standing, voted
from labelling.records import (
    KINDS,
    TIE,
    UNSURE,
    Batch,
    LabelsStatus,
    OpenPair,
    PairImages,
    Progress,
    StoredVote,
    Vote,
    batch_id,
    pair_key,
)

__all__ = [
    "KINDS", "TIE", "UNSURE", "Batch", "InvalidPair", "InvalidVote", "LabelsStatus", "OpenPair", "PairImages",
    "Progress", "Store", "StoreError", "StoreUnavailable", "StoreVersionError", "StoredVote", "UnknownPicture",
    "UnknownRound", "UnknownVote", "Vote", "VoteConflict", "default_path", "pair_key",
]  # fmt: skip

_PNG = b"\x89PNG\r\n\x1a\n"

_votes, _pairs, _pictures = schema.votes, schema.pairs, schema.pictures
_batches, _batch_pairs, _rounds = schema.batches, schema.batch_pairs, schema.rounds


class Store:
    """An open label store; `Store.open()` makes one, `close()` or a `with` block ends it.

    Every method raises StoreUnavailable where the store cannot be read or written (locked, read-only, full, damaged,
    unreachable); nothing of that call is stored then.
    """

    def __init__(self, url: URL, busy_timeout: float) -> None:
        self.place = connections.describe(url)
        self._engine: Engine = connections.connect(url, busy_timeout)
        self._writer: Engine = connections.for_writing(self._engine)
        self._process = os.getpid()

    @classmethod
    def open(cls, url: str | Path | None = None, busy_timeout: float = 30.0) -> Store:
        """Open the store, and create it where it is not there yet.

        `url` is a path or a URL; None: the environment's LOUPE_LABELS, else `default_path()`. `busy_timeout` is how
        many seconds to wait for another writer. Raises StoreUnavailable, or StoreVersionError for a store that another
        version or another program wrote.
        """
        store = cls(connections.locate(url), busy_timeout)
        try:
            store._set_up(busy_timeout)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Close every connection; the store can be opened again."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Rounds and their pairs

    def register(self, round: str, kind: str, pairs: Sequence[PairImages], votes: int, question: str) -> str:
        """Ask for `votes` votes of observers of `kind` on each of `pairs`, in this order; returns the batch's id.

        The batch becomes the round's current one. Registering the same again changes nothing, and keeps the order of
        the first time. Pictures are stored as they are read; pairs and batch only when all pictures are in. Raises
        InvalidPair where a key or the bytes of a new picture are not what the sha256 says, are no PNG, or a pair comes
        twice or consists of one picture; ValueError for an empty round or a malformed argument.
        """
        check_name("round", round)
        check_kind(kind)
        if isinstance(votes, bool) or not isinstance(votes, int) or votes < 1:
            raise ValueError(f"votes per pair must be a whole number from 1: {votes!r}")
        if not question.strip() or "\x00" in question or len(question) > 2000:
            raise ValueError(f"the question of round {round} must be 1 to 2000 characters")
        if not pairs:
            raise ValueError(f"round {round} has no pairs to label")
        check_pairs(pairs)
        self._store_pictures(pairs)
        keys = [pair.key for pair in pairs]
        batch = batch_id(round, kind, votes, question, keys)
        with self._writing() as db:
            known = present(db, _pairs.c.key, keys)
            new = [_pair_row(pair) for pair in pairs if pair.key not in known]
            if new:
                db.execute(insert(_pairs), new)
            if not present(db, _batches.c.id, [batch]):
                values = {"id": batch, "round": round, "kind": kind, "votes_per_pair": votes, "question": question}
                db.execute(insert(_batches), values)
                rows = [{"batch": batch, "position": i, "pair": key} for i, key in enumerate(keys)]
                db.execute(insert(_batch_pairs), rows)
            db.execute(delete(_rounds).where(_rounds.c.round == round))
            db.execute(insert(_rounds), {"round": round, "batch": batch})
        return batch

    def rounds(self) -> list[str]:
        """Names of the registered rounds, sorted."""
        with self._reading() as db:
            return sorted(db.execute(select(_rounds.c.round)).scalars())

    def batch(self, round: str) -> Batch:
        """What the round currently asks for. Raises UnknownRound."""
        with self._reading() as db:
            return self._batch(db, round)

    def picture(self, sha256: str) -> bytes:
        """PNG bytes of a registered picture. Raises UnknownPicture."""
        with self._reading() as db:
            png = db.execute(select(_pictures.c.png).where(_pictures.c.sha256 == sha256)).scalar()
        if png is None:
            raise UnknownPicture(f"no picture {sha256[:80]!r} in the label store {self.place}")
        return bytes(png)

    # Votes

    def add_votes(self, votes: Sequence[Vote]) -> int:
        """Store votes, all or none, and return how many were new.

        A vote that is stored already (the same id, the same content) is fine and counts 0. Raises VoteConflict for an
        id with other content, InvalidVote for an unknown pair, a picture outside the pair, or a malformed field.
        """
        unique: dict[str, Vote] = {}
        for vote in votes:
            check_vote(vote)
            if unique.setdefault(vote.id, vote) != vote:
                raise VoteConflict(f"vote {vote.id} comes twice with different content; nothing was stored")
        if not unique:
            return 0
        with self._writing() as db:
            stored = {}
            for ids in chunks(list(unique)):
                found = db.execute(select(_votes).where(_votes.c.id.in_(ids)))
                stored.update({row.id: _vote(row) for row in found})
            members: dict[str, tuple[str, str]] = {}
            for keys in chunks(list({vote.key for vote in unique.values()})):
                members.update({row.key: (row.low, row.high) for row in db.execute(pairs_of(keys))})
            current = {row.round: row.batch for row in db.execute(select(_rounds))}
            rows = []
            for vote in unique.values():
                if vote.id in stored:
                    if stored[vote.id] != vote:
                        raise VoteConflict(f"vote {vote.id} is already stored with other content; nothing was stored")
                    continue
                check_membership(vote, members)
                rows.append(_vote_row(vote) | {"made_at": _now(), "batch": current.get(vote.round)})
            if rows:
                db.execute(insert(_votes), rows)
        return len(rows)

    def retract(self, vote_id: str, observer: str) -> bool:
        """Take back a vote of `observer`; the vote stays stored and no longer counts.

        Returns False where it had been taken back already. Raises UnknownVote for another observer's vote, too.
        """
        with self._writing() as db:
            owner = db.execute(select(_votes.c.observer).where(_votes.c.id == vote_id)).scalar()
            if owner is None or owner != observer:
                raise UnknownVote(f"{observer} has no vote {vote_id[:80]!r} to take back")
            if present(db, schema.retractions.c.vote, [vote_id]):
                return False
            db.execute(insert(schema.retractions), {"vote": vote_id, "at": _now()})
            return True

    def votes(self, keys: Collection[str], kind: str) -> list[StoredVote]:
        """The effective votes of observers of `kind` on the pairs `keys`, sorted by (key, observer).

        The effective vote of an observer on a pair is the first one not taken back. Unknown keys have no votes.
        """
        check_kind(kind)
        first: dict[tuple[str, str], StoredVote] = {}
        with self._reading() as db:
            for chunk in chunks(sorted(set(keys))):
                query = select(_votes).where(_votes.c.pair.in_(chunk), _votes.c.kind == kind, standing)
                for row in db.execute(query.order_by(_votes.c.seq)):
                    first.setdefault((row.pair, row.observer), _stored_vote(row))
        return [first[place] for place in sorted(first)]

    def last_vote(self, observer: str, round: str | None = None) -> StoredVote | None:
        """The latest vote of `observer` (in `round`) that was not taken back, else None."""
        query = select(_votes).where(_votes.c.observer == observer, standing)
        if round is not None:
            query = query.where(_votes.c.round == round)
        with self._reading() as db:
            row = db.execute(query.order_by(_votes.c.seq.desc()).limit(1)).first()
        return None if row is None else _stored_vote(row)

    # How far a round is

    def status(self, round: str, batch: str | None = None) -> LabelsStatus:
        """How far the round's current batch is, or the given `batch` of that round. Raises UnknownRound."""
        with self._reading() as db:
            asked = self._batch(db, round, batch)
            counts = [count for (count,) in db.execute(select(counts_of(asked).c.count))]
        have = sum(min(asked.votes_per_pair, count) for count in counts)
        need = asked.pairs * asked.votes_per_pair
        return LabelsStatus(
            round=round, kind=asked.kind, pairs=asked.pairs, votes_per_pair=asked.votes_per_pair, have=have, need=need,
            complete=have >= need, batch=asked.id,
        )  # fmt: skip

    def next_pair(self, round: str, observer: str, skip: Collection[str] = ()) -> OpenPair | None:
        """The next pair of the round that still owes votes and that `observer` has not voted on, else None.

        `skip` names pairs to pass over, such as the one on screen while the next is loaded. Raises UnknownRound.
        """
        with self._reading() as db:
            asked = self._batch(db, round)
            query = open_for(asked, observer, (_pairs.c.key, _pairs.c.low, _pairs.c.high))
            if skip:
                query = query.where(_pairs.c.key.not_in(sorted(skip)))
            row = db.execute(query.order_by(_batch_pairs.c.position).limit(1)).first()
        return None if row is None else OpenPair(key=row.key, pictures=(row.low, row.high))

    def progress(self, round: str, observer: str) -> Progress:
        """How many pairs of the round `observer` has voted on, and how many are left. Raises UnknownRound."""
        with self._reading() as db:
            asked = self._batch(db, round)
            mine = select(func.count()).select_from(_batch_pairs)
            mine = mine.where(_batch_pairs.c.batch == asked.id, voted(asked.kind, observer))
            left = open_for(asked, observer, (func.count(),))
            return Progress(done=db.execute(mine).scalar_one(), left=db.execute(left).scalar_one())

    # Inside

    def _set_up(self, busy_timeout: float) -> None:
        deadline = time.monotonic() + busy_timeout
        while self._engine.dialect.name == "sqlite":
            try:  # changing the journal mode does not honour the busy timeout
                with self._guarded(), self._engine.connect() as db:
                    db.connection.driver_connection.execute("PRAGMA journal_mode = WAL")  # type: ignore[union-attr]
                break
            except StoreUnavailable as error:
                if "is locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        try:
            with self._reading() as db:
                current = schema.is_current(db)
            if not current:
                with self._writing() as db:
                    schema.migrate(db)
        except StoreVersionError as error:
            raise StoreVersionError(f"{self.place}: {error}") from None

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        if os.getpid() != self._process:  # a forked child must not use its parent's connections
            self._engine.dispose(close=False)
            self._process = os.getpid()
        try:
            yield
        except SQLAlchemyError as error:
            raise unavailable(error, self.place) from error

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._guarded(), self._engine.begin() as db:
            yield db

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._guarded(), self._writer.begin() as db:
            yield db

    def _batch(self, db: Connection, round: str, batch: str | None = None) -> Batch:
        query = select(_batches).where(_batches.c.round == round)
        current = query.join(_rounds, _rounds.c.batch == _batches.c.id)
        row = db.execute(current if batch is None else query.where(_batches.c.id == batch)).first()
        if row is None:
            known = ", ".join(sorted(db.execute(select(_rounds.c.round)).scalars())) or "none"
            raise UnknownRound(
                f"no pairs of round {round!r} are registered in the label store {self.place} (rounds there: {known}); "
                "run `dvc repro` up to its labels stage first"
            )
        pairs = db.execute(select(func.count()).where(_batch_pairs.c.batch == row.id)).scalar_one()
        return Batch(pairs=pairs, **row._asdict())

    def _store_pictures(self, pairs: Sequence[PairImages]) -> None:
        wanted: dict[str, bytes | Callable[[], bytes]] = {}
        for pair in pairs:
            wanted.setdefault(pair.first_sha256, pair.first_png)
            wanted.setdefault(pair.second_sha256, pair.second_png)
        with self._reading() as db:
            known = present(db, _pictures.c.sha256, list(wanted))
        for sha256, source in wanted.items():
            if sha256 in known:
                continue
            png = source() if callable(source) else source  # read before the transaction begins
            if hashlib.sha256(png).hexdigest() != sha256:
                raise InvalidPair(f"the bytes of picture {sha256} have another sha256; make the pairs anew")
            if not png.startswith(_PNG):
                raise InvalidPair(f"picture {sha256} is not a PNG; register PNG bytes")
            with self._writing() as db:
                if not present(db, _pictures.c.sha256, [sha256]):
                    db.execute(insert(_pictures), {"sha256": sha256, "png": png})


def _pair_row(pair: PairImages) -> dict[str, str]:
    low, high = sorted((pair.first_sha256, pair.second_sha256))
    return {"key": pair.key, "low": low, "high": high}


def _vote(row: Row[Any]) -> Vote:
    return Vote(**_fields(row))


def _stored_vote(row: Row[Any]) -> StoredVote:
    return StoredVote(made_at=row.made_at, **_fields(row))


def _fields(row: Row[Any]) -> dict[str, Any]:
    names = ("id", "observer", "kind", "preferred", "left", "round", "seconds")
    return {"key": row.pair} | {name: row._mapping[name] for name in names}


def _vote_row(vote: Vote) -> dict[str, Any]:
    seconds = None if vote.seconds is None else float(vote.seconds)
    return {
        "id": vote.id, "pair": vote.key, "observer": vote.observer, "kind": vote.kind, "preferred": vote.preferred,
        "left": vote.left, "round": vote.round, "seconds": seconds,
    }  # fmt: skip


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
