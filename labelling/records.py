"""What goes into the label store and comes out of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

KINDS = ("people", "simulated", "llm")
TIE = "tie"
UNSURE = "unsure"


def pair_key(a: str, b: str) -> str:
    """Key of an unordered pair of pictures: sha256 hex over the two sorted picture sha256, one a line."""
    return hashlib.sha256("\n".join(sorted((a, b))).encode("ascii")).hexdigest()


def batch_id(round: str, kind: str, votes: int, question: str, keys: Iterable[str]) -> str:
    """Identity of one registration: the same round, kind, votes, question and set of pairs give the same id."""
    content = json.dumps([round, kind, votes, question, sorted(keys)], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(content.encode("ascii")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class PairImages:
    """One pair offered for labelling. Image id, model and file name are not among the fields: the store is blind.

    `first_png` and `second_png` are PNG bytes, or a function that reads them; it is called only for a picture that
    the store does not have yet.
    """

    key: str
    first_sha256: str
    second_sha256: str
    first_png: bytes | Callable[[], bytes]
    second_png: bytes | Callable[[], bytes]


@dataclass(frozen=True, kw_only=True)
class Vote:
    """One answer of one observer about one pair.

    `id` is made by whoever votes (a uuid): sending the same vote again is harmless. `preferred` is the sha256 of the
    better picture, or 'tie' or 'unsure'; `left` the sha256 of the picture shown left; `seconds` the time it took.
    """

    id: str
    key: str
    observer: str
    kind: str
    preferred: str
    left: str
    round: str
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class StoredVote(Vote):
    """A vote as stored. `made_at` is the time it was stored: UTC, ISO 8601."""

    made_at: str


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The registration that a round currently asks for."""

    id: str
    round: str
    kind: str
    votes_per_pair: int
    question: str
    pairs: int


@dataclass(frozen=True, kw_only=True)
class LabelsStatus:
    """How far the labelling of a round is.

    `need` is pairs x votes_per_pair; `have` is the sum over pairs of min(votes_per_pair, distinct observers of the
    batch's kind with an effective vote), so extra votes on one pair never stand in for missing ones on another.
    """

    round: str
    kind: str
    pairs: int
    votes_per_pair: int
    have: int
    need: int
    complete: bool
    batch: str


@dataclass(frozen=True, kw_only=True)
class OpenPair:
    """A pair that still owes votes: its key and its two pictures, in no meaningful order."""

    key: str
    pictures: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far one observer is in a round: pairs voted on, and pairs this observer could still vote on."""

    done: int
    left: int
