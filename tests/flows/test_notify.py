"""What a project tells, to a webhook and a mail server of this process."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from receivers import Hook, MailServer, receiving

from cli.errors import UserError
from cli.notifying import notify_now
from flows import notify, sending
from flows.outbox import Outbox

KEY = "low_light-r01"
LOCK = {"stages": {f"questions@{KEY}": {"outs": [{"path": "q", "md5": "1"}]}}}
VOTES = SimpleNamespace(have=0)


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Hook, MailServer]]:
    with receiving() as both:
        yield both


@pytest.fixture
def hook(servers: tuple[Hook, MailServer], monkeypatch: pytest.MonkeyPatch) -> Hook:
    servers[0].status = 200
    servers[0].taken.clear()
    servers[1].taken.clear()
    monkeypatch.setenv("LOUPE_WEBHOOK", servers[0].url)
    return servers[0]


@pytest.fixture
def mails(servers: tuple[Hook, MailServer], hook: Hook) -> MailServer:
    return servers[1]


@pytest.fixture
def root(tmp_path: Path, mails: MailServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one round that waits for labels."""
    email = {
        "host": "127.0.0.1",
        "port": mails.port,
        "tls": "none",
        "from": "loupe@lab.example",
        "to": ["ann@lab.example"],
    }
    write(tmp_path, {"webhook": "environment", "email": email, "remind_days": 3})
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(LOCK))
    VOTES.have = 0
    monkeypatch.setattr(
        "labelling.store.labels_status",
        lambda round: SimpleNamespace(have=VOTES.have, need=4, complete=VOTES.have > 3, kind="people", what="votes"),
    )
    monkeypatch.delenv("LOUPE_SMTP_PASSWORD", raising=False)
    monkeypatch.setenv("LOUPE_LABEL_ADDRESS", "https://labels.lab.example")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(root: Path, section: dict[str, Any] | None) -> None:
    params = {"rounds": {KEY: {"kind": "low_light", "label_rev": 0}}, "notify": section}
    (root / "params.yaml").write_text(yaml.safe_dump(params))


def memory(root: Path) -> Any:
    return json.loads((root / ".loupe" / "notify.json").read_text())


def test_labels_needed_reaches_both_once(root: Path, hook: Hook, mails: MailServer) -> None:
    assert notify.tell(root) == notify.tell(root) == []
    (event,) = hook.taken
    assert {name: event[name] for name in ("event", "kind", "round", "have", "need", "label_address", "report")} == {
        "event": "labels_needed", "kind": "low_light", "round": KEY, "have": 0, "need": 4,
        "label_address": "https://labels.lab.example", "report": None,
    }  # fmt: skip
    assert event["project"] == (root / ".loupe" / "project").read_text().split()[0]
    (mail,) = mails.taken
    assert mail["Subject"] == f"[Loupe {event['project']}] labels are needed: {KEY}"
    assert (mail["From"], mail["To"]) == ("loupe@lab.example", "ann@lab.example")
    assert (
        mail.get_content().replace("\r\n", "\n").startswith(f"{event['text']}\n\n-- \nevent: labels_needed\nhave: 0\n")
    )
    assert memory(root)["outbox"] == []


def test_a_hook_that_refuses_gets_it_in_order_later_and_the_mail_goes_out(
    root: Path, hook: Hook, mails: MailServer
) -> None:
    hook.status = 503
    (line,) = notify.tell(root)
    assert line == "notify: the webhook answered 503; it is tried again at the next run"
    assert len(notify.tell(root, {"judge@low_light-r01": "stage judge failed"})) == 1
    assert [mail["Subject"].rpartition("] ")[2] for mail in mails.taken] == [
        f"labels are needed: {KEY}", f"a stage failed: {KEY}",
    ]  # fmt: skip
    assert [(entry["to"], entry["event"]["event"]) for entry in memory(root)["outbox"]] == [
        ("webhook", "labels_needed"), ("webhook", "failed"),
    ]  # fmt: skip
    hook.status = 204
    assert notify.tell(root) == []
    assert [event["event"] for event in hook.taken] == ["labels_needed", "failed"]
    assert len(mails.taken) == 2
    assert notify.tell(root, {"judge@low_light-r01": "again"}) == [], "the same failure is told once"
    notify.tell(root, well=["judge@low_light-r01"])
    notify.tell(root, {"judge@low_light-r01": "stage judge failed"})
    assert [event["event"] for event in hook.taken] == ["labels_needed", "failed", "failed"], (
        "until it went well between"
    )


