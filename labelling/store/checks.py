"""Checks of what is offered to the label store, before anything is written."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from labelling.store.database.errors import InvalidPair, InvalidRating, InvalidVote
from labelling.store.records import (
    KINDS,
    TIE,
    UNSURE,
    VERDICTS,
    Options,
    PairImages,
    Rating,
    RatingItem,
    SourceImage,
    Trial,
    Vote,
    pair_key,
)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # lone surrogates cannot be stored either
MAX_CIRCLES = 200
MAX_NOTE = 4000


def findable(text: str) -> str:
    """`text` as it can be looked up: what no database takes (NUL, lone surrogates) becomes "", which nothing has."""
    return "" if re.search("[\x00\ud800-\udfff]", text) else text


def check_name(what: str, value: str) -> None:
    """Raise ValueError unless `value` is 1 to 200 printable characters; `what` names it in the message."""
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or _UNPRINTABLE.search(value):
        raise ValueError(f"{what} must be 1 to 200 printable characters, not {value!r:.80}")


def check_kind(kind: str) -> None:
    """Raise ValueError unless `kind` is one of KINDS."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind of observer {kind!r:.80}; known: {', '.join(KINDS)}")


def check_asked(round: str, kind: str, votes: int, question: str, options: Options) -> None:
    """Raise ValueError for a malformed argument of a registration."""
    check_name("round", round)
    check_kind(kind)
    if isinstance(votes, bool) or not isinstance(votes, int) or not 1 <= votes < 2**31:
        raise ValueError(f"votes per pair must be a whole number from 1: {votes!r}")
    if not question.strip() or re.search("[\x00\ud800-\udfff]", question) or len(question) > 2000:
        raise ValueError(f"the question of round {round} must be 1 to 2000 characters")
    if not (isinstance(options.repeats, int | float) and 0 <= options.repeats <= 0.5):
        raise ValueError(f"the share of repeats must be from 0 to 0.5, not {options.repeats!r}")
    training = options.training
    if isinstance(training, bool) or not isinstance(training, int) or not 0 <= training < 2**31:
        raise ValueError(f"the number of training pairs must be a whole number from 0, not {options.training!r}")
    budget = options.budget
    if budget is not None and (isinstance(budget, bool) or not isinstance(budget, int) or not 1 <= budget < 2**31):
        raise ValueError(f"the budget of votes must be a whole number from 1, not {budget!r}")
    if options.goal and budget is None:
        raise ValueError(f"round {round} is to be asked adaptively, and needs a budget of votes")
    names = [criterion.name for criterion in options.criteria]
    for criterion in options.criteria:
        check_name("the name of a criterion", criterion.name)
        if len(criterion.scale) != 5 or names.count(criterion.name) > 1:
            raise ValueError(f"criterion {criterion.name} must come once and say what each of 1 to 5 means")
    for artifact in options.classes:
        check_name("a class of artifacts", artifact)


def check_sources(subject: str, sources: Sequence[SourceImage]) -> None:
    """Raise InvalidPair for a malformed sha256 or name, or a name that comes twice."""
    names = [source.name for source in sources]
    for source in sources:
        try:
            check_name("the name of a source", source.name)
        except ValueError as error:
            raise InvalidPair(f"{subject}: {error}") from None
        if names.count(source.name) > 1:
            raise InvalidPair(f"{subject}: source {source.name} comes twice; leave one out")
        if not _SHA256.fullmatch(source.sha256):
            raise InvalidPair(f"{subject}: {source.sha256!r:.80} is not a sha256 in hex")


def check_items(items: Sequence[RatingItem]) -> None:
    """Raise InvalidPair for a malformed sha256 or source, or an item that comes twice."""
    seen = set()
    for item in items:
        if not _SHA256.fullmatch(item.sha256):
            raise InvalidPair(f"{item.sha256!r:.80} is not a sha256 in hex")
        if item.sha256 in seen:
            raise InvalidPair(f"picture {item.sha256} comes twice; leave one out")
        seen.add(item.sha256)
        check_sources(f"picture {item.sha256}", item.sources)


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
        check_sources(f"pair {pair.key}", pair.sources)


