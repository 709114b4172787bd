"""What visitors answer on the pages before and after, checked and brought into the form in which it is stored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from labelling.desk.plates import digit_of, kind_of
from labelling.desk.sets import AnswerNotAllowed
from labelling.exchange.study_pages import ColourCheck, DisplayCheck, Question

_LONGEST = 500  # characters of a text, where the question does not say
_SQUARES = 4  # in each of the fields that show how black and white come out
_SIZES = ("screen_width", "screen_height", "width", "height")
_GAMUTS = ("", "srgb", "p3", "rec2020")


def question_answers(asked: Sequence[Question], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Answers by name; None for a question that was left out. Raises AnswerNotAllowed that names the question."""
    unknown = set(answers) - {question.name for question in asked}
    if unknown:
        raise AnswerNotAllowed(f"{min(unknown)[:40]}: nobody asked that here")
    return {question.name: _answer(question, answers.get(question.name)) for question in asked}


def colour_answers(check: ColourCheck, seed: str, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Per plate its kind, the digit shown and the one said ("" for none); how many were right, and if that is enough.

    `answers`: number of the plate, from "1" -> digit or "". Raises AnswerNotAllowed.
    """
    numbers = [str(number) for number in range(1, check.plates + 1)]
    _expect(answers, numbers)
    plates = []
    for number in numbers:
        said = answers[number]
        if not (isinstance(said, str) and len(said) <= 1 and said in "0123456789"):
            raise AnswerNotAllowed(f"plate {number}: a digit or nothing is expected")
        plates.append({"kind": kind_of(int(number)), "shown": digit_of(seed, int(number)), "said": said})
    right = sum(plate["shown"] == plate["said"] for plate in plates)
    return {"plates": plates, "right": right, "passed": check.plates - right <= check.errors}


def display_answers(check: DisplayCheck, answers: Mapping[str, Any]) -> dict[str, Any]:
    """The screen as the browser tells it and the visitor sees it. Raises AnswerNotAllowed.

    `ratio`: pixels of the screen per CSS pixel; sizes in CSS pixels; `depth` in bits; `gamma`: the exponent by which the
    grey that looks like half of all light was reached (half = (grey / 255) ** gamma), None where it was not asked.
    """
    seen = ("dark_seen", "bright_seen", "grey") if check.gamma else ()
    _expect(answers, ["ratio", *_SIZES, "depth", "gamut", *seen])
    found: dict[str, Any] = {"ratio": _number(answers, "ratio", 0.1, 20)}
    found |= {name: round(_number(answers, name, 1, 100_000)) for name in _SIZES}
    found["depth"] = round(_number(answers, "depth", 1, 100))
    if answers["gamut"] not in _GAMUTS:
        raise AnswerNotAllowed("gamut: not one that browsers tell")
    found["gamut"] = answers["gamut"]
    for name in seen[:2]:
        found[name] = round(_number(answers, name, 0, _SQUARES))
    found["gamma"] = None
    if check.gamma:
        found["gamma"] = round(math.log(0.5) / math.log(_number(answers, "grey", 1, 254) / 255), 2)
    found["passed"] = found["width"] >= check.min_width and found["height"] >= check.min_height
    if not found["passed"] and check.too_small == "wait":
        raise AnswerNotAllowed("this window is too small; make it larger")
    return found


def _expect(answers: Mapping[str, Any], names: Sequence[str]) -> None:
    if set(answers) != set(names):
        raise AnswerNotAllowed(f"answers are expected to {', '.join(names)}")


def _number(answers: Mapping[str, Any], name: str, least: float, most: float) -> float:
    value = answers[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise AnswerNotAllowed(f"{name}: a number from {least:g} to {most:g} is expected")
    return float(value)


def _answer(question: Question, value: Any) -> Any:
    if value is None or (isinstance(value, str) and not value.strip()):
        if question.required:
            raise AnswerNotAllowed(f"{question.name}: an answer is expected")
        return None
    if question.type == "number":
        least = -1e15 if question.min is None else question.min
        most = 1e15 if question.max is None else question.max
        number = _number({question.name: value}, question.name, least, most)
        return int(number) if number.is_integer() else number
    if not isinstance(value, str):
        raise AnswerNotAllowed(f"{question.name}: a text is expected")
    if question.type == "choice" and value not in (question.options or ()):
        raise AnswerNotAllowed(f"{question.name}: that is none of the options")
    longest = question.longest or _LONGEST
    if question.type == "text" and (len(value) > longest or "\x00" in value):
        raise AnswerNotAllowed(f"{question.name}: at most {longest} characters are taken")
    return value
