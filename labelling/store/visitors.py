"""People who come by the open link of a study: the link, its limits, who came, and what they answered. Part of the Store.

A visitor is an observer with a random name and the role VISITOR. Nothing about the person is kept but what the pages ask.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, insert, or_, select, update

from labelling.store.checks import findable
from labelling.store.database import schema
from labelling.store.database.base import Database, now
from labelling.store.database.errors import LinkClosed, StudyFull, UnknownObserver
from labelling.store.queries import present, standing
from labelling.store.records import Observer

VISITOR = "visitor"  # the role; nobody can be added in it by hand
MOST_VISITORS = 20_000  # of one study, whoever gave up included; the arrays of answers count to 32767
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # none that is easily taken for another
_CODE = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

_links, _visitors, _pages = schema.links, schema.visitors, schema.visitor_pages
_observers, _votes = schema.observers, schema.votes


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much is asked, None without end.

    `quota`: votes of one person; `people`: how many of them; `votes`: from how many votes of visitors on nobody else is
    let in; `hold`: hours that a place stays taken by somebody who does not finish.
    """

    quota: int | None = None
    people: int | None = None
    votes: int | None = None
    hold: float = 24.0


@dataclass(frozen=True, kw_only=True)
class Link:
    """The open link of a study; `pages` is whatever was stored with it."""

    round: str
    token: str
    limits: Limits
    pages: str
    opened_at: str
    closed_at: str | None


@dataclass(frozen=True, kw_only=True)
class PageAnswer:
    """What a visitor answered on a page, and when."""

    content: Any
    at: str


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Who came by an open link. `votes` counts those that were not taken back; `pages`: page -> its answer."""

    id: str
    name: str
    round: str
    code: str
    began_at: str
    held_until: str
    excluded: str | None
    finished_at: str | None
    votes: int
    pages: Mapping[str, PageAnswer]


class Visitors(Database):
    """The part of the Store that keeps open links and visitors."""

    def open_link(self, round: str, limits: Limits, pages: str, *, anew: bool = False) -> Link:
        """Open the round to whoever has the link; again, with other limits and pages, it keeps its link.

        `anew` makes another link, and the one before void; visitors that are there stay. Raises UnknownRound.
        """
        with self._writing() as db:
            self._batch(db, round)
            values = {"limits": json.dumps(asdict(limits), sort_keys=True), "pages": pages, "closed_at": None}
            found = db.execute(select(_links).where(_links.c.round == round)).first()
            if found is None:
                fresh = {"round": round, "token": secrets.token_urlsafe(24), "opened_at": now()}
                db.execute(insert(_links), values | fresh)
            else:
                more = {"token": secrets.token_urlsafe(24)} if anew else {}
                db.execute(update(_links).where(_links.c.round == round).values(**values, **more, opened_at=now()))
            return _link(db.execute(select(_links).where(_links.c.round == round)).one())

    def close_link(self, round: str) -> Link | None:
        """Let nobody else in; who is in goes on. None where the round was never open. Closing twice is fine."""
        of = _links.c.round == findable(round)
        with self._writing() as db:
            db.execute(update(_links).where(of, _links.c.closed_at.is_(None)).values(closed_at=now()))
            row = db.execute(select(_links).where(of)).first()
        return None if row is None else _link(row)

    def link_of(self, round: str) -> Link | None:
        """The open link of a round, closed or not; None where it was never open."""
        with self._reading() as db:
            row = db.execute(select(_links).where(_links.c.round == findable(round))).first()
        return None if row is None else _link(row)

    def link(self, token: str) -> Link:
        """The link with that token, closed or not. Raises LinkClosed where there is none."""
        with self._reading() as db:
            row = db.execute(select(_links).where(_links.c.token == findable(token))).first()
        if row is None:
            raise LinkClosed("this link is not valid here")
        return _link(row)

    def check_room(self, token: str) -> Link:
        """The link with that token, where it would let somebody in now. Raises LinkClosed, StudyFull."""
        link = self.link(token)
        if link.closed_at is not None:
            raise LinkClosed("this study is closed")
        with self._reading() as db:
            _check_room(db, link)
        return link

    def visitor_in(self, token: str, browser: str) -> Observer | None:
        """The visitor that a browser is already (see `join`), also where the link is closed. Raises LinkClosed."""
        round = self.link(token).round
        with self._reading() as db:
            before = db.execute(_known(round, browser)).scalar()
            return None if before is None else _observer(db, before)

    def join(self, token: str, browser: str) -> tuple[Observer, bool]:
        """Let a browser in by an open link: the visitor that it is, and whether it is new.

        `browser` is a random text that the browser made and sends every time: the same one is the same visitor. Raises
        LinkClosed, and StudyFull where no place is left.
        """
        with self._writing() as db:
            row = db.execute(select(_links).where(_links.c.token == findable(token))).first()
            if row is None:
                raise LinkClosed("this link is not valid here")
            link = _link(row)
            before = db.execute(_known(link.round, browser)).scalar()
            if before is not None:
                return _observer(db, before), False
            if link.closed_at is not None:
                raise LinkClosed("this study is closed")
            _check_room(db, link)
            made = Observer(
                id=secrets.token_hex(16), name=_new_name(db), role=VISITOR, serial=1, added_at=now(), revoked_at=None
            )
            db.execute(insert(_observers), asdict(made))
            values = {"observer": made.id, "round": link.round, "browser": _hashed(browser), "code": _new_code(db)}
            db.execute(insert(_visitors), values | {"held_until": _later(link.limits.hold)})
            return made, True

    def keep_place(self, id: str) -> Visitor:
        """The visitor, whose place is held anew where it had lapsed. Raises StudyFull where others have taken it."""
        found = self.visitor(id)
        if found.finished_at or found.excluded or found.held_until > now():
            return found
        with self._writing() as db:
            link = _link(db.execute(select(_links).where(_links.c.round == found.round)).one())
            _check_room(db, link)
            held = {"held_until": _later(link.limits.hold)}
            db.execute(update(_visitors).where(_visitors.c.observer == id).values(**held))
        return self.visitor(id)

    def visitor(self, id: str) -> Visitor:
        """The visitor with that observer's id. Raises UnknownObserver."""
        with self._reading() as db:
            found = _found(db, _visitors.c.observer == findable(id))
        if not found:
            raise UnknownObserver(f"no visitor with id {id[:80]!r}")
        return found[0]

    def visitors(self, round: str) -> list[Visitor]:
        """Everybody who came by the link of the round, in the order in which they came."""
        with self._reading() as db:
            return _found(db, _visitors.c.round == findable(round))

    def add_page(self, id: str, page: str, content: Any, *, excluded: str | None = None) -> bool:
        """Store what a visitor answered on a page; False, and nothing changes, where there is an answer already.

        `excluded`: why the visitor takes no further part, for which the place is given to somebody else.
        """
        with self._writing() as db:
            mine = select(_pages.c.seq).where(_pages.c.observer == id, _pages.c.page == page)
            if db.execute(mine).first() is not None:
                return False
            said = json.dumps(content, ensure_ascii=True, sort_keys=True)
            db.execute(insert(_pages), {"observer": id, "page": page, "content": said, "at": now()})
            if excluded is not None:
                db.execute(update(_visitors).where(_visitors.c.observer == id).values(excluded=excluded))
            return True

    def finish_visit(self, id: str) -> Visitor:
        """Note that the visitor has done everything, the first time that it is so."""
        with self._writing() as db:
            mine = (_visitors.c.observer == id, _visitors.c.finished_at.is_(None), _visitors.c.excluded.is_(None))
            db.execute(update(_visitors).where(*mine).values(finished_at=now()))
        return self.visitor(id)


