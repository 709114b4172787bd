"""What a round of ratings scores, as a YAML file says it.

criteria:
  - name: contrast          # of the column score_contrast, and of the key in imported ratings
    text: Local contrast    # above the five scores
    worst: flat             # what 1 means
    best: clear everywhere  # what 5 means
classes: [halo, noise]      # optional: what circles around artifacts are told apart by
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labelling.store import Criterion, check_name

MOST_CRITERIA = 12
MOST_CLASSES = 30
_LONGEST = 200  # characters of a text
_KEYS = ("name", "text", "best", "worst")


# The four criteria for fused pictures.
FUSION_CRITERIA = (
    Criterion(
        name="thermal",
        title="Thermal retention",
        scale=(
            "hot things of the infrared picture are lost",
            "most hot things are faint or incomplete",
            "hot things are there, some weakened",
            "hot things are clear, with small losses",
            "every hot thing stands out as in the infrared picture",
        ),
    ),
    Criterion(
        name="texture",
        title="Texture retention",
        scale=(
            "texture of the visible picture is lost",
            "most texture is blurred away",
            "coarse texture is kept, fine texture is lost",
            "nearly all texture is kept",
            "all texture is kept as in the visible picture",
        ),
    ),
    Criterion(
        name="artifacts",
        title="Freedom from artifacts",
        scale=(
            "artifacts spoil the picture",
            "artifacts are plain to see and disturb",
            "artifacts are visible, and disturb a little",
            "artifacts are hard to find",
            "no artifacts",
        ),
    ),
    Criterion(
        name="sharpness",
        title="Sharpness",
        scale=(
            "blurred everywhere",
            "edges are soft in most places",
            "edges are acceptable",
            "sharp, with a few soft places",
            "sharp everywhere",
        ),
    ),
)


class CriteriaError(ValueError):
    """A file of criteria, or a list of classes, cannot be used; the message names the place."""


def load_criteria(path: Path) -> tuple[tuple[Criterion, ...], tuple[str, ...]]:
    """The criteria and the classes of artifacts in a YAML file. Raises CriteriaError."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CriteriaError(f"{path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError:
        raise CriteriaError(f"{path} is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else f"{path}"
        raise CriteriaError(f"{where}: not YAML ({getattr(error, 'problem', None) or 'malformed'})") from None
    except RecursionError:
        raise CriteriaError(f"{path}: nested too deep") from None
    if not isinstance(content, dict) or not set(content) <= {"criteria", "classes"}:
        raise CriteriaError(f"{path} must be a mapping with `criteria`, and perhaps `classes`")
    found = content.get("criteria")
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_CRITERIA:
        raise CriteriaError(f"{path}: criteria must be a list of 1 to {MOST_CRITERIA}")
    criteria = tuple(_criterion(f"{path}: criterion {number}", each) for number, each in enumerate(found, 1))
    for part in ("name", "title"):
        values = [getattr(criterion, part) for criterion in criteria]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise CriteriaError(f"{path}: the {'text' if part == 'title' else part} {twice!r} comes twice")
    classes = content.get("classes", [])
    if not isinstance(classes, list):
        raise CriteriaError(f"{path}: classes must be a list, such as [halo, noise]")
    return criteria, check_classes(f"{path}: ", classes)


def check_classes(place: str, classes: Sequence[Any]) -> tuple[str, ...]:
    """The classes, each without blanks around it. Raises CriteriaError that begins with `place`."""
    if len(classes) > MOST_CLASSES:
        raise CriteriaError(f"{place}at most {MOST_CLASSES} classes of artifacts, not {len(classes)}")
    found = tuple(_text(f"{place}class {number}", each) for number, each in enumerate(classes, 1))
    twice = next((each for each in found if found.count(each) > 1), None)
    if twice is not None:
        raise CriteriaError(f"{place}the class {twice!r} comes twice")
    return found


def _criterion(place: str, values: Any) -> Criterion:
    if not isinstance(values, dict):
        raise CriteriaError(f"{place} must be a mapping with {', '.join(_KEYS)}")
    missing = [key for key in _KEYS if key not in values]
    unknown = sorted(str(key) for key in set(values) - set(_KEYS))
    if missing or unknown:
        told = f"lacks {', '.join(missing)}" if missing else f"has an unknown key {', '.join(unknown)[:80]}"
        raise CriteriaError(f"{place} {told}; it has {', '.join(_KEYS)}")
    name, title, best, worst = (_text(f"{place}, {key}", values[key]) for key in _KEYS)
    if not name.replace("_", "").replace("-", "").isalnum() or not name.isascii() or len(name) > 40:
        raise CriteriaError(f"{place}: the name {name!r:.60} must be 1 to 40 ASCII letters, digits, - and _")
    return Criterion(name=name, title=title, scale=(worst, "", "", "", best))


def _text(place: str, value: Any) -> str:
    if not isinstance(value, str):
        raise CriteriaError(f'{place} must be a text, not {value!r:.40} (put it into "quotes")')
    try:
        check_name("it", value)
    except ValueError:
        raise CriteriaError(f"{place} must be 1 to {_LONGEST} printable characters, not {value!r:.40}") from None
    return value.strip()
