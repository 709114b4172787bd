from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from flows import gate, siblings


class Votes:
    """A label store that hands out one answer after the other."""

    def __init__(self, *complete: bool) -> None:
        self.answers = list(complete)

    def __call__(self, round: str) -> gate.LabelsStatus:
        complete = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return SimpleNamespace(have=9 if complete else 3, need=9, complete=complete, kind="people", what="votes")


def test_without_a_deployment_the_gate_does_not_wait(tmp_path: Path) -> None:
    labels = gate.Gate(tmp_path, Votes(False))
    assert not labels.passed(["labels@low_light-r01"])
    assert (
        labels.message(["labels@low_light-r01"])
        == "labels@low_light-r01 has 3 of 9 votes: label with `loupe label low_light-r01`"
    )


def test_votes_that_came_in_since_are_walked_on_with(tmp_path: Path) -> None:
    labels = gate.Gate(tmp_path, Votes(True, False))
    assert labels.passed(["labels@low_light-r01"])
    assert not labels.passed(["labels@low_light-r01"])


def test_a_stage_that_does_not_see_the_votes_is_no_endless_loop(tmp_path: Path) -> None:
    labels = gate.Gate(tmp_path, Votes(True))
    assert labels.passed(["labels@low_light-r01"])
    with pytest.raises(gate.GateError, match="LOUPE_LABELS"):
        labels.passed(["labels@low_light-r01"])


def test_a_run_without_a_deployment_is_let_through(tmp_path: Path) -> None:
    with siblings.sole_run(tmp_path, Votes(False)) as ended:
        assert ended is None
