"""The label store: pictures, pairs, what each round asks, every vote and rating. SQLite by default, PostgreSQL by URL.

Answers are added, never changed; taking one back adds a retraction. Pairs are keyed by the content of their pictures,
so a pair that comes up again has its votes already. A call that returns has stored durably; no call holds a transaction
while it waits for anything but the database. A Store may be shared by threads, and opened by any number of processes.
"""

from __future__ import annotations

from labelling.store.checks import MAX_CIRCLES, MAX_NOTE, check_name, check_rating, check_scores
from labelling.store.database.connection import default_path, project_root
from labelling.store.database.errors import (
    InvalidPair,
    InvalidRating,
    InvalidVote,
    LinkClosed,
    StoreError,
    StoreUnavailable,
    StoreVersionError,
    StudyFull,
    UnknownObserver,
    UnknownPicture,
    UnknownRound,
    UnknownVote,
    VoteConflict,
)
from labelling.store.formulas import neutralise, restore
from labelling.store.observers import Observers
from labelling.store.order import chosen, shuffled
from labelling.store.people import KnownNames, check_no_formula
from labelling.store.questions import question_id, same_question
from labelling.store.ratings import Ratings
from labelling.store.records import (
    CHOICES,
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
from labelling.store.tally import Log, Tallies, Tally
from labelling.store.undecidable import is_undecidable, undecidable_pairs
from labelling.store.visitors import MOST_VISITORS, VISITOR, Limits, Link, PageAnswer, Visitor, Visitors
from labelling.store.votes import Votes

__all__ = [
    "CHOICES", "KINDS", "MAX_CIRCLES", "MAX_NOTE", "MOST_VISITORS", "PURPOSES", "ROLES", "TIE", "UNSURE", "VERDICTS", "VISITOR",
    "Batch", "Circle", "Criterion", "InvalidPair", "InvalidRating", "InvalidVote", "KnownNames", "LabelsStatus",
    "Limits", "Link", "LinkClosed", "Log", "Observer", "OpenItem", "OpenPair", "OpenReview", "Options", "PageAnswer",
    "PairImages", "Progress", "Rating", "RatingItem", "SourceImage", "Store", "StoreError", "StoreUnavailable",
    "StoreVersionError", "StoredRating", "StoredVote", "StudyFull", "Tally", "Trial", "UnknownObserver",
    "UnknownPicture", "UnknownRound", "UnknownVote", "Visitor", "Vote", "VoteConflict", "batch_id", "check_name",
    "check_no_formula", "check_rating", "check_scores", "chosen", "default_path", "is_undecidable", "labels_status",
    "neutralise", "pair_key", "project_root", "question_id", "restore", "same_question", "shuffled",
    "undecidable_pairs",
]  # fmt: skip


class Store(Votes, Ratings, Observers, Visitors, Tallies):
    """An open label store; `Store.open()` makes one, `close()` or a `with` block ends it.

    Every method raises StoreUnavailable where the store cannot be read or written (locked, read-only, full, damaged,
    unreachable); nothing of that call is stored then.
    """


def labels_status(round: str, store: Store | None = None) -> LabelsStatus:
    """The one answer to "are a round's labels in?", for gate, flow and app; in `store` or in the store of the environment.

    Raises UnknownRound where no pairs of the round are registered, StoreUnavailable where the store cannot be read.
    """
    if store is not None:
        return store.status(round)
    with Store.open() as opened:
        return opened.status(round)
