"""What goes into the label store and comes out of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from labelling.store.questions import question_id

KINDS = ("people", "simulated", "llm")
ROLES = ("observer", "expert", "manager")
PURPOSES = ("vote", "repeat", "training")  # in the order of Tally.purpose
CHOICES = ("low", "high", "tie", "unsure")  # in the order of Tally.choice
VERDICTS = ("accepted", "corrected", "rejected")
TIE = "tie"
UNSURE = "unsure"


def pair_key(a: str, b: str) -> str:
    """Key of an unordered pair of pictures: sha256 hex over the two sorted picture sha256, one a line."""
    return hashlib.sha256("\n".join(sorted((a, b))).encode("ascii")).hexdigest()


def batch_id(round: str, kind: str, votes: int, question: str, keys: Iterable[str], task: str = "pairs") -> str:
    """Identity of one registration: the same round, kind, votes, question and set of pairs (or items) give the same."""
    parts = [round, kind, votes, question, sorted(keys), *([] if task == "pairs" else [task])]
    content = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(content.encode("ascii")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class SourceImage:
    """A picture that a fusion was made from, shown beside it: 'infrared', 'visible', 'under', 'over'."""

    name: str
    sha256: str
    png: bytes | Callable[[], bytes]


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
    sources: tuple[SourceImage, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RatingItem:
    """One picture offered for rating, with what it was made from."""

    sha256: str
    png: bytes | Callable[[], bytes]
    sources: tuple[SourceImage, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """Something a picture is scored for; `scale` says what 1, 2, 3, 4 and 5 mean, "" where that goes without saying."""

    name: str
    title: str
    scale: tuple[str, str, str, str, str]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a round is shown. Not part of the batch's identity: registering again changes them.

    `repeats` is the share (0 to 0.5) of an observer's pairs shown again with the sides swapped; `training` the number
    of pairs shown first whose answers do not count; `criteria` what a round of ratings scores; `classes` the kinds of
    artifacts that its circles are told apart by, where they are. `budget`: votes after which a round of pairs is complete,
    whichever pairs they are on; None: when every pair has its votes. `goal`: what the next pair is chosen for, given all
    votes so far ("order", "best"; see models.preference.adaptive); "": everybody has an order of their own.
    """

    allow_tie: bool = False
    allow_unsure: bool = False
    repeats: float = 0.0
    training: int = 0
    criteria: tuple[Criterion, ...] = ()
    classes: tuple[str, ...] = ()
    budget: int | None = None
    goal: str = ""

    def to_json(self) -> str:
        values = asdict(self)
        if not self.budget and not self.goal:  # what an older Loupe does not know, it cannot read
            del values["budget"], values["goal"]
        return json.dumps(values, ensure_ascii=True, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Options:
        """Read what `to_json` wrote; fields that are absent have their defaults."""
        values: dict[str, Any] = json.loads(text)
        criteria = tuple(
            Criterion(name=c["name"], title=c["title"], scale=tuple(c["scale"])) for c in values.pop("criteria", ())
        )
        return cls(criteria=criteria, classes=tuple(values.pop("classes", ())), **values)


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
class Trial(Vote):
    """An answer that is no vote: a hidden 'repeat' of a pair, or a 'training' pair. Kept, and never counted."""

    purpose: str


@dataclass(frozen=True, kw_only=True)
class Circle:
    """A region with artifacts, in pixels of the picture at full resolution.

    `artifact` is one of the round's classes of artifacts; "" where it has none, or none was chosen.
    """

    x: float
    y: float
    radius: float
    artifact: str = ""


@dataclass(frozen=True, kw_only=True)
class Rating:
    """Scores of 1 to 5 and marked regions of one picture by one observer; or an expert's review of such a rating.

    `item` is the sha256 of the picture; `scores` has exactly the round's criteria. A review names in `reviews` the
    rating it is about, and its `verdict`: 'accepted' has the same scores and circles (empty ones are filled in),
    'corrected' the expert's own, 'rejected' may have none.
    """

    id: str
    item: str
    observer: str
    kind: str
    scores: Mapping[str, int]
    circles: tuple[Circle, ...] = ()
    note: str = ""
    round: str
    seconds: float | None = None
    reviews: str | None = None
    verdict: str | None = None


@dataclass(frozen=True, kw_only=True)
class StoredRating(Rating):
    """A rating as stored. `made_at` is the time it was stored: UTC, ISO 8601."""

    made_at: str


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The registration that a round currently asks for.

    `task` is 'pairs', 'ratings', or 'reviews' (of what a language model rated); in the latter two `pairs` counts the pictures,
    `votes_per_pair` the raters, or 1.
    """

    id: str
    round: str
    kind: str
    votes_per_pair: int
    question: str
    pairs: int
    task: str = "pairs"
    options: Options = field(default_factory=Options)

    def need(self, undecidable: int) -> int:
        """Votes (or ratings) after which the round is complete, where that many of its pairs are undecidable."""
        most = (self.pairs - undecidable) * self.votes_per_pair
        return most if self.options.budget is None else min(most, self.options.budget)

    @property
    def asked(self) -> tuple[tuple[str, ...], ...]:
        """Name, title and scale of the criteria of a round of ratings; () where pairs are compared."""
        return () if self.task == "pairs" else tuple((c.name, c.title, *c.scale) for c in self.options.criteria)

    @cached_property
    def question_id(self) -> str:
        """What the batch's answers are answers to: those of other batches with the same id count here, too."""
        return question_id(self.question, self.asked)


@dataclass(frozen=True, kw_only=True)
class Observer:
    """Somebody who may work by personal link. Votes carry the `name`; links carry the `id` and the `serial`.

    `role` is 'observer', 'expert' (may review), 'manager' (may watch) or 'visitor' (came by an open link); a link of an
    older `serial` is void.
    """

    id: str
    name: str
    role: str
    serial: int
    added_at: str
    revoked_at: str | None


@dataclass(frozen=True, kw_only=True)
class LabelsStatus:
    """How far the labelling of a round is.

    `have` is the sum over pairs of min(votes_per_pair, distinct observers of the batch's kind with an effective vote),
    so extra votes on one pair never stand in for missing ones on another; `need` is pairs x votes_per_pair. Where the
    round has a budget of votes, neither is more than that. A "can't tell" is no vote: `unsure` counts them, and
    `undecidable` the pairs that lack votes and of which so many observers said so (see labelling.store.undecidable) that
    nobody is asked any more. Those pairs are in neither `have` nor `need`.
    """

    round: str
    kind: str
    pairs: int
    votes_per_pair: int
    have: int
    need: int
    complete: bool
    batch: str
    unsure: int = 0
    undecidable: int = 0
    task: str = "pairs"

    @property
    def what(self) -> str:
        """What is counted: votes, ratings, reviews; of a language model its answers, which no waiting brings."""
        if self.kind == "llm":
            return "answers of the language model"
        return "votes" if self.task == "pairs" else self.task

    def words(self) -> str:
        """What there is to say beside the votes, such as "; 3 can't tell, 1 pair undecidable"; "" for nothing."""
        if not self.unsure:
            return ""
        pairs = (
            f", {self.undecidable} pair{'s' if self.undecidable != 1 else ''} undecidable" if self.undecidable else ""
        )
        return f"; {self.unsure} can't tell{pairs}"


@dataclass(frozen=True, kw_only=True)
class OpenPair:
    """A pair to show next: its key, its two pictures, in no meaningful order, and the question about them.

    `purpose` is 'vote', 'repeat' or 'training' (an answer to the latter two is a Trial). `left` is the picture that a
    repeat must show left. `sources` are (name, sha256) of what the pictures were made from.
    """

    key: str
    pictures: tuple[str, str]
    question: str
    question_id: str
    purpose: str = "vote"
    left: str | None = None
    sources: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class OpenItem:
    """A picture to rate next; `sources` as in OpenPair."""

    item: str
    sources: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class OpenReview:
    """A rating to review next, and what others said about the same picture."""

    rating: StoredRating
    others: tuple[StoredRating, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far one observer is in a round: things done, things this observer could still do, seconds spent on them.

    Repeats and training pairs are among both, also those still to come, so that the sum hardly moves.
    """

    done: int
    left: int
    seconds: float = 0.0
