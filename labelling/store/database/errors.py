"""What can go wrong with the label store, each as its own class with a sentence for the user."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError


class StoreError(RuntimeError):
    """Base of every error of the label store; the message says what was wrong, where, and what to do."""


class StoreUnavailable(StoreError):
    """The store cannot be opened, read or written (locked, read-only, full, no database, unreachable)."""


class StoreVersionError(StoreError):
    """The store was written by another version of Loupe than this one can read."""


class UnknownRound(StoreError):
    """No pairs of this round are registered in the store."""


class UnknownPicture(StoreError):
    """No picture with this sha256 is in the store."""


class InvalidPair(StoreError):
    """A pair offered for registration is inconsistent (wrong key, wrong bytes, twice, or a picture with itself)."""


class InvalidVote(StoreError):
    """A vote names an unknown pair, a picture outside its pair, or has a malformed field. Nothing was stored."""


class InvalidRating(StoreError):
    """A rating or a review is malformed, or names an unknown picture or rating. Nothing was stored."""


class VoteConflict(StoreError):
    """The id of a vote, trial or rating is already stored with other content. Nothing was stored."""


class UnknownVote(StoreError):
    """The vote, trial or rating to take back is not in the store, or belongs to another observer."""


class UnknownObserver(StoreError):
    """No observer with this id or name was added to the store."""


class LinkClosed(StoreError):
    """The open link of a study is not known here, was replaced by a newer one, or lets nobody in any more."""


class StudyFull(StoreError):
    """As many people (or votes) as were asked for have come; nobody else is let in, and nothing was stored."""


# What the drivers say (lower case) -> what it means and the way out.
_MEANINGS = (
    ("database is locked", "is locked by another program; close it (a database browser, a copy in progress) and retry"),
    ("lock timeout", "is locked by another program; end its open transaction and retry"),
    ("readonly database", "is read-only; make the file and its folder writable, or point LOUPE_LABELS elsewhere"),
    ("read-only transaction", "is read-only; connect to the primary server with a user that may write"),
    ("unable to open database file", "cannot be opened; check that its folder exists and that you may write there"),
    ("not a database", "is not an SQLite database; move that file away, or point LOUPE_LABELS elsewhere"),
    ("malformed", "is damaged; restore it from a copy (keep the damaged file: `sqlite3 FILE .recover` may read it)"),
    ("disk is full", "cannot be written because the disk is full; free some space and retry"),
    ("no space left", "cannot be written because the disk is full; free some space and retry"),
    ("disk i/o error", "cannot be read or written (disk I/O error); check the disk and the free space"),
    ("password authentication failed", "refused the user name or password; correct them in LOUPE_LABELS"),
    ("does not exist", "lacks a database, user or table; create it, or correct LOUPE_LABELS"),
    ("connection", "cannot be reached; check that the server runs and that LOUPE_LABELS is right"),
)


def unavailable(error: SQLAlchemyError, place: str, hide: Callable[[str], str]) -> StoreUnavailable:
    """Turn a driver's error into one sentence that names the store and the way out.

    `place` is the store's file or its URL without the password; `hide` takes out of the driver's words what is secret.
    """
    cause = hide(" ".join(str(getattr(error, "orig", None) or error).split()))
    for sign, meaning in _MEANINGS:
        if sign in cause.lower():
            return StoreUnavailable(f"the label store {place} {meaning} ({cause})")
    return StoreUnavailable(f"the label store {place} failed: {cause}")
