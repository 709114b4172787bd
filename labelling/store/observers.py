"""The people who work by personal link, and the secret that signs the links. Part of the Store."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from labelling.store.checks import check_name, findable
from labelling.store.database import schema
from labelling.store.database.base import Database, now
from labelling.store.database.errors import UnknownObserver
from labelling.store.people import KnownNames, clean_name
from labelling.store.queries import rows_with
from labelling.store.records import ROLES, Observer

_observers, _secrets = schema.observers, schema.secrets
_SIGNING = "signing"


class Observers(Database):
    """The part of the Store that knows observers and keeps the secret."""

    def secret(self) -> bytes:
        """32 random bytes that belong to this store, made when they are first asked for."""
        query = select(_secrets.c.value).where(_secrets.c.name == _SIGNING)
        with self._reading() as db:
            value = db.execute(query).scalar()
        if value is None:
            with self._writing() as db:
                value = db.execute(query).scalar()  # another process may have been first
                if value is None:
                    value = secrets.token_bytes(32)
                    db.execute(insert(_secrets), {"name": _SIGNING, "value": value})
        return bytes(value)

    def add_observer(self, name: str, role: str = "observer") -> Observer:
        """Add an observer, or find the one of that name; an expert's or manager's role is taken over.

        The name is kept as people.clean_name gives it. One that was revoked may work again, under a new serial: links made
        before stay void. Raises ValueError for an unknown role, a malformed name, and one that can be mistaken for that of
        another observer.
        """
        check_name("the observer's name", name)
        if role not in ROLES:
            raise ValueError(f"unknown role {role!r:.80}; known: {', '.join(ROLES)}")
        with self._writing() as db:
            name = KnownNames(_people(db)).resolve(name)
            found = _named(db, name)
            if found is None:
                made = Observer(
                    id=secrets.token_hex(16), name=name, role=role, serial=1, added_at=now(), revoked_at=None
                )
                db.execute(insert(_observers), asdict(made))
                return made
            changes: dict[str, Any] = {}
            if found.revoked_at is not None:
                changes = {"role": role, "serial": found.serial + 1, "revoked_at": None}
            elif role not in ("observer", found.role):
                changes = {"role": role}
            if changes:
                db.execute(update(_observers).where(_observers.c.id == found.id).values(**changes))
            return _observer(db.execute(select(_observers).where(_observers.c.id == found.id)).one())

    def people(self) -> set[str]:
        """The names of all people that were added or have answered."""
        with self._reading() as db:
            return _people(db)

    def observer_name(self, name: str) -> str:
        """The name under which somebody works who is called `name`. Raises ValueError as `add_observer`."""
        return KnownNames(self.people()).resolve(name)

    def observers(self) -> list[Observer]:
        """Every observer that was added, revoked ones too, sorted by name."""
        with self._reading() as db:
            found = [_observer(row) for row in db.execute(select(_observers))]
        return sorted(found, key=lambda observer: observer.name)

    def observer(self, id: str) -> Observer:
        """The observer with that id, revoked or not. Raises UnknownObserver."""
        with self._reading() as db:
            row = next(rows_with(db, _observers.c.id, [findable(id)]), None)
        if row is None:
            raise UnknownObserver(f"no observer with id {id[:80]!r}; `loupe observers list` shows those there are")
        return _observer(row)

    def observer_named(self, name: str) -> Observer:
        """The observer of that name, revoked or not. Raises UnknownObserver."""
        with self._reading() as db:
            found = _named(db, name)
        if found is None:
            raise UnknownObserver(f"there is no observer {name!r:.80}; add one with: loupe observers add NAME")
        return found

    def revoke_observer(self, name: str) -> Observer:
        """Void every link of the observer; votes stay. Revoking twice is fine. Raises UnknownObserver."""
        with self._writing() as db:
            found = _named(db, name)
            if found is None:
                raise UnknownObserver(f"no observer {name[:80]!r}; `loupe observers list` shows those there are")
            if found.revoked_at is None:
                db.execute(update(_observers).where(_observers.c.id == found.id).values(revoked_at=now()))
            return _observer(db.execute(select(_observers).where(_observers.c.id == found.id)).one())


def _people(db: Connection) -> set[str]:
    names = set(db.execute(select(_observers.c.name)).scalars())
    for table in (schema.votes, schema.trials, schema.ratings):
        names |= set(db.execute(select(table.c.observer).where(table.c.kind == "people").distinct()).scalars())
    return names


def _named(db: Connection, name: str) -> Observer | None:
    """The observer who is called so, else the one whose name is this without what nobody sees."""
    for each in dict.fromkeys((findable(name), *_cleaned(name))):
        row = db.execute(select(_observers).where(_observers.c.name == each)).first()
        if row is not None:
            return _observer(row)
    return None


def _cleaned(name: str) -> tuple[str, ...]:
    try:
        return (clean_name(name),)
    except ValueError:
        return ()


def _observer(row: Row[Any]) -> Observer:
    return Observer(**row._asdict())
