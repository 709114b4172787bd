"""Toys join what is registered, by one line each, as docs/extending.md says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.aligners import ALIGNERS
from models.enhancers.registry import ENHANCERS
from models.judges import JUDGES

TOYS = Path(__file__).resolve().parents[2] / "toys"


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(TOYS)
    monkeypatch.setitem(ENHANCERS, "toy", "toy_enhancer:build")
    monkeypatch.setitem(JUDGES, "toy", "toy_judge:Colour")
    monkeypatch.setitem(ALIGNERS, "toy", "toy_aligner:HillClimbing")
    yield
