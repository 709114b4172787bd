"""The texts of the pages are in one file: no page and no script holds English of its own, and every text is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markupsafe import Markup

from labelling.web.language import LanguageError, english, language_of, read_language

WEB = Path(__file__).resolve().parents[3] / "labelling" / "web"
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
SCRIPTS = sorted((WEB / "static").glob("*.js"))
# Names of keys, as they are printed on keyboards.
KEYS = {"Space", "Ctrl", "Enter", "Esc", "Shift", "Tab", "Delete"}
_WORDS = re.compile(r"[A-Za-z]{2,}")


def strings(script: str) -> list[str]:
    """The strings of a script, without its comments; what stands between them in a template is left out."""
    code = re.sub(r"(?m)(^|\s)//.*$", "", script)
    found = re.findall(r'"((?:[^"\\\n]|\\.)*)"', code)
    return found + [re.sub(r"\$\{[^}]*\}", "", each) for each in re.findall(r"`([^`]*)`", code)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_page_holds_words(path: Path) -> None:
    page = re.sub(
        r"\{#.*?#\}|\{\{.*?\}\}|\{% block kind %\}\w+|\{%.*?%\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    page = re.sub(r"<!doctype html>", "", page)
    spoken = re.findall(r'\b(?:aria-label|title|alt|placeholder)="([^"]*)"', page)
    words = set(_WORDS.findall(" ".join([*spoken, re.sub(r"<[^>]*>", " ", page)])))
    assert words <= KEYS, words - KEYS


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_holds_sentences(path: Path) -> None:
    found = [
        each
        for each in strings(path.read_text(encoding="utf-8"))
        if re.search(r"^[A-Z][a-z]+ [a-z]|[a-z]{2} [a-z]{2,} [a-z]{2,}|[a-z].*…", each)
    ]
    assert found == []


def test_every_text_is_used_and_every_key_is_there() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in [*TEMPLATES, *SCRIPTS])
    texts = english().texts
    computed = ("set_", "study_", "squares_", "feedback_", "waiting_", "load_failed_", "said_")
    plain = {re.sub(r"_(one|other)$", "", key) for key in texts}
    assert [key for key in plain if not key.startswith(computed) and f'"{key}"' not in source] == []
    asked = set(re.findall(r'\bt(?:n)?\("(\w+)"', source))
    assert sorted(key for key in asked - plain if not key.endswith("_")) == []


def test_what_the_server_says_is_among_the_texts() -> None:
    said = {text for key, text in english().texts.items() if key.startswith("said_")}
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (WEB.parent).rglob("*.py"))
    joined = re.sub(r'"\s*\n\s*"', "", sources)
    assert [text for text in said if text not in joined] == []


def test_german_has_all_that_a_visitor_sees() -> None:
    german = read_language(Path("de"))
    others = ("said_", "help_", "load_failed_", "set", "waiting_", "alpha", "you_are", "points_apart", "score_by")
    comparing = {"begin", "agree", "a_is_better", "pairs_done", "code_is", "missing_other", "grey_text", "study_full"}
    assert german.tag == "de"
    assert not comparing & set(german.missing)
    assert not [
        key for key in german.missing if key.startswith(("study_", "join_", "colour_", "display_", "feedback_"))
    ]
    assert german.said("this study is closed") == "diese Studie ist geschlossen"
    assert german.said("no sentence of ours") == "no sentence of ours"
    assert any(key.startswith(others) for key in german.missing)  # and the rest stays English
    assert german.texts["review_title"] == english().texts["review_title"]


def test_a_file_of_texts_is_checked_whole(tmp_path: Path) -> None:
    path = tmp_path / "xx.yaml"
    path.write_text("language: klingon!\nbegin: ''\nnonsense: x\ndone_of: '{done} / {sum}'\nmissing_few: '{n} …'\n")
    with pytest.raises(LanguageError) as told:
        read_language(path)
    said = str(told.value)
    for place in (
        "language must be",
        "begin: must be a text",
        "nonsense: there is no such text",
        "done_of: has other words",
    ):
        assert place in said
    assert "missing_few" not in said  # a plural that English does not have
    with pytest.raises(LanguageError, match="gone"):
        read_language(tmp_path / "gone.yaml")


def test_texts_and_what_is_filled_in_are_escaped() -> None:
    language = language_of("xx", {"set_done": "<b>{done}</b>"})
    assert language("set_done", done="<i>", all=1) == "&lt;b&gt;&lt;i&gt;&lt;/b&gt;"
    assert language("set_done", done=Markup("<kbd>"), all=1) == "&lt;b&gt;<kbd>&lt;/b&gt;"
    assert "begin" in language.missing
