"""Who a request comes from, and what a request that cannot be answered is told."""

from __future__ import annotations

import logging

from fastapi import HTTPException, Request

from labelling.desk.desks import NotYours
from labelling.desk.pictures import NoRoom, NoTile
from labelling.desk.sets import AnswerNotAllowed, SavedButUncounted, UnknownShowing
from labelling.desk.tiles import BrokenPicture
from labelling.desk.tokens import Doorkeeper, NoAccess, Session
from labelling.store import (
    InvalidRating,
    InvalidVote,
    LinkClosed,
    Observer,
    StoreError,
    StudyFull,
    UnknownPicture,
    UnknownRound,
    UnknownVote,
    VoteConflict,
)

COOKIE = "loupe"

# What a request can cause -> status and sentence (None: the error's own, which names nothing that is secret).
_REFUSALS: tuple[tuple[type[Exception], int, str | None], ...] = (
    (NoAccess, 403, None),
    (NotYours, 403, None),
    (UnknownShowing, 404, None),
    (NoTile, 404, None),
    (AnswerNotAllowed, 400, None),
    (LinkClosed, 403, None),
    (StudyFull, 403, None),
    (UnknownPicture, 404, "there is no such picture here"),
    (UnknownRound, 409, "this set is not labelled here any more; open your personal link again"),
    (InvalidVote, 400, "this answer does not fit what was shown"),
    (InvalidRating, 400, "these scores or circles do not fit what was shown"),
    (VoteConflict, 409, "this answer is already stored with other content"),
    (UnknownVote, 409, "that answer cannot be taken back"),
)
_LOGGED: tuple[tuple[type[Exception], int, str], ...] = (
    (SavedButUncounted, 503, "the answer is saved, and the count could not be read; the server's terminal says why"),
    (StoreError, 503, "the label store cannot be used right now; the server's terminal says why"),
    (BrokenPicture, 500, "this picture cannot be read; tell whoever runs this server"),
    (NoRoom, 503, "there is no room to show this picture right now; the server's terminal says why"),
)
_NOT_SAVED = "the label store cannot be used right now, so this is NOT saved; the server's terminal says why"
EXPECTED = tuple(kind for kind, *_ in (*_REFUSALS, *_LOGGED))

_log = logging.getLogger(__name__)


def session_of(
    door: Doorkeeper, request: Request, *, saving: bool = False, picture: bool = False
) -> Session:  # fmt: skip
    """The session of a request's cookie. Raises HTTPException 401 without one, 403 for one that is not valid.

    A `picture` is given to whoever was admitted a moment ago.
    """
    token = request.cookies.get(COOKIE)
    if not token:
        raise HTTPException(401, "open your personal link first")
    try:
        return door.admit_again(token) if picture else door.admit(token)
    except EXPECTED as error:
        raise HTTPException(*refusal(error, saving=saving)) from error


def check_manager(observer: Observer) -> None:
    """Raises NotYours for anybody but a manager."""
    if observer.role != "manager":
        raise NotYours("this page is for whoever runs the labelling")


def refusal(error: Exception, *, saving: bool = False) -> tuple[int, str]:
    """Status and sentence for an error; what is wrong with the store is for the log alone.

    `saving` tells that the request was to store something, which did not happen.
    """
    for kind, status, sentence in _REFUSALS:
        if isinstance(error, kind):
            return status, str(error) if sentence is None else sentence
    for kind, status, sentence in _LOGGED:
        if isinstance(error, kind):
            _log.error("%s", error)
            return status, _NOT_SAVED if saving and kind is StoreError else sentence
    return 500, "something went wrong; the server's terminal says what"
