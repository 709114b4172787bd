"""The texts of the pages in a language: English in languages/en.yaml, any other from a file with the same keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from labelling.exchange.study_pages import StudyPagesError, load_yaml

_HERE = Path(__file__).parent / "languages"
_FIELD = re.compile(r"\{(\w+)\}")
_TAG = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*")
_PLURAL = re.compile(r"_(zero|one|two|few|many|other)$")
_LONGEST = 2000  # characters of a text


class LanguageError(ValueError):
    """A file of texts cannot be used; the message names every key that is wrong."""


@dataclass(frozen=True)
class Language:
    """Texts by key, with English where the language has none; `tag` is as in HTML's `lang` (BCP 47)."""

    tag: str
    texts: Mapping[str, str]
    given: Mapping[str, str] = field(default_factory=dict)  # those that are not the English ones
    missing: tuple[str, ...] = ()
    _said: Mapping[str, str] = field(default_factory=dict)  # what the server says in English -> its key

    def __call__(self, key: str, **values: Any) -> Markup:
        """The text for a page, `values` filled in; both are escaped, unless a value is markup already."""
        return Markup(_FIELD.sub(lambda found: str(escape(values[found[1]])), str(escape(self.texts[key]))))

    @property
    def for_scripts(self) -> dict[str, str]:
        """The texts that scripts show; help and what the server says are not among them."""
        return {key: text for key, text in self.texts.items() if not key.startswith(("help_", "said_"))}

    def said(self, sentence: str) -> str:
        """What the server says, in this language where its file has that sentence."""
        key = self._said.get(sentence)
        return sentence if key is None else self.texts[key]


@cache
def english() -> Language:
    """The texts that all others are measured by."""
    texts = dict(load_yaml(_HERE / "en.yaml"))
    said = {text: key for key, text in texts.items() if key.startswith("said_")}
    return Language(texts.pop("language"), texts, _said=said)


def language_of(tag: str, given: Mapping[str, str]) -> Language:
    """The language of texts that were checked before; English where `given` has none."""
    base = english()
    if not given:
        return base
    plurals = {_PLURAL.sub("", key) for key in given if _PLURAL.search(key)}
    missing = [key for key in base.texts if key not in given and _PLURAL.sub("", key) not in plurals]
    return Language(tag, {**base.texts, **given}, given, tuple(missing), base._said)


def read_language(path: Path) -> Language:
    """The texts in a YAML file, or of a language that Loupe has (de). Raises LanguageError.

    `language` is the tag of the language; every other key is one of English, or its form for another plural, and its
    text has the same words in braces.
    """
    if not path.suffix and (_HERE / f"{path.name}.yaml").is_file() and not path.exists():
        path = _HERE / f"{path.name}.yaml"
    try:
        content = load_yaml(path)
    except StudyPagesError as error:
        raise LanguageError(str(error)) from None
    if not isinstance(content, dict):
        raise LanguageError(f"{path} must be a mapping of keys to texts, as languages/en.yaml is")
    base = english().texts
    plurals = {_PLURAL.sub("", key): text for key, text in base.items() if _PLURAL.search(key)}
    wrong = []
    tag = content.pop("language", None)
    if not isinstance(tag, str) or not _TAG.fullmatch(tag):
        wrong.append(f"language must be the tag of the language, such as de or pt-BR, not {tag!r:.60}")
    for key, text in content.items():
        model = base.get(key) or plurals.get(_PLURAL.sub("", str(key)))
        if model is None:
            wrong.append(f"{str(key)[:60]}: there is no such text")
        elif not isinstance(text, str) or not text.strip() or len(text) > _LONGEST:
            wrong.append(f"{key}: must be a text of 1 to {_LONGEST} characters, not {text!r:.60}")
        elif not set(_FIELD.findall(text)) <= set(_FIELD.findall(model)):
            known = ", ".join(f"{{{name}}}" for name in sorted(set(_FIELD.findall(model)))) or "none"
            wrong.append(f"{key}: has other words in braces than English has ({known})")
    if wrong:
        raise LanguageError(f"{path} cannot be used:\n  " + "\n  ".join(wrong))
    return language_of(str(tag), content)
