"""docs/extending.md says how long the examples are; here they are counted."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(r"\| (tests/\S+) \| (\d+) \|$", re.MULTILINE)


def lines_of(place: Path) -> int:
    files = [place] if place.is_file() else sorted(place.glob("*.py"))
    return sum(len(file.read_text().splitlines()) for file in files)


def test_the_examples_have_as_many_lines_as_it_says() -> None:
    said = {place: int(lines) for place, lines in ROW.findall((ROOT / "docs" / "extending.md").read_text())}
    assert set(said) == {
        "tests/toys/toy_enhancer.py", "tests/toys/toy_judge.py", "tests/toys/toy_aligner.py", "tests/tasks/toy_kind",
    }  # fmt: skip
    assert {place: lines_of(ROOT / place) for place in said} == said