def test_a_hook_that_never_answers_holds_nothing_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection, and says nothing. No line tells the address, which is a secret."""
    write(root, {"webhook": "environment"})
    with socket.socket() as silent, monkeypatch.context() as hurried:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        gone = f"http://127.0.0.1:{silent.getsockname()[1]}/SECRET"
        monkeypatch.setenv("LOUPE_WEBHOOK", gone)
        hurried.setattr(sending, "_WHOLE_SECONDS", 0.1)
        (line,) = notify.tell(root)
    assert line == "notify: the webhook did not answer within 0 seconds; it is tried again at the next run"
    for address in (gone, "ftp://SECRET", "http://[SECRET"):
        monkeypatch.setenv("LOUPE_WEBHOOK", address)
        (line,) = notify.tell(root)
        assert line.startswith("notify: the webhook c")
        assert "SECRET" not in line
    assert len(memory(root)["outbox"]) == 1


def test_all_of_a_delivery_is_bounded(root: Path, hook: Hook) -> None:
    notify.tell(root, {f"stage{number}": "failed" for number in range(3)})
    hook.taken.clear()
    outbox = Outbox(root)
    with outbox.changed() as found:
        found.outbox = [("slow", {"id": number}) for number in range(3)]

    def slow(event: Any) -> str:
        time.sleep(0.02)
        return "answered"

    assert not outbox.deliver({"slow": sending.Target("the slow one", slow)}, seconds=0.01)
    assert outbox.lines == ["notify: 2 messages wait for the next run, 0 s are over"]


def test_a_damaged_memory_is_kept_aside(root: Path, hook: Hook) -> None:
    notify.tell(root)
    (root / ".loupe" / "notify.json").write_text('{"told": 3')
    (line,) = notify.tell(root)
    assert "is damaged and now called notify.damaged.json" in line
    assert (root / ".loupe" / "notify.damaged.json").read_text() == '{"told": 3'
    assert [event["round"] for event in hook.taken] == [KEY, KEY]


def test_no_fault_of_the_section_or_the_store_reaches_the_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelling.store.labels_status", lambda round: 1 / 0)
    assert notify.tell(root) == ["notify: nothing could be told: division by zero"]
    write(root, {"webhook": "https://hooks.lab.example", "when": "always"})
    assert notify.tell(root) == ["notify: nothing could be told: notify.when: unknown key"]
    write(root, None)
    assert notify.tell(root) == []


def test_a_target_that_params_no_longer_name_gets_nothing_more(root: Path, hook: Hook, mails: MailServer) -> None:
    hook.status = 500
    notify.tell(root)
    write(root, {"email": {"host": "127.0.0.1", "port": mails.port, "tls": "none", "from": "a@b.c", "to": ["d@e.f"]}})
    assert notify.tell(root) == ["notify: 1 messages given up, as params.yaml no longer names webhook"]
    assert memory(root)["outbox"] == []


def test_the_command_tries_tells_and_says_what_answered(
    root: Path, hook: Hook, mails: MailServer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert notify_now(True, []) == 0
    assert capfd.readouterr().out == (
        f"the webhook answered 200\nthe mail server 127.0.0.1:{mails.port} took it for ann@lab.example\n"
    )
    assert [event["event"] for event in hook.taken] == ["test"]
    hook.status = 404
    assert notify_now(True, []) == 1
    assert notify_now(False, []) == 1
    hook.status = 200
    assert notify_now(False, []) == 0
    capfd.readouterr()

    assert notify_now(False, ["sh", "-c", "echo went; echo 'ERROR: broken' >&2; exit 255"]) == 255
    assert capfd.readouterr().out == "went\nERROR: broken\n"
    assert hook.taken[-1]["event"] == "failed"
    assert hook.taken[-1]["text"].endswith("exit 255` failed: it ended with 255\nERROR: broken")
    told = len(hook.taken)
    gate = "echo 'ERROR: failed to reproduce: failed to run: x, exited with 75'; exit 255"
    assert notify_now(False, ["sh", "-c", gate]) == 75, "a gate is no failure"
    assert notify_now(False, ["true"]) == 0
    assert len(hook.taken) == told
    with pytest.raises(UserError, match="no-such-command: No such file"):
        notify_now(False, ["no-such-command"])
    write(root, None)
    with pytest.raises(UserError, match="notify in params"):
        notify_now(False, [])


def test_a_mail_that_cannot_go_out_is_said(root: Path, mails: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(**changes: Any) -> str:
        email = {"host": "127.0.0.1", "port": mails.port, "from": "a@b.c", "to": ["d@e.f"]} | changes
        write(root, {"email": email})
        (line,) = notify.tell(root)
        return line

    assert "did not take it (STARTTLS extension not supported by server.)" in said()
    assert "did not take it ([SSL: " in said(tls="tls")
    monkeypatch.setattr("smtplib.SMTP.starttls", lambda self, context: None)
    assert "wants the password of ann: set LOUPE_SMTP_PASSWORD" in said(user="ann")
    monkeypatch.setenv("LOUPE_SMTP_PASSWORD", "hunter2")
    assert "SMTP AUTH extension not supported by server" in said(user="ann")
