"""What a page may send: the shape of every request's JSON, and how it is read."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from fastapi import HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labelling.desk.tokens import MAX_TOKEN
from labelling.store import MAX_CIRCLES, MAX_NOTE

MAX_BODY = 64 * 1024  # bytes; a vote has about 500
MAX_SKIPPED = 50

_Token = Annotated[str, Field(min_length=1, max_length=MAX_TOKEN, pattern=r"^[A-Za-z0-9_-]+$")]
_Uuid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
_Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
_Pixels = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Score = Annotated[int, Field(ge=1, le=5)]
_Note = Annotated[str, Field(max_length=MAX_NOTE, pattern=r"^[^\x00]*$")]

_Answer = Annotated[str, Field(max_length=4000)] | float | None


class Body(BaseModel):
    """Every field must be known and of the right type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NoBody(Body):
    """An empty object."""


class SetBody(Body):
    """A set."""

    set: _Token


class EnterBody(Body):
    """The token of a personal link."""

    link: _Token


class JoinBody(EnterBody):
    """The token of an open link, the browser's key for it, and whether the person wants to begin."""

    browser: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
    begin: bool


class PageBody(Body):
    """What a visitor answered on a page."""

    page: Annotated[str, Field(min_length=1, max_length=40)]
    answers: Annotated[dict[_Name, _Answer], Field(max_length=200)] = {}


class NextBody(SetBody):
    """A set, and the showings on screen or not yet sent, which are not to be shown again."""

    skip: Annotated[list[_Token], Field(max_length=MAX_SKIPPED)] = []


class ShowingBody(Body):
    """A showing."""

    showing: _Token


class VoteBody(ShowingBody):
    """An answer about a pair."""

    id: _Uuid
    answer: Literal["left", "right", "tie", "unsure"]
    seconds: _Seconds


class CircleBody(Body):
    """A circle, in pixels of the picture, and the class of the artifact in it."""

    x: _Pixels
    y: _Pixels
    radius: _Pixels
    artifact: Annotated[str, Field(max_length=200)] = ""


class RateBody(ShowingBody):
    """Scores and circles of a picture."""

    id: _Uuid
    scores: Annotated[dict[_Name, _Score], Field(max_length=50)]
    circles: Annotated[list[CircleBody], Field(max_length=MAX_CIRCLES)] = []
    note: _Note = ""
    seconds: _Seconds


class ReviewBody(RateBody):
    """A verdict on a rating, with the expert's own scores and circles."""

    verdict: Literal["accepted", "corrected", "rejected"]


B = TypeVar("B", bound=Body)


async def read(request: Request) -> bytes:
    """The body of a request. Raises HTTPException 415 where it is no JSON, 413 where it is larger than MAX_BODY."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "JSON is expected")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413, "the request is too large")
    return bytes(body)


def parse(content: bytes, model: type[B]) -> B:
    """The body as `model`. Raises HTTPException 400 that names the first field that is wrong."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part)[:40] for part in first["loc"]) or "request"
        raise HTTPException(400, f"malformed {place}: {first['msg']}") from error
