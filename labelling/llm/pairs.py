"""Comparing two pictures: asked in both orders, because models favour a side; a flip is a tie."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelling.llm.asking import InvalidAnswer, Request
from labelling.llm.words import loaded, object_of, shown_pictures
from labelling.store import TIE, Vote, question_id

_NAMESPACE = uuid.UUID("9d0f5a53-5b8e-4f5b-9a55-7a9b1fd2ce21")
_CHOICES = ("first", "second", "same")
_REASON = 300


@dataclass(frozen=True)
class PairAnswer:
    """better: 'first', 'second' or 'same', of the order in which the pictures were shown."""

    better: str
    reason: str


@dataclass(frozen=True)
class Verdicts:
    """votes: one a pair of which both orders were answered. flips: pairs on which the orders contradict one another; decided:
    those on which both chose the same picture.
    """

    votes: list[Vote]
    flips: int
    decided: int


def _name(key: str, order: int) -> str:
    return f"{key}/{order}"


def pair_requests(
    key: str, pictures: tuple[str, str], sources: Sequence[tuple[str, str]], question: str
) -> list[Request[PairAnswer]]:
    """The question about a pair in both orders."""
    told = (
        f"You compare two versions of a photo as a careful viewer would. {question} "
        + ("You also see what both were made of. " if sources else "")
        + f"Answer with one JSON object: better ('first', 'second', or 'same' where you see no difference that matters), and "
        f"reason, at most {_REASON} characters."
    )
    schema = object_of({"better": {"type": "string", "enum": list(_CHOICES)}, "reason": {"type": "string"}})
    return [
        Request(
            _name(key, order),
            [
                {"role": "system", "content": told},
                {"role": "user", "content": shown_pictures([*sources, ("first", shown[0]), ("second", shown[1])])},
            ],
            schema,
            _parse,
        )
        for order, shown in enumerate((pictures, pictures[::-1]))
    ]


def _parse(text: str) -> PairAnswer:
    found = loaded(text, ("better", "reason"))
    if found["better"] not in _CHOICES or not isinstance(found["reason"], str):
        raise InvalidAnswer(f"better must be one of {', '.join(_CHOICES)}, and reason a text")
    return PairAnswer(found["better"], found["reason"][:_REASON])


def verdicts(
    answers: Mapping[str, PairAnswer], pairs: Mapping[str, tuple[str, str]], question: str, model: str, round: str
) -> Verdicts:
    """What both orders come to. pairs: key -> the two pictures, in the first order. A pair with one order only has no vote."""
    votes: list[Vote] = []
    flips = decided = 0
    for key, shown in pairs.items():
        one, two = (answers.get(_name(key, order)) for order in (0, 1))
        if one is None or two is None:
            continue
        said = [_chosen(one.better, shown), _chosen(two.better, shown[::-1])]
        flips += TIE not in said and said[0] != said[1]
        decided += TIE not in said and said[0] == said[1]
        preferred = said[0] if said[0] == said[1] else TIE
        told = f"{round}/{model}/{key}/{question_id(question)}/{preferred}"
        votes.append(
            Vote(
                id=str(uuid.uuid5(_NAMESPACE, told)), key=key, observer=model, kind="llm", preferred=preferred, left=shown[0],
                round=round,
            )
        )  # fmt: skip
    return Verdicts(votes, flips, decided)


def _chosen(better: str, shown: tuple[str, str]) -> str:
    return TIE if better == "same" else shown[_CHOICES.index(better)]


def described(verdict: Verdicts) -> dict[str, Any]:
    """For a summary: pairs, how many were decided, ties that both orders agree on, and flips of position."""
    ties = len(verdict.votes) - verdict.flips - verdict.decided
    return {"pairs": len(verdict.votes), "decided": verdict.decided, "ties": ties, "flips": verdict.flips}