def _known(round: str, browser: str) -> Select[Any]:
    return select(_visitors.c.observer).where(_visitors.c.round == round, _visitors.c.browser == _hashed(browser))


def _hashed(browser: str) -> str:
    return sha256(browser.encode()).hexdigest()


def _check_room(db: Connection, link: Link) -> None:
    """Raise StudyFull unless somebody else fits in."""
    mine = _visitors.c.round == link.round
    taken = or_(_visitors.c.finished_at.is_not(None), _visitors.c.held_until > now())
    places = select(func.count()).select_from(_visitors).where(mine, _visitors.c.excluded.is_(None), taken)
    limits = link.limits
    full = db.execute(select(func.count()).select_from(_visitors).where(mine)).scalar_one() >= MOST_VISITORS
    if not full and limits.people is not None:
        full = db.execute(places).scalar_one() >= limits.people
    if not full and limits.votes is not None:
        cast = select(func.count()).select_from(_votes).join(_observers, _observers.c.name == _votes.c.observer)
        cast = cast.join(_visitors, _visitors.c.observer == _observers.c.id)
        cast = cast.where(mine, _votes.c.round == link.round, standing(_votes))
        full = db.execute(cast).scalar_one() >= limits.votes
    if full:
        raise StudyFull("as many people as were asked for have taken part already")


def _found(db: Connection, which: Any) -> list[Visitor]:
    joined = _visitors.join(_observers, _observers.c.id == _visitors.c.observer)
    query = select(_visitors, _observers.c.name, _observers.c.added_at).select_from(joined).where(which)
    rows = db.execute(query.order_by(_observers.c.added_at, _observers.c.name)).all()
    pages: dict[str, dict[str, PageAnswer]] = {row.observer: {} for row in rows}
    told = select(_pages).join(_visitors, _visitors.c.observer == _pages.c.observer).where(which).order_by(_pages.c.seq)
    for row in db.execute(told):
        if row.observer in pages:  # else who came between the two questions
            pages[row.observer][row.page] = PageAnswer(content=json.loads(row.content), at=row.at)
    mine = and_(_votes.c.observer == _observers.c.name, _votes.c.round == _visitors.c.round)
    cast = select(_visitors.c.observer, func.count()).select_from(joined.join(_votes, mine)).where(which)
    votes = dict(db.execute(cast.where(standing(_votes)).group_by(_visitors.c.observer)).tuples().all())
    return [
        Visitor(
            id=row.observer, name=row.name, round=row.round, code=row.code, began_at=row.added_at,
            held_until=row.held_until, excluded=row.excluded, finished_at=row.finished_at,
            votes=votes.get(row.observer, 0), pages=pages[row.observer],
        )
        for row in rows
    ]  # fmt: skip


def _new_name(db: Connection) -> str:
    while True:
        name = "v-" + "".join(secrets.choice(_LETTERS) for _ in range(6))
        if not present(db, _observers.c.name, [name]) and not present(db, _votes.c.observer, [name]):
            return name


def _new_code(db: Connection) -> str:
    while True:
        letters = "".join(secrets.choice(_CODE) for _ in range(10))
        code = f"{letters[:5]}-{letters[5:]}"
        if not present(db, _visitors.c.code, [code]):
            return code


def _observer(db: Connection, id: str) -> Observer:
    return Observer(**db.execute(select(_observers).where(_observers.c.id == id)).one()._asdict())


def _later(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="milliseconds")


def _link(row: Row[Any]) -> Link:
    return Link(**row._asdict() | {"limits": Limits(**json.loads(row.limits))})