def check_vote(vote: Vote) -> None:
    """Raise InvalidVote for a malformed field; what needs the store is left to `check_membership`."""
    try:
        for what in ("id", "observer", "round"):
            check_name(what, getattr(vote, what))
        check_kind(vote.kind)
    except ValueError as error:
        raise InvalidVote(f"vote {vote.id!r:.80}: {error}; nothing was stored") from None
    if not (isinstance(vote.key, str) and _SHA256.fullmatch(vote.key)):
        raise InvalidVote(f"vote {vote.id}: no pair {vote.key!r:.80} is registered; nothing was stored")
    if vote.seconds is not None and not (_finite(vote.seconds) and vote.seconds >= 0):
        raise InvalidVote(f"vote {vote.id}: seconds must be a finite number from 0, not {vote.seconds!r:.80}")
    if isinstance(vote, Trial) and vote.purpose not in ("repeat", "training"):
        raise InvalidVote(f"trial {vote.id}: its purpose must be repeat or training, not {vote.purpose!r:.80}")


def check_membership(vote: Vote, members: dict[str, tuple[str, str]]) -> None:
    """Raise InvalidVote unless `members` (pair key -> its two pictures) has the vote's pair with its pictures."""
    if vote.key not in members:
        raise InvalidVote(f"vote {vote.id}: no pair {vote.key!r:.80} is registered; nothing was stored")
    if vote.preferred not in (*members[vote.key], TIE, UNSURE):
        raise InvalidVote(f"vote {vote.id}: preferred picture {vote.preferred!r:.80} is not of pair {vote.key}")
    if vote.left not in members[vote.key]:
        raise InvalidVote(f"vote {vote.id}: left picture {vote.left!r:.80} is not of pair {vote.key}")


def check_rating(rating: Rating) -> None:
    """Raise InvalidRating for a malformed field; what needs the store is left to `check_scores`."""
    try:
        for what in ("id", "observer", "round"):
            check_name(what, getattr(rating, what))
        check_kind(rating.kind)
    except ValueError as error:
        raise InvalidRating(f"rating {rating.id!r:.80}: {error}; nothing was stored") from None
    wrong = ""
    if not (isinstance(rating.item, str) and _SHA256.fullmatch(rating.item)):
        wrong = f"its item {rating.item!r:.80} is not the sha256 of a picture"
    elif rating.seconds is not None and not (_finite(rating.seconds) and rating.seconds >= 0):
        wrong = f"seconds must be a finite number from 0, not {rating.seconds!r:.80}"
    elif not isinstance(rating.note, str) or len(rating.note) > MAX_NOTE:
        wrong = f"the note must be a text of at most {MAX_NOTE} characters"
    elif len(rating.circles) > MAX_CIRCLES:
        wrong = f"at most {MAX_CIRCLES} circles can be drawn, not {len(rating.circles)}"
    elif (rating.reviews is None) != (rating.verdict is None):
        wrong = "a review has both a rating that it reviews and a verdict"
    elif rating.verdict is not None and rating.verdict not in VERDICTS:
        wrong = f"the verdict must be one of {', '.join(VERDICTS)}, not {rating.verdict!r:.80}"
    if wrong:
        raise InvalidRating(f"rating {rating.id}: {wrong}; nothing was stored")


def check_scores(rating: Rating, criteria: Sequence[str], size: tuple[int, int], classes: Sequence[str] = ()) -> None:
    """Raise InvalidRating unless the scores fit the round's criteria, and the circles its classes and the picture's
    (width, height).
    """
    rejected_bare = rating.verdict == "rejected" and not rating.scores
    if not rejected_bare and set(rating.scores) != set(criteria):
        raise InvalidRating(
            f"rating {rating.id}: scores are asked for exactly {', '.join(criteria)}; nothing was stored"
        )
    for name, score in rating.scores.items():
        if isinstance(score, bool) or not isinstance(score, int) or not 1 <= score <= 5:
            raise InvalidRating(f"rating {rating.id}: {name} must be a whole number from 1 to 5, not {score!r:.80}")
    width, height = size
    for circle in rating.circles:
        if not all(_finite(value) for value in (circle.x, circle.y, circle.radius)):
            raise InvalidRating(f"rating {rating.id}: a circle has three finite numbers; nothing was stored")
        if not (0 <= circle.x <= width and 0 <= circle.y <= height and 0 < circle.radius <= max(size)):
            raise InvalidRating(
                f"rating {rating.id}: the centre of a circle lies in the picture ({width} x {height}), its radius is "
                f"above 0 and at most {max(size)}; nothing was stored"
            )
        if circle.artifact not in ("", *classes):
            raise InvalidRating(
                f"rating {rating.id}: {circle.artifact!r:.80} is no class of artifacts here (there: "
                f"{', '.join(classes) or 'none'}); nothing was stored"
            )


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf
