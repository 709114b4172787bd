"""What people who come by an open link see before and after the pairs of a study, as one YAML file says it.

title: Which photo looks better?
consent: |               # must be accepted; when it was is stored
  We compare ways of brightening photos ...
instructions: |
  Look at both photos ...
questions:
  - {name: age, text: How old are you?, type: number, min: 18, max: 120}
  - {name: seen, text: Have you taken part before?, type: choice, options: ["yes", "no"]}
  - {name: remarks, text: Anything else?, type: text, when: after, required: false}
colour_check: {plates: 5, errors: 1, failed: mark}
display_check: {min_width: 1000, min_height: 600, too_small: wait, gamma: true}
practice: {better: [reference], majority: false}
thanks: Thank you. We publish the results in spring.
quota: 40                # pairs a person; people, votes, hold: for the study
language: deutsch.yaml   # beside this file; or the name of one that Loupe has

Consent, instructions, thanks and the texts of questions may use Markdown's emphasis, lists, headings and links; HTML in
them is shown as it is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from labelling.exchange.manifest import Manifest
from labelling.store import MOST_VISITORS
from pictures import FileFault, read_text

_Text = Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"\S")]
_Line = Annotated[str, Field(min_length=1, max_length=300, pattern=r"\S")]
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
_Failed = Literal["mark", "exclude"]


class StudyPagesError(ValueError):
    """The file of a study's pages cannot be used; the message names every place that is wrong."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Question(_Part):
    """Something that a visitor is asked: one of `options`, a number from `min` to `max`, or a text."""

    name: _Name
    text: _Text
    type: Literal["choice", "number", "text"]
    when: Literal["before", "after"] = "before"
    required: bool = True
    options: Annotated[list[_Line], Field(min_length=2, max_length=50)] | None = None
    min: float | None = None
    max: float | None = None
    longest: Annotated[int, Field(ge=1, le=4000)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        own = {"choice": ("options",), "number": ("min", "max"), "text": ("longest",)}[self.type]
        for key in ("options", "min", "max", "longest"):
            if key not in own and getattr(self, key) is not None:
                raise ValueError(f"{key} does not belong to a question of the type {self.type}")
        if self.type == "choice" and self.options is None:
            raise ValueError("a choice needs its options, such as [a little, a lot]")
        if self.options is not None and len(set(self.options)) < len(self.options):
            raise ValueError("an option comes twice")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        return self


class ColourCheck(_Part):
    """Plates of dots with a digit. More than `errors` wrong ones is a failure, which is marked, or excludes."""

    plates: Annotated[int, Field(ge=1, le=20)] = 5
    errors: Annotated[int, Field(ge=0, le=20)] = 1
    failed: _Failed = "mark"


class DisplayCheck(_Part):
    """What the pictures are seen on; the sizes are of the window, in CSS pixels."""

    min_width: Annotated[int, Field(ge=0, le=10_000)] = 0
    min_height: Annotated[int, Field(ge=0, le=10_000)] = 0
    too_small: Literal["wait", "mark", "exclude"] = "wait"
    gamma: bool = True


class Practice(_Part):
    """What a visitor is told after a practice pair.

    `better`: methods whose picture is the right answer beside that of any other one. `majority`: where that says nothing,
    what most people said about the pair so far.
    """

    better: list[_Line] = []
    majority: bool = False

    @field_validator("better", mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class StudyPages(_Part):
    """The whole file; every part but the title may be left out, and then there is no such page."""

    title: _Line
    consent: _Text | None = None
    instructions: _Text | None = None
    questions: Annotated[list[Question], Field(max_length=100)] = []
    colour_check: ColourCheck | None = None
    display_check: DisplayCheck | None = None
    practice: Practice = Practice()
    thanks: _Text | None = None
    quota: Annotated[int, Field(ge=1)] | None = None
    people: Annotated[int, Field(ge=1, le=MOST_VISITORS)] | None = None
    votes: Annotated[int, Field(ge=1)] | None = None
    hold: Annotated[float, Field(gt=0, le=24 * 365, allow_inf_nan=False)] = 24.0
    language: _Line | None = None

    @field_validator("questions")
    @classmethod
    def _once(cls, value: list[Question]) -> list[Question]:
        names = [question.name for question in value]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the name {twice} comes twice")
        return value

    def asked(self, when: str) -> list[Question]:
        """The questions that come before, or after, the pairs."""
        return [question for question in self.questions if question.when == when]


def read_study_pages(path: Path) -> StudyPages:
    """The pages in a YAML file (version 1.2, where `yes` is a text). Raises StudyPagesError with all that is wrong."""
    content = load_yaml(path)
    if not isinstance(content, dict):
        raise StudyPagesError(f"{path} must be a mapping that begins with `title: ...`")
    try:
        return StudyPages.model_validate(content)
    except ValidationError as error:
        told = [f"{_place(each['loc'])}: {_said(each)}" for each in error.errors(include_url=False)]
        raise StudyPagesError(f"{path} cannot be used:\n  " + "\n  ".join(told)) from None


def load_yaml(path: Path) -> Any:
    """What a YAML file holds; a key that comes twice is an error. Raises StudyPagesError."""
    from ruamel.yaml import YAML, YAMLError

    try:
        text = read_text(path, encoding="utf-8-sig")
        return YAML(typ="safe", pure=True).load(text)
    except FileFault as error:
        raise StudyPagesError(str(error)) from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else f"{path}"
        why = str(getattr(error, "problem", None) or "malformed").splitlines()[0]
        raise StudyPagesError(f"{where}: not YAML ({why})") from None
    except RecursionError:
        raise StudyPagesError(f"{path}: nested too deep") from None


def truths(pages: StudyPages, made: Manifest, training: int) -> dict[str, str]:
    """Key -> sha256 of the better picture, for the practice pairs (the first `training`) of which `practice.better` tells.

    Raises StudyPagesError for an unknown method, and where no practice pair is of such a method and another one.
    """
    better = set(pages.practice.better)
    unknown = sorted(better - set(made.methods))
    if unknown:
        raise StudyPagesError(
            f"practice.better names {', '.join(unknown)}; the study's methods are {', '.join(made.methods)}"
        )
    found: dict[str, str] = {}
    for pair in list({pair.key: pair for pair in made.pairs}.values())[:training]:
        if (pair.first_method in better) != (pair.second_method in better):
            found[pair.key] = pair.first_sha256 if pair.first_method in better else pair.second_sha256
    if better and not found:
        raise StudyPagesError(
            f"none of the study's {training} practice pairs shows {' or '.join(sorted(better))} beside another method; "
            "create the study with more of them (--training N), or leave practice.better out"
        )
    return found


def _place(parts: tuple[int | str, ...]) -> str:
    """`questions 2.options` for ("questions", 1, "options")."""
    place = ""
    for part in parts:
        place += f" {part + 1}" if isinstance(part, int) else f".{part}"
    return place.lstrip(".") or "the file"


def _said(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key"
    message = str(error["msg"]).removeprefix("Value error, ")
    return message if error["type"] in ("missing", "value_error") else f"{message}, not {error['input']!r:.60}"
