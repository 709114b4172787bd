"""Names of people: one person has one, however it was typed, and two people have names that can be told apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from labelling.store.checks import check_name
from labelling.store.formulas import SIGNS, is_formula

# Letters of Greek and Cyrillic that look like a Latin one, after case folding: by their capitals, and the small ones too.
_LOOK = dict(zip("αβεζηικμνορτυχϲϳ", "abezhikmnoptyxcj", strict=True)) | dict(
    zip("авекмнорстухіјѕԁһԛԝѵ", "abekmhopctyxijsdhqwv", strict=True)
)
_LOOK_ALIKE = str.maketrans(_LOOK)
# Seen by nobody, beside the characters of category Cf: fillers, the blank of Braille, and selectors of variants.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def clean_name(name: str) -> str:
    """The name as it is kept: NFC, without characters that nobody sees (zero width, direction), single spaces.

    Raises ValueError where nothing is left, for control characters, a formula, and for more than 200 characters.
    """
    check_name("the observer's name", name)
    seen = "".join(each for each in _UNSEEN.sub("", name) if unicodedata.category(each) != "Cf")
    kept = " ".join(unicodedata.normalize("NFC", seen).split())
    check_name("the observer's name", kept)
    check_no_formula(kept)
    return kept


def check_no_formula(name: str) -> None:
    """Raise ValueError for a name that a spreadsheet would run as a formula."""
    if name.lstrip()[:1] in SIGNS or is_formula(name):
        raise ValueError(f"the observer's name cannot begin with = + - or @, as a formula does, not {name!r:.80}")


def look(name: str) -> str:
    """What two names have in common that can be mistaken for each other.

    Capitals, compatible forms (NFKC: wide or bold letters, ligatures), spaces, and letters of Greek and Cyrillic that look
    like Latin ones make no difference.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", clean_name(name)).casefold())
    return "".join(folded.translate(_LOOK_ALIKE).split())


class KnownNames:
    """The names of people that are known, to which others are added as they come."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        self._looks: dict[str, str] = {}
        for name in sorted(self._names):
            try:
                self._looks.setdefault(look(name), name)
            except ValueError:  # of a store from before there were rules
                continue

    def resolve(self, name: str) -> str:
        """The name under which somebody works who is called `name`: a known one as it is, else the cleaned one.

        Raises ValueError for a malformed name, and for one that can be mistaken for a known one.
        """
        if name in self._names:
            return name
        kept = clean_name(name)
        if kept in self._names:
            return kept
        alike = self._looks.get(look(kept))
        if alike is not None:
            raise ValueError(
                f"the name {kept!r:.80} can be mistaken for the observer {alike!r:.80}; write that one if it is the same "
                "person, else choose a name that differs in more than capitals, spaces or letters that look alike"
            )
        self._names.add(kept)
        self._looks[look(kept)] = kept
        return kept
