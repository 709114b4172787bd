from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.happenings import Place, RoundNow, failure, happened, labels_taken, look, read_lock
from pictures import FileFault

NOW = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)
ALL = ("labels_needed", "round_done", "failed")
KEY = "low_light-r01"


def status(have: int = 2, need: int = 8, batch: str = "b1", kind: str = "people") -> Any:
    return SimpleNamespace(have=have, need=need, complete=have >= need, kind=kind, what="votes", batch=batch)


def place(root: Path, *rounds: str) -> Place:
    return Place("night-1", root, "https://labels.lab.example", dict.fromkeys(rounds or (KEY,), "low_light"))


def a_lock(labels: str = "a", read: str = "a", judge: str = "j", used: str = "j") -> dict[str, Any]:
    """dvc.lock of a round: what the judge has read of the labels, and the model's alignment of the judge."""
    return {
        f"questions@{KEY}": {"outs": [{"path": "q", "md5": "1"}]},
        f"labels@{KEY}": {"deps": [{"path": "q", "md5": "1"}], "outs": [{"path": "l", "md5": labels}]},
        f"judge@{KEY}": {"deps": [{"path": "l", "md5": read}], "outs": [{"path": "j", "md5": judge}]},
        f"align@{KEY}": {"deps": [{"path": "j", "md5": used}, {"path": "x", "md5": "2"}], "outs": []},
    }


def test_labels_are_taken_where_the_whole_chain_has_read_them() -> None:
    assert labels_taken(a_lock(), KEY) == "a"
    assert labels_taken(a_lock(labels="b"), KEY) is None, "the judge has learnt from the labels before"
    assert labels_taken(a_lock(judge="k"), KEY) is None, "the model is aligned by the judge before"
    lock = a_lock()
    del lock[f"align@{KEY}"]
    assert labels_taken(lock, KEY) is None
    assert labels_taken({f"labels@{KEY}": None, f"judge@{KEY}": [], f"align@{KEY}": {"deps": 3}}, KEY) is None


def test_a_round_counts_once_it_has_asked_its_questions() -> None:
    rounds = {KEY: {"kind": "low_light", "label_rev": 2}, "low_light-r02": {"kind": "low_light", "label_rev": 0}}
    found = look(a_lock(), {"rounds": rounds}, lambda round: status())
    assert [(each.key, each.label_rev, each.taken) for each in found] == [(KEY, 2, "a")]
    assert look(a_lock(), {"rounds": "none"}, lambda round: status()) == []


def test_labels_are_asked_for_once_and_for_new_questions_again(tmp_path: Path) -> None:
    told: dict[str, str] = {}

    def events(now: datetime, rounds: list[RoundNow], remind: timedelta | None = None) -> list[tuple[str, bool]]:
        found = list(happened(rounds, told, place(tmp_path), now, ALL, remind))
        told.update({key: now.isoformat() for key, _ in found})
        return [(event.text, event.reminder) for _, event in found if event]

    waiting = [RoundNow(KEY, "low_light", 0, status(), None)]
    said = "round r01 of low light waits for labels: 2 of 8 votes are in (night-1). To go on, label at https://labels.lab.example."
    assert events(NOW, waiting) == [(said, False)]
    assert events(NOW + timedelta(days=9), waiting) == []
    assert events(NOW + timedelta(days=2), waiting, timedelta(days=3)) == []
    assert events(NOW + timedelta(days=3), waiting, timedelta(days=3)) == [(f"Reminder: {said}", True)]
    assert events(NOW + timedelta(days=5), waiting, timedelta(days=3)) == [], "it was told again two days before"
    assert events(NOW, [RoundNow(KEY, "low_light", 1, status(), None)]) == [(said, False)], "another label_rev"
    assert events(NOW, [RoundNow(KEY, "low_light", 0, status(batch="b2"), None)]) == [(said, False)], "other questions"
    assert events(NOW, [RoundNow(KEY, "low_light", 0, status(have=8, batch="b3"), None)]) == []
    assert events(NOW, [RoundNow(KEY, "low_light", 0, None, None)]) == []


def test_what_was_done_before_the_first_look_is_remembered_and_not_told(tmp_path: Path) -> None:
    done = RoundNow(KEY, "low_light", 0, status(8), "a")
    (key, event), *rest = happened([done], None, place(tmp_path), NOW, ALL, None)
    assert (event, rest) == (None, [])
    assert list(happened([done], {key: NOW.isoformat()}, place(tmp_path), NOW, ALL, None)) == []
    again = RoundNow(KEY, "low_light", 1, status(8), "c")
    (_, event), *_ = happened([again], {key: NOW.isoformat()}, place(tmp_path), NOW, ALL, None)
    assert event is not None
    assert (event.event, event.kind, event.round, event.have, event.report) == ("round_done", "low_light", KEY, 8, None)
    (_, event), *_ = happened([again], {}, place(tmp_path), NOW, ("failed",), None)
    assert event is None, "not wanted"


def test_the_last_round_names_the_report(tmp_path: Path) -> None:
    page = tmp_path / "data" / "low_light" / "report" / "report.html"
    page.parent.mkdir(parents=True)
    page.write_text("<p>")
    page.with_name("headline.txt").write_text("f2 is preferred to f0 in 71 of 100.\n")
    rounds = [RoundNow(key, "low_light", 0, status(8), "a") for key in (KEY, "low_light-r02")]
    events = [
        event for _, event in happened(rounds, {}, place(tmp_path, KEY, "low_light-r02"), NOW, ALL, None) if event
    ]
    assert [event.report for event in events] == [None, page.as_uri()]
    assert "f2 is preferred to f0 in 71 of 100." in events[1].text


def test_a_failure_says_its_first_and_last_line(tmp_path: Path) -> None:
    why = "stage judge@low_light-r01 failed: its command exited with 1\nTraceback\nValueError: no"
    event = failure("k", f"judge@{KEY}", why, place(tmp_path), NOW, True)
    assert (
        event.text == "Reminder: night-1: stage judge@low_light-r01 failed: its command exited with 1\nValueError: no"
    )
    assert (event.kind, event.round) == ("low_light", KEY)
    assert failure("k", "dvc repro", "", place(tmp_path), NOW, False).round is None


def test_a_lock_that_is_half_written_is_said(tmp_path: Path) -> None:
    assert read_lock(tmp_path) == {}
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nstages:\n  a: {cmd: 'x\n")
    with pytest.raises(FileFault, match="another command may be writing it"):
        read_lock(tmp_path)
