"""Observers scoring the pictures of a round and marking artifacts, and experts reviewing what others scored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from labelling.desk.sets import AnswerNotAllowed, Ending, Showing, State, Work, after_saving, round_seconds
from labelling.store import Circle, Criterion, Observer, Rating, StoredRating

_RATED_BEFORE = "This picture you had rated before (in another window?): that rating counts, not this one."
_REVIEWED_BEFORE = (
    "This rating was reviewed before (by somebody else, or in another window): that review counts, not yours."
)


class RatingDesk:
    """The ratings, or with `review` the reviews, of every observer on one round; used by many threads."""

    def __init__(self, work: Work, round: str, ending: Ending, *, review: bool) -> None:
        self.round = round
        self.review = review
        self._work = work
        self._ending = ending

    def next(self, observer: Observer, skip: Sequence[Showing]) -> tuple[dict[str, Any] | None, State]:
        """The next picture to rate or rating to review, else None, and the state; `skip` are passed over."""
        shown = self._next_review(observer, skip) if self.review else self._next_item(observer, skip)
        return shown, self.state(observer)

    def rate(
        self, observer: Observer, id: str, shown: Showing, *, verdict: str | None, scores: Mapping[str, int],
        circles: Sequence[Circle], note: str, seconds: float,
    ) -> State:  # fmt: skip
        """Store a rating, or a review with its `verdict`, under the id that the page made; retries as with votes.

        The state's `notice` says where another one counts instead. Raises AnswerNotAllowed for scores or circles that
        the round does not ask for, and as PairDesk.vote.
        """
        if shown.question_id not in ("", self._question()):
            raise AnswerNotAllowed("what is asked here was changed meanwhile; reload the page")
        if verdict != "accepted":  # an accepted rating is taken over from the store, whatever the page sends
            bare = verdict == "rejected" and not scores
            options = self._work.store.options(self.round)
            size = self._work.pictures.size(shown.first)
            _check(scores, {} if bare else self._criteria(), circles, size, options.classes)
        rating = Rating(
            id=id, item=shown.first, observer=observer.name, kind="people", round=self.round,
            scores={} if verdict == "accepted" else dict(scores), circles=() if verdict == "accepted" else tuple(circles),
            note=note, seconds=round_seconds(seconds), reviews=shown.second or None, verdict=verdict,
        )  # fmt: skip
        was_complete = self._complete()
        new = self._work.store.add_ratings([rating])
        return after_saving(
            lambda: replace(self._counted(observer, late=was_complete and bool(new)), notice=self._notice(id))
        )

    def skip(self, observer: Observer, shown: Showing) -> State:
        """Put a picture or a rating off: it comes back when nothing else is left."""
        self._work.store.skip_pair(self.round, observer.name, _subject(shown))
        return self.state(observer)

    def undo(self, observer: Observer) -> State:
        """Take back this observer's newest answer in this round, where there is one."""
        last = self._work.store.last_answer(self.round, observer.name)
        if last is not None:
            self._work.store.retract(last, observer.name)
        return self.state(observer)

    def state(self, observer: Observer) -> State:
        """The state as it is now."""
        store = self._work.store
        count = store.review_progress if self.review else store.item_progress
        progress, complete = count(self.round, observer.name), self._complete()
        return State(
            done=progress.done, left=progress.left, undo=store.last_answer(self.round, observer.name) is not None,
            complete=complete, message=self._ending.message(complete), spent=round_seconds(progress.seconds),
        )  # fmt: skip

    def _next_item(self, observer: Observer, skip: Sequence[Showing]) -> dict[str, Any] | None:
        found = self._work.store.next_item(self.round, observer.name, [_subject(shown) for shown in skip])
        if found is None:
            return None
        self._work.pictures.prepare([found.item, *(picture for _, picture in found.sources)])
        return {
            "id": self._work.names.showing(observer, self.round, "rate", found.item, question_id=self._question()),
            "draft": self._work.names.draft(observer, self.round, found.item, self._question()),
            "picture": self._work.show(observer, found.item),
            "sources": self._work.show_sources(observer, found.sources),
        }

    def _next_review(self, observer: Observer, skip: Sequence[Showing]) -> dict[str, Any] | None:
        found = self._work.store.next_review(self.round, observer.name, [_subject(shown) for shown in skip])
        if found is None:
            return None
        item = found.rating.item
        self._work.pictures.prepare([item, *(picture for _, picture in found.sources)])
        ratings = (found.rating, *found.others)
        return {
            "id": self._work.names.showing(
                observer, self.round, "review", item, found.rating.id, question_id=self._question()
            ),
            "draft": self._work.names.draft(observer, self.round, found.rating.id, self._question()),
            "picture": self._work.show(observer, item),
            "sources": self._work.show_sources(observer, found.sources),
            "ratings": _anonymous(ratings),
            "disagreement": disagreement(self._criteria(), [rating.scores for rating in ratings]),
        }

    def _notice(self, id: str) -> str | None:
        if self._work.store.counts_instead(id) is None:
            return None
        return _REVIEWED_BEFORE if self.review else _RATED_BEFORE

    def _counted(self, observer: Observer, late: bool) -> State:
        asked_for = "reviews" if self.review else "ratings"
        if self._work.store.batch(self.round).task == asked_for and not late and self._complete():
            self._ending.begin()
        return self.state(observer)

    def _complete(self) -> bool:
        return self._work.store.status(self.round).complete

    def _question(self) -> str:
        return self._work.store.batch(self.round).question_id

    def _criteria(self) -> dict[str, Criterion]:
        return {criterion.name: criterion for criterion in self._work.store.options(self.round).criteria}


def disagreement(criteria: Mapping[str, Criterion], scores: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Largest minus smallest score of every criterion; a criterion that fewer than two scored has 0."""
    spread = {}
    for name in criteria:
        given = [each[name] for each in scores if name in each]
        spread[name] = max(given) - min(given) if given else 0
    return spread


def _subject(shown: Showing) -> str:
    return shown.second if shown.purpose == "review" else shown.first


def _anonymous(ratings: Sequence[StoredRating]) -> list[dict[str, Any]]:
    people, said = 0, []
    for rating in ratings:
        people += rating.kind != "llm"
        who = "LLM" if rating.kind == "llm" else f"observer {people}"
        circles = [asdict(circle) for circle in rating.circles]
        said.append({"who": who, "scores": dict(rating.scores), "circles": circles, "note": rating.note})
    return said


def _check(
    scores: Mapping[str, int], criteria: Mapping[str, Criterion], circles: Sequence[Circle], size: tuple[int, int],
    classes: Sequence[str],
) -> None:  # fmt: skip
    """The same rules as the store's, which names pictures and people in its sentences."""
    if set(scores) != set(criteria):
        raise AnswerNotAllowed(f"scores are asked for exactly {', '.join(criteria) or 'nothing'}")
    for name, score in scores.items():
        if not 1 <= score <= 5:
            raise AnswerNotAllowed(f"the score of {name} must be a whole number from 1 to 5")
    width, height = size
    for number, circle in enumerate(circles, 1):
        if not all(math.isfinite(value) for value in (circle.x, circle.y, circle.radius)):
            raise AnswerNotAllowed(f"circle {number} must have three finite numbers")
        if not (0 <= circle.x <= width and 0 <= circle.y <= height and 0 < circle.radius <= max(size)):
            raise AnswerNotAllowed(
                f"circle {number} must have its centre in the picture and a radius above 0, at most its longer side"
            )
        if circle.artifact not in ("", *classes):
            raise AnswerNotAllowed(f"circle {number} is of no class of artifacts that is asked for here")
