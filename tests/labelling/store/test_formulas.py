"""Texts that a spreadsheet would run are written so that it does not, and come back as they were."""

from __future__ import annotations

import random

import pytest

from labelling.store.formulas import is_formula, neutralise, restore


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("  =1+1", "'  =1+1"),
        ("+49 30 1234", "'+49 30 1234"),
        ("-1+1", "'-1+1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t'=1"),
        ("\uff1d1+1", "'\uff1d1+1"),  # wide, small and raised forms
        ("\ufe621+1", "'\ufe621+1"),
        ("\u207c1", "'\u207c1"),
        ("\u00a0=1", "'\u00a0=1"),
        ("good;=HYPERLINK(0)", "good;'=HYPERLINK(0)"),  # a spreadsheet that splits at the semicolon
        ('good;" =1', "good;\" '=1"),
        ("two\n=1", "two\n'=1"),
        ("'=1", "''=1"),
        ("-0.25", "-0.25"),
        ("+1e-3", "+1e-3"),
        ("'tis", "'tis"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_what_is_written_and_read_back(text: str, cell: str) -> None:
    assert neutralise(text) == cell
    assert restore(cell) == text


def test_every_text_comes_back_and_none_begins_as_a_formula() -> None:
    dice = random.Random(7)
    letters = "=+-@'; \t\n\r\"a1.,\uff1d\u2212\u00a0"
    for _ in range(20000):
        text = "".join(dice.choice(letters) for _ in range(dice.randrange(10)))
        cell = neutralise(text)
        assert restore(cell) == text
        assert not is_formula(cell)
