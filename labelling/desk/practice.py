"""Feedback after practice pairs: by a known better side, else by what most people said. Practice never counts."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from sqlalchemy import bindparam, select

from labelling.store import CHOICES, Store
from labelling.store.database import schema

LEAST = 3  # votes on a pair before most people are spoken of
SHARE = 2 / 3  # of them for the same picture
_members, _pairs = schema.batch_pairs, schema.pairs
_place = (
    select(_members.c.position, _pairs.c.low, _pairs.c.high)
    .join(_pairs, _pairs.c.key == _members.c.pair)
    .where(_members.c.batch == bindparam("batch"), _members.c.pair == bindparam("key"))
)


def tells(store: Store, round: str, key: str) -> bool:
    """True where something can be said after a practice answer about the pair."""
    return _better(store, round, key) is not None


def feedback(store: Store, round: str, key: str, pictures: tuple[str, str], said: str) -> tuple[str, str] | None:
    """right or wrong where the better picture is known, most_agree or most_differ where most votes name one; and its side.

    `pictures` are left and right; `said` is the sha256 of the preferred one, or tie or unsure, which is neither. None
    where nothing can be said.
    """
    found = _better(store, round, key)
    if found is None or found[0] not in pictures:
        return None
    better, known = found
    side = "left" if better == pictures[0] else "right"
    agreed = said == better
    return (("right" if agreed else "wrong") if known else "most_agree" if agreed else "most_differ"), side


def _better(store: Store, round: str, key: str) -> tuple[str, bool] | None:
    """The better picture of a pair, and whether the study says so (True) or most people (False)."""
    link = store.link_of(round)
    if link is None:
        return None
    stored: dict[str, Any] = json.loads(link.pages)
    if key in stored.get("truths", {}):
        return stored["truths"][key], True
    if not stored.get("pages", {}).get("practice", {}).get("majority"):
        return None
    with store.log(round) as (log, db):
        row = db.execute(_place, {"batch": log.batch.id, "key": key}).first()
        if row is None:
            return None
        of = (log.votes["position"] == row.position) & log.votes["stands"]
        counts = np.bincount(log.votes["choice"][of], minlength=len(CHOICES))[: CHOICES.index("unsure")]
    for picture, choice in ((row.low, "low"), (row.high, "high")):
        if counts.sum() >= LEAST and counts[CHOICES.index(choice)] >= SHARE * counts.sum():
            return str(picture), False
    return None
