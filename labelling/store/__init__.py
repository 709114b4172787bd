"""The label store: pictures, pairs, what each round asks, every vote and rating. SQLite by default, PostgreSQL by URL.

Answers are added, never changed; taking one back adds a retraction. Pairs are keyed by the content of their pictures,
so a pair that comes up again has its votes already. A call that returns has stored durably; no call holds a transaction
while it waits for anything but the database. A Store may be shared by threads, and opened by any number of processes.
"""

from __future__ import annotations

from labelling.store.database.connection import default_path
from labelling.store.database.errors import (
    InvalidPair,
    InvalidRating,
    InvalidVote,
    StoreError,
    StoreUnavailable,
    StoreVersionError,
    UnknownObserver,
    UnknownPicture,
    UnknownRound,
    UnknownVote,
    VoteConflict,
)
from labelling.store.observers import Observers
from labelling.store.ratings import Ratings
from labelling.store.records import (
    CHOICES,
    FUSION_CRITERIA,
    KINDS,
    PURPOSES,
    ROLES,
    TIE,
    UNSURE,
    VERDICTS,
    Batch,
    Circle,
    Criterion,
    LabelsStatus,
    Observer,
    OpenItem,
    OpenPair,
    OpenReview,
    Options,
    PairImages,
    Progress,
    Rating,
    RatingItem,
    SourceImage,
    StoredRating,
    StoredVote,
    Trial,
    Vote,
    batch_id,
    pair_key,
)
from labelling.store.tally import Tallies, Tally
from labelling.store.votes import Votes

__all__ = [
    "CHOICES", "FUSION_CRITERIA", "KINDS", "PURPOSES", "ROLES", "TIE", "UNSURE", "VERDICTS", "Batch", "Circle",
    "Criterion", "InvalidPair", "InvalidRating", "InvalidVote", "LabelsStatus", "Observer", "OpenItem", "OpenPair",
    "OpenReview", "Options", "PairImages", "Progress", "Rating", "RatingItem", "SourceImage", "Store", "StoreError",
    "StoreUnavailable", "StoreVersionError", "StoredRating", "StoredVote", "Tally", "Trial", "UnknownObserver",
    "UnknownPicture", "UnknownRound", "UnknownVote", "Vote", "VoteConflict", "batch_id", "default_path", "pair_key",
]  # fmt: skip


class Store(Votes, Ratings, Observers, Tallies):
    """An open label store; `Store.open()` makes one, `close()` or a `with` block ends it.

    Every method raises StoreUnavailable where the store cannot be read or written (locked, read-only, full, damaged,
    unreachable); nothing of that call is stored then.
    """
