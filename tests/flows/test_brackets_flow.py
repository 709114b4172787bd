"""The flow of multi-exposure fusion; what a flow does at all is tested with the low-light one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows import brackets, graph

ROOT = Path(__file__).resolve().parents[2]


def test_it_brings_the_evaluation_up_to_date() -> None:
    nodes = graph.read(ROOT)
    needed = [node.name for node in graph.order(nodes, brackets.TARGET)]
    assert needed == ["brackets", "search", "train_fuser", "fuse_brackets", "evaluate_brackets"]
    assert [node.name for node in nodes.values() if node.name in needed and node.gpu] == needed[1:4]


def test_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(brackets.running, "command", lambda *arguments: asked.append(arguments) or 0)
    assert brackets.main(["--target", "search"]) == 0
    assert asked[0][0] is brackets.brackets
    assert asked[0][2:] == ("evaluate_brackets", Path("data/evaluate_brackets/report.html"), ["--target", "search"])
