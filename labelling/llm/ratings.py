"""Rating one picture: what the model is told, what it must answer, and what becomes of it in the label store."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelling.llm.asking import InvalidAnswer, Request
from labelling.llm.words import SHOWN, loaded, number_in, object_of, shown_pictures
from labelling.store import MAX_CIRCLES, Circle, Criterion, Rating, StoredRating

_NAMESPACE = uuid.UUID("1b3b3a9e-7a6f-4a2b-8d6e-0d9a0b0f6f11")
_NOTE = 300


@dataclass(frozen=True)
class RatedAnswer:
    """Scores by criterion, 1 to 5; circles (x, y, radius), relative: of width, of height, of the longer side."""

    scores: dict[str, int]
    circles: tuple[tuple[float, float, float], ...]
    note: str


@dataclass(frozen=True)
class Example:
    """A picture that an expert rated, with its sources (name, sha256) and its size (width, height)."""

    rating: StoredRating
    sources: tuple[tuple[str, str], ...]
    size: tuple[int, int]


def instructions(criteria: Sequence[Criterion], question: str) -> str:
    """What the model is told once: the criteria in their own words, and the form of the answer."""
    told = [
        f"You rate pictures as an expert would. {question}",
        "Each picture to rate comes with the pictures that it was made of. Give each criterion a whole number from 1 to 5:",
    ]
    for one in criteria:
        steps = "; ".join(f"{score}: {words}" for score, words in enumerate(one.scale, 1) if words)
        told.append(f"- {one.name} ({one.title}). {steps}.")
    told += [
        "Then mark every artifact of the rated picture (halos, ghosts, noise, blur, burnt or lost places) by a circle, no more "
        f"than {MAX_CIRCLES}; none where there are none.",
        "x and y are the centre as a part of width and height, from 0 to 1, from the upper left corner; radius is a part of the "
        "longer side, above 0 and at most 1.",
        f"Answer with one JSON object: scores, circles, and a note of at most {_NOTE} characters that says what you saw.",
    ]
    return "\n".join(told)


def schema_of(criteria: Sequence[Criterion]) -> dict[str, Any]:
    """JSON schema of the answer, in the subset that strict structured output takes."""
    number = {"type": "number"}
    return object_of(
        {
            "scores": object_of({one.name: {"type": "integer", "enum": [1, 2, 3, 4, 5]} for one in criteria}),
            "circles": {"type": "array", "items": object_of({"x": number, "y": number, "radius": number})},
            "note": {"type": "string"},
        }
    )


def parse(text: str, criteria: Sequence[Criterion]) -> RatedAnswer:
    """The answer in the text. Raises InvalidAnswer."""
    found = loaded(text, ("scores", "circles", "note"))
    scores, names = found["scores"], [one.name for one in criteria]
    if not isinstance(scores, Mapping) or set(scores) != set(names):
        raise InvalidAnswer(f"scores must have exactly {', '.join(names)}")
    for name, score in scores.items():
        if isinstance(score, bool) or not isinstance(score, int) or not 1 <= score <= 5:
            raise InvalidAnswer(f"the score of {name} must be a whole number from 1 to 5")
    circles = found["circles"]
    if not isinstance(circles, list) or len(circles) > MAX_CIRCLES:
        raise InvalidAnswer(f"circles must be a list of at most {MAX_CIRCLES}")
    if not isinstance(found["note"], str):
        raise InvalidAnswer("note must be a text")
    return RatedAnswer(
        dict(scores),
        tuple(_circle(number, one) for number, one in enumerate(circles, 1)),
        "".join(letter for letter in found["note"] if letter.isprintable() or letter == " ")[:_NOTE],
    )


def _circle(number: int, one: Any) -> tuple[float, float, float]:
    if not isinstance(one, Mapping) or set(one) != {"x", "y", "radius"}:
        raise InvalidAnswer(f"circle {number} must have x, y and radius")
    x, y = (number_in(f"{name} of circle {number}", one[name], 0, 1) for name in ("x", "y"))
    radius = number_in(f"radius of circle {number}", one["radius"], 0, 1)
    if radius <= 0:
        raise InvalidAnswer(f"radius of circle {number} must be above 0")
    return x, y, radius


def examples_of(rated: Sequence[Example], count: int) -> list[Example]:
    """`count` of the experts' ratings, one a picture, evenly from the worst to the best."""
    of_item: dict[str, Example] = {}
    for one in sorted(rated, key=lambda one: (one.rating.item, one.rating.observer)):
        of_item.setdefault(one.rating.item, one)
    order = sorted(of_item.values(), key=lambda one: (sum(one.rating.scores.values()), one.rating.item))
    if count >= len(order):
        return order
    if count <= 1:
        return order[len(order) // 2 :][:count]
    return [order[round(place * (len(order) - 1) / (count - 1))] for place in range(count)]


def rating_request(
    item: str, sources: Sequence[tuple[str, str]], criteria: Sequence[Criterion], question: str, examples: Sequence[Example]
) -> Request[RatedAnswer]:  # fmt: skip
    """The question about one picture, after the examples."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": instructions(criteria, question)}]
    for one in examples:
        messages += [_shown(one.rating.item, one.sources), {"role": "assistant", "content": answer_of(one, criteria)}]
    messages.append(_shown(item, sources))
    return Request(item, messages, schema_of(criteria), lambda text: parse(text, criteria))


def _shown(item: str, sources: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {"role": "user", "content": shown_pictures([*sources, (SHOWN, item)])}


def answer_of(example: Example, criteria: Sequence[Criterion]) -> str:
    """What the model should have said of a picture that an expert rated."""
    width, height = example.size
    circles = [
        {
            "x": round(c.x / width, 3),
            "y": round(c.y / height, 3),
            "radius": round(min(1, c.radius / max(example.size)), 3),
        }
        for c in example.rating.circles
    ]
    scores = {one.name: example.rating.scores[one.name] for one in criteria}
    return json.dumps({"scores": scores, "circles": circles, "note": example.rating.note[:_NOTE]}, ensure_ascii=False)


def ratings_of(
    answers: Mapping[str, RatedAnswer], sizes: Mapping[str, tuple[int, int]], model: str, round: str
) -> list[Rating]:
    """The answers as ratings of the round, circles in pixels. Their ids follow from what they say: storing again is harmless."""
    found = []
    for item, answer in sorted(answers.items()):
        width, height = sizes[item]
        circles = tuple(
            Circle(x=x * width, y=y * height, radius=max(radius * max(width, height), 0.5))
            for x, y, radius in answer.circles
        )
        said = json.dumps([answer.scores, answer.circles, answer.note], sort_keys=True)
        found.append(
            Rating(
                id=str(uuid.uuid5(_NAMESPACE, f"{round}/{model}/{item}/{said}")), item=item, observer=model, kind="llm",
                scores=answer.scores, circles=circles, note=answer.note, round=round,
            )
        )  # fmt: skip
    return found
