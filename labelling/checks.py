"""Checks of what is offered to the label store, before anything is written."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from labelling.errors import InvalidPair, InvalidVote
from labelling.records import KINDS, TIE, UNSURE, PairImages, Vote, pair_key

_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


def check_name(what: str, value: str) -> None:
    """Raise ValueError unless `value` is 1 to 200 printable characters; `what` names it in the message."""
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or _UNPRINTABLE.search(value):
        raise ValueError(f"{what} must be 1 to 200 printable characters, not {value!r:.80}")


def check_kind(kind: str) -> None:
    """Raise ValueError unless `kind` is one of KINDS."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind of observer {kind!r:.80}; known: {', '.join(KINDS)}")


def check_pairs(pairs: Sequence[PairImages]) -> None:
    """Raise InvalidPair for a wrong key, a malformed sha256, a pair of one picture, or a pair that comes twice."""
    seen = set()
    for pair in pairs:
        for sha256 in (pair.first_sha256, pair.second_sha256):
            if not _SHA256.fullmatch(sha256):
                raise InvalidPair(f"pair {pair.key}: {sha256!r:.80} is not a sha256 in hex")
        if pair.key != pair_key(pair.first_sha256, pair.second_sha256):
            raise InvalidPair(f"pair {pair.key!r:.80} does not have the key of its pictures; use pair_key()")
        if pair.first_sha256 == pair.second_sha256:
            raise InvalidPair(f"pair {pair.key} shows one picture twice; leave it out, there is nothing to compare")
        if pair.key in seen:
            raise InvalidPair(f"pair {pair.key} comes twice; leave one out")
        seen.add(pair.key)


def check_vote(vote: Vote) -> None:
    """Raise InvalidVote for a malformed field; what needs the store is left to `check_membership`."""
    try:
        for what in ("id", "observer", "round"):
            check_name(what, getattr(vote, what))
        check_kind(vote.kind)
    except ValueError as error:
        raise InvalidVote(f"vote {vote.id!r:.80}: {error}; nothing was stored") from None
    seconds = vote.seconds
    if seconds is not None and not (isinstance(seconds, int | float) and math.isfinite(seconds) and seconds >= 0):
        raise InvalidVote(f"vote {vote.id}: seconds must be a finite number from 0, not {seconds!r:.80}")


def check_membership(vote: Vote, members: dict[str, tuple[str, str]]) -> None:
    """Raise InvalidVote unless `members` (pair key -> its two pictures) has the vote's pair with its pictures."""
    if vote.key not in members:
        raise InvalidVote(f"vote {vote.id}: no pair {vote.key!r:.80} is registered; nothing was stored")
    if vote.preferred not in (*members[vote.key], TIE, UNSURE):
        raise InvalidVote(f"vote {vote.id}: preferred picture {vote.preferred!r:.80} is not of pair {vote.key}")
    if vote.left not in members[vote.key]:
        raise InvalidVote(f"vote {vote.id}: left picture {vote.left!r:.80} is not of pair {vote.key}")
