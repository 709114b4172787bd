"""`notify` of params.yaml."""

from __future__ import annotations

from typing import Any

import pytest
from params_helpers import changed, faults

from tasks.config import validate

EMAIL: dict[str, Any] = {"host": "mail.lab.example", "from": "Loupe <loupe@lab.example>", "to": ["ann@lab.example"]}


def test_what_is_sound() -> None:
    assert validate(changed()).notify is None
    found = validate(changed(notify={"webhook": "https://hooks.lab.example/services/T0", "email": EMAIL})).notify
    assert found is not None
    assert found.email is not None
    assert (found.events, found.remind_days) == (["labels_needed", "round_done", "failed"], None)
    assert (found.email.sender, found.email.port, found.email.tls) == ("Loupe <loupe@lab.example>", 587, "starttls")
    old = changed()
    del old["notify"]
    assert validate(old).notify is None


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({}, "notify: neither webhook nor email: name one, or say null"),
        (
            {"webhook": "hooks.lab.example"},
            "notify.webhook: webhook is an address such as https://HOST/PATH, or `environment`",
        ),
        ({"webhook": "https://a b"}, "notify.webhook: "),
        ({"webhook": "http://[::1"}, "notify.webhook: webhook is no address"),
        (
            {"webhook": "environment", "events": ["labels"]},
            "notify.events.0: Input should be 'labels_needed', 'round_done'",
        ),
        ({"webhook": "environment", "events": []}, "notify.events: List should have at least 1 item"),
        (
            {"webhook": "environment", "remind_days": 0},
            "notify.remind_days: Input should be greater than or equal to 0.01",
        ),
        ({"webhook": "environment", "secret": "x"}, "notify.secret: unknown key"),
        ({"email": {**EMAIL, "to": ["ann"]}}, "notify.email.to: 'ann' is no e-mail address"),
        (
            {"email": {**EMAIL, "from": "a@b.c\nBcc: d@e.f"}},
            "notify.email.from: 'a@b.c\\nBcc: d@e.f' is no e-mail address",
        ),
        ({"email": {**EMAIL, "password": "x"}}, "notify.email.password: unknown key"),
        ({"email": {**EMAIL, "user": "ann", "tls": "none"}}, "notify.email: a user's password is not sent without TLS"),
        ({"email": {**EMAIL, "port": 0}}, "notify.email.port: "),
    ],
)
def test_what_cannot_be_used_is_refused(section: dict[str, Any], expected: str) -> None:
    assert expected in faults(changed(notify=section))
