"""Votes and trials: storing them once, taking them back, skipping a pair. Part of the Store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, and_, bindparam, func, insert, select, tuple_

from labelling.store.checks import check_kind, check_membership, check_name, check_vote, findable
from labelling.store.database import schema
from labelling.store.database.base import Database, now
from labelling.store.database.errors import InvalidVote, UnknownVote, VoteConflict
from labelling.store.queries import chunks, present, put_question, rows_with, standing
from labelling.store.questions import question_id
from labelling.store.records import Batch, StoredVote, Trial, Vote

_votes, _trials, _ratings = schema.votes, schema.trials, schema.ratings
_ANSWERS = (_votes, _trials, _ratings)
_FIELDS = ("id", "observer", "kind", "preferred", "left", "round", "seconds")

_V = TypeVar("_V", bound=Vote)


class Votes(Database):
    """The part of the Store that keeps votes and trials."""

    def add_votes(self, votes: Sequence[Vote], question_id: str | None = None) -> int:
        """Store votes, all or none, and return how many were new.

        They answer the question with `question_id` (of a Batch), or what their rounds ask at this moment. A vote of a
        round that is not registered answers the question that the pair is asked about under, if it is only one.

        A vote that is stored already (the same id, the same content) is fine and counts 0. Raises VoteConflict for an
        id with other content, InvalidVote for an unknown pair, a picture outside the pair, or a malformed field.
        """
        return self._add(votes, _votes, question_id)

    def add_trials(self, trials: Sequence[Trial], question_id: str | None = None) -> int:
        """Store answers to hidden repeats and training pairs by the rules of `add_votes`; they never count as votes."""
        return self._add(trials, _trials, question_id)

    def retract(self, id: str, observer: str) -> bool:
        """Take back a vote, trial or rating of `observer`; it stays stored and no longer counts.

        Returns False where it had been taken back already. Raises UnknownVote for what is another observer's, too.
        """
        id = findable(id)
        with self._writing() as db:
            owners = {db.execute(select(table.c.observer).where(table.c.id == id)).scalar() for table in _ANSWERS}
            if observer not in owners:
                raise UnknownVote(f"{observer} has no vote {id[:80]!r} to take back")
            if present(db, schema.retractions.c.vote, [id]):
                return False
            db.execute(insert(schema.retractions), {"vote": id, "at": now()})
            return True

    def skip_pair(self, round: str, observer: str, key: str) -> None:
        """Ask `observer` about the pair later: a vote comes back last, a repeat or a training pair not at all.

        `key` may also be the sha256 of a picture to rate, or the id of a rating to review. Raises UnknownRound, and
        InvalidVote where the round has no such thing.
        """
        check_name("observer", observer)
        key = findable(key)
        with self._writing() as db:
            asked = self._batch(db, round)
            if asked.task == "pairs":
                members = schema.batch_pairs
                query = select(members.c.pair).where(members.c.batch == asked.id, members.c.pair == key)
            else:
                items = schema.batch_items
                query = select(items.c.item).where(items.c.batch == asked.id, items.c.item == key)
                ratings = select(_ratings.c.id).where(_ratings.c.round == round, _ratings.c.id == key)
            if db.execute(query).first() is None and (asked.task == "pairs" or db.execute(ratings).first() is None):
                raise InvalidVote(f"round {round} does not ask about {key[:80]!r}; nothing was stored")
            row = {"round": round, "observer": observer, "subject": key, "at": now()}
            db.execute(insert(schema.skips), row)

    def votes(self, keys: Collection[str], kind: str, question: str) -> list[StoredVote]:
        """The effective votes of observers of `kind` on the pairs `keys` under `question`, sorted by (key, observer).

        `question` is the text, as in Batch.question; "can't tell" is among the votes. The effective vote of an observer
        on a pair is the first one not taken back. Unknown keys have no votes.
        """
        return self._effective(_votes.c.pair, sorted(set(keys)), kind, question)

    def votes_at(self, places: Collection[tuple[str, str]], kind: str, question: str) -> list[StoredVote]:
        """As `votes`, of single observers on single pairs: `places` are (pair key, observer)."""
        return self._effective(tuple_(_votes.c.pair, _votes.c.observer), sorted(set(places)), kind, question)

    def _effective(self, of: ColumnElement[Any], values: Sequence[Any], kind: str, question: str) -> list[StoredVote]:
        check_kind(kind)
        asked = question_id(question)
        first: dict[tuple[str, str], StoredVote] = {}
        with self._reading() as db:
            for chunk in chunks(values):
                query = select(_votes).where(of.in_(chunk), _votes.c.kind == kind, standing(_votes))
                query = query.where(_votes.c.question == asked)
                for row in db.execute(query.order_by(_votes.c.seq)):
                    first.setdefault((row.pair, row.observer), _stored(row))
        return [first[place] for place in sorted(first)]

    def last_vote(self, observer: str, round: str | None = None) -> StoredVote | None:
        """The latest vote of `observer` (in `round`) that was not taken back, else None."""
        query = select(_votes).where(_votes.c.observer == observer, standing(_votes))
        if round is not None:
            query = query.where(_votes.c.round == round)
        with self._reading() as db:
            row = db.execute(query.order_by(_votes.c.seq.desc()).limit(1)).first()
        return None if row is None else _stored(row)

    def last_answer(self, round: str, observer: str) -> str | None:
        """Id of the newest vote, trial or rating of `observer` in `round` that was not taken back, else None.

        Answers to what the round asked before are left alone. Raises UnknownRound.
        """
        with self._reading() as db:
            asked = self._batch(db, round).question_id
            found = {}
            for table in _ANSWERS:
                mine = (table.c.round == round, table.c.question == asked, table.c.observer == observer)
                query = select(table).where(*mine, standing(table))
                found[table.name] = db.execute(query.order_by(table.c.seq.desc()).limit(1)).first()
        vote, trial, rating = (found[table.name] for table in _ANSWERS)
        newest = trial if trial is not None and (vote is None or trial.after >= vote.seq) else vote
        newest = newest or rating  # a round has pairs or pictures to rate, not both
        return None if newest is None else newest.id

    def effective_instead(self, id: str) -> StoredVote | None:
        """The vote that counts in place of the vote `id`, as the same observer had answered before; None where it counts
        itself, was taken back, or is no vote.
        """
        with self._reading() as db:
            rows = db.execute(_of_same_observer(), {"id": id}).all()
        return None if not any(row.id == id for row in rows) or rows[0].id == id else _stored(rows[0])

    def _add(self, answers: Sequence[_V], table: Table, asked_id: str | None) -> int:
        unique = once(answers)
        for answer in unique.values():
            check_vote(answer)
            if isinstance(answer, Trial) != (table is _trials):
                raise InvalidVote(f"{answer.id} is a {type(answer).__name__}; nothing was stored")
        if not unique:
            return 0
        with self._writing() as db:
            stored = {row.id: _answer(row) for row in rows_with(db, table.c.id, list(unique))}
            fresh = [answer for answer in unique.values() if not is_stored(answer, stored.get(answer.id))]
            refuse_taken(db, [answer.id for answer in fresh], table)
            keys = list({answer.key for answer in fresh})
            members = {row.key: (row.low, row.high) for row in rows_with(db, schema.pairs.c.key, keys)}
            current = self._current(db, {answer.round for answer in fresh})
            self._ensure_questions(db, current.values(), asked_id)
            only = {} if asked_id else _only_questions(db, [a.key for a in fresh if a.round not in current])
            more: dict[str, Any] = {}
            if table is _trials and fresh:
                more["after"] = db.execute(select(func.coalesce(func.max(_votes.c.seq), 0))).scalar_one()
            rows = []
            for answer in fresh:
                check_membership(answer, members)
                asked = current.get(answer.round)
                question = asked_id or (asked.question_id if asked is not None else only.get(answer.key))
                if question is None:
                    raise InvalidVote(
                        f"vote {answer.id}: round {answer.round} is not registered, and its pair is asked about under "
                        "several questions; name a registered round; nothing was stored"
                    )
                of = {"made_at": now(), "batch": None if asked is None else asked.id, "question": question}
                rows.append(_row(answer) | more | of)
            if rows:
                db.execute(insert(table), rows)
        self._questions |= {row["question"] for row in rows}
        return len(rows)

    def _ensure_questions(self, db: Connection, batches: Iterable[Batch], asked_id: str | None) -> None:
        for batch in batches:
            if batch.question_id not in self._questions:
                put_question(db, batch)
        if asked_id is not None and asked_id not in self._questions:
            check_question(db, asked_id)


@cache
def _of_same_observer() -> Select[Any]:
    """The standing votes of the observer of a vote on the same pair, under the same question, the first one first."""
    one = _votes.alias("one")
    same = [_votes.c[name] == one.c[name] for name in ("pair", "kind", "observer", "question")]
    return (
        select(_votes)
        .join(one, and_(*same))
        .where(one.c.id == bindparam("id"), standing(_votes))
        .order_by(_votes.c.seq)
    )


def once(answers: Sequence[Any]) -> dict[str, Any]:
    """Answers by id, each once. Raises VoteConflict where an id comes with different content."""
    unique: dict[str, Any] = {}
    for answer in answers:
        if unique.setdefault(answer.id, answer) != answer:
            raise VoteConflict(f"vote {answer.id} comes twice with different content; nothing was stored")
    return unique


def is_stored(answer: Any, stored: Any | None) -> bool:
    """True if `stored` is the same; raises VoteConflict where it is something else."""
    if stored is not None and stored != answer:
        raise VoteConflict(f"vote {answer.id} is already stored with other content; nothing was stored")
    return stored is not None


def refuse_taken(db: Connection, ids: Sequence[str], table: Table) -> None:
    """Raise VoteConflict where another table than `table` has one of the ids, as an id is taken back by itself."""
    for other in _ANSWERS:
        if other is not table:
            for taken in sorted(present(db, other.c.id, ids)):
                raise VoteConflict(f"id {taken} is already stored with other content; nothing was stored")


def check_question(db: Connection, id: str | None) -> None:
    """Raise InvalidVote for the id of a question that was never asked."""
    if id is not None and not present(db, schema.questions.c.id, [id]):
        raise InvalidVote(f"there is no question {id[:80]!r}; nothing was stored")


def _only_questions(db: Connection, keys: Sequence[str]) -> dict[str, str]:
    """Pair -> the question that it is asked about under, for those that are asked about under one only."""
    found: dict[str, set[str]] = {}
    members, batches = schema.batch_pairs, schema.batches
    for chunk in chunks(sorted(set(keys))):
        query = select(members.c.pair, batches.c.question).join(batches, batches.c.id == members.c.batch).distinct()
        for key, question in db.execute(query.where(members.c.pair.in_(chunk))):
            found.setdefault(key, set()).add(question_id(question))
    return {key: questions.pop() for key, questions in found.items() if len(questions) == 1}


def _answer(row: Row[Any]) -> Vote:
    if "purpose" in row._mapping:
        return Trial(purpose=row.purpose, **_fields(row))
    return Vote(**_fields(row))


def _stored(row: Row[Any]) -> StoredVote:
    return StoredVote(made_at=row.made_at, **_fields(row))


def _fields(row: Row[Any]) -> dict[str, Any]:
    return {"key": row.pair} | {name: row._mapping[name] for name in _FIELDS}


def _row(answer: Vote) -> dict[str, Any]:
    seconds = None if answer.seconds is None else float(answer.seconds)
    purpose = {"purpose": answer.purpose} if isinstance(answer, Trial) else {}
    return {name: getattr(answer, name) for name in _FIELDS} | {"pair": answer.key, "seconds": seconds} | purpose
