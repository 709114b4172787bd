"""Which column of a table of votes is what, and what its cells say: by options, else by the names that people use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labelling.exchange.csv_files import column_name

ROLES = ("observer", "scene", "first", "second", "choice", "left", "purpose")
NEEDED = ("first", "second", "choice")

# The earlier of two that are there is meant. Pairs go together: condition_1 with condition_2.
_PAIRS = (
    ("first_method", "second_method"), ("condition_1", "condition_2"), ("condition_a", "condition_b"),
    ("condition1", "condition2"),
    ("method_a", "method_b"), ("method_1", "method_2"), ("model_a", "model_b"), ("model_1", "model_2"), ("system_a", "system_b"),
    ("item_a", "item_b"), ("item_1", "item_2"), ("option_a", "option_b"), ("stimulus_a", "stimulus_b"), ("player_a", "player_b"),
    ("image_a", "image_b"), ("image_1", "image_2"), ("first", "second"), ("first_sha256", "second_sha256"), ("a", "b"),
    ("left", "right"), ("left_method", "right_method"), ("left_image", "right_image"),
)  # fmt: skip
_SINGLE = {
    "observer": ("observer", "observer_id", "participant", "participant_id", "subject", "subject_id", "rater", "annotator",
                 "worker", "worker_id", "user", "user_id", "judge", "person", "voter", "who"),
    "scene": ("scene", "photo", "photograph", "content", "image", "picture", "source", "stimulus", "scene_id", "image_id",
              "question_id", "prompt"),
    "choice": ("choice", "selection", "preferred", "winner", "answer", "vote", "preference", "response", "selected", "result",
               "is_a_selected", "label"),
    "left": ("left", "shown_left", "left_is"),
    "purpose": ("purpose",),
}  # fmt: skip
COLUMNS = frozenset(name for pair in _PAIRS for name in pair) | {name for names in _SINGLE.values() for name in names}

FIRST_WORDS = frozenset({"first", "a", "1st", "one", "condition_1", "condition_a", "method_a", "model_a", "option_a"})
SECOND_WORDS = frozenset({"second", "b", "2nd", "two", "condition_2", "condition_b", "method_b", "model_b", "option_b"})
TIE_WORDS = frozenset({"tie", "tied", "ties", "draw", "equal", "same", "neither", "both", "none", "no_preference",
                       "about_the_same", "the_same", "a=b", "=", "0.5", ".5", "0,5", "tie_(bothbad)", "both_bad"})  # fmt: skip
UNSURE_WORDS = frozenset({"unsure", "can't_tell", "cannot_tell", "don't_know", "skip", "skipped", "?"})


class VoteFileError(ValueError):
    """A file holds no votes that can be read; the message says what is missing and which option names it."""


@dataclass(frozen=True)
class Roles:
    """columns: role -> column that holds it; notes: what was guessed, a sentence each."""

    columns: Mapping[str, str]
    notes: tuple[str, ...]


def roles_of(path: str, names: Sequence[str], said: Mapping[str, str]) -> Roles:
    """said: role -> column by option. Raises VoteFileError: a column that is not there, or no column for what is needed."""
    holds = ", ".join(filter(None, names)) or "nothing"
    holds = f"{holds[:299]}…" if len(holds) > 300 else holds
    found: dict[str, str] = {}
    for role, column in said.items():
        if column_name(column) not in names:
            raise VoteFileError(f"{path} has no column {column!r} for --{role}; it holds {holds}")
        found[role] = column_name(column)
    if "first" not in found and "second" not in found:
        pair = next((pair for pair in _PAIRS if set(pair) <= set(names) - set(found.values())), None)
        if pair is not None:
            found |= {"first": pair[0], "second": pair[1]}
    for role, known in _SINGLE.items():
        if role not in found:
            free = [name for name in known if name in names and name not in found.values()]
            if free:
                found[role] = free[0]
    if missing := [role for role in NEEDED if role not in found]:
        options = " and ".join(f"--{role} COLUMN" for role in missing)
        raise VoteFileError(
            f"{path} has no column that is known as {' or '.join(missing)}: name it by {options}; it holds {holds}"
        )
    guessed = [f"{role} is {found[role]}" for role in ROLES if role in found and role not in said]
    notes = [f"columns by their names: {', '.join(guessed)}"] if guessed else []
    if "observer" not in found:
        notes.append("no column of observers (--observer COLUMN): all votes count as one person's")
    if "scene" not in found:
        notes.append("no column of scenes (--scene COLUMN): all votes count as of one photograph")
    return Roles(found, tuple(notes))


def meanings(
    path: str, words: Sequence[str], choice: str, said: Sequence[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """What each word of the column `choice` means: first, second, left, right, tie or unsure; and notes on what was guessed.

    said: the words of first, second and (perhaps) tie, by option; else words, or numbers: 1 and 2 are the first and the
    second; 1, 0 and 0.5 are the first one's share of the vote. Raises VoteFileError where numbers may mean both.
    """
    if said:
        if len(said) not in (2, 3) or len(set(said)) < len(said):
            raise VoteFileError("--choices takes the words of first, second and perhaps a tie, such as --choices 1,2,0")
        return dict(zip((word.strip().casefold() for word in said), ("first", "second", "tie"), strict=False)), ()
    plain = {word: column_name(word) for word in words}
    numbers = {word: value for word in words if (value := _number(word)) is not None}
    values = set(numbers.values())
    found: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    if values and not values - {1.0, 2.0} and 2.0 in values:
        found |= {word: "first" if value == 1 else "second" for word, value in numbers.items()}
        notes = (f"{choice} is 1 and 2: taken as the first and the second one preferred (else --choices 2,1)",)
    elif values and not values - {0.0, 0.5, 1.0}:
        found |= {word: {0.0: "second", 0.5: "tie", 1.0: "first"}[value] for word, value in numbers.items()}
        notes = (f"{choice} is 1 and 0: 1 is taken as the first one preferred (else --choices 0,1)",)
    elif values and not values - {-1.0, 0.0, 1.0}:
        raise VoteFileError(f"{path}: {choice} holds -1, 0 and 1; say which is what by --choices FIRST,SECOND,TIE")
    elif values and not values - {0.0, 1.0, 2.0}:
        raise VoteFileError(
            f"{path}: {choice} holds 0, 1 and 2, which may mean two things; say it by --choices FIRST,SECOND,TIE"
        )
    for word, name in plain.items():
        for group, meaning in (
            (FIRST_WORDS, "first"),
            (SECOND_WORDS, "second"),
            (TIE_WORDS, "tie"),
            (UNSURE_WORDS, "unsure"),
        ):
            if name in group:
                found[word] = meaning
        if name in ("left", "right"):
            found[word] = name
    return found, notes


def _number(word: str) -> float | None:
    try:
        return float(word.replace(",", "."))
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(word.casefold())
