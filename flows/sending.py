"""Sends one event: to a webhook by HTTP, to people by SMTP. Bounded in time, and no error repeats a secret."""

from __future__ import annotations

import os
import smtplib
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tasks.config.notify import Email, Notify

WEBHOOK, PASSWORD = "LOUPE_WEBHOOK", "LOUPE_SMTP_PASSWORD"
_SECONDS = 5.0  # without an answer
_WHOLE_SECONDS = 10.0  # of one message, however slowly its receiver answers
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SUBJECTS = {
    "labels_needed": "labels are needed", "round_done": "a round is done", "failed": "a stage failed", "test": "a trial message",
}  # fmt: skip


class NotSentError(RuntimeError):
    """A message could not be handed over; another try may do."""


@dataclass(frozen=True)
class Target:
    """Where events go: what it is called in what is said (no secret), and how one is handed over.

    send: returns what answered. Raises NotSentError.
    """

    name: str
    send: Callable[[Mapping[str, Any]], str]


def targets(notify: Notify) -> dict[str, Target]:
    """`webhook` and `email`, those that params.yaml names, with what the environment says of them."""
    found = {}
    if notify.webhook is not None:
        url = os.environ.get(WEBHOOK, "").strip() or notify.webhook
        found["webhook"] = Target("the webhook", lambda event: within(_WHOLE_SECONDS, lambda: post(url, event)))
    if (email := notify.email) is not None:
        found["email"] = Target(
            f"the mail server {email.host}:{email.port}",
            lambda event: within(_WHOLE_SECONDS, lambda: mail(email, os.environ.get(PASSWORD), event)),
        )
    return found


def missing(notify: Notify) -> list[str]:
    """The variables that `notify` leaves to the environment, and that are not there."""
    from tasks.config.notify import ENVIRONMENT

    wanted = [WEBHOOK] if notify.webhook == ENVIRONMENT else []
    wanted += [PASSWORD] if notify.email is not None and notify.email.user is not None else []
    return [name for name in wanted if not os.environ.get(name)]


def within(seconds: float, send: Callable[[], str]) -> str:
    """What `send` returns or raises, but no later than after `seconds`: what then still runs ends with the process.

    The limits of httpx and smtplib count each wait anew, and looking up a name is in none of them.
    """
    ending: list[str | BaseException] = []

    def attempt() -> None:
        try:
            ending.append(send())
        except BaseException as error:
            ending.append(error)

    thread = threading.Thread(target=attempt, name="notify", daemon=True)
    thread.start()
    thread.join(seconds)
    if not ending:
        raise NotSentError(f"did not answer within {seconds:.0f} seconds")
    if isinstance(ending[0], NotSentError):
        raise ending[0]
    if isinstance(ending[0], BaseException):  # its words may hold the address, which is a secret
        raise NotSentError(f"could not be asked ({type(ending[0]).__name__})")
    return ending[0]


def post(url: str, event: Mapping[str, Any]) -> str:
    """POST the event as JSON; returns `answered 200`. Redirects are not followed, and no answer is read but its status."""
    import httpx

    from tasks.config.notify import ENVIRONMENT, address_fault

    if url == ENVIRONMENT:
        raise NotSentError(f"has no address: set {WEBHOOK} in the environment")
    if fault := address_fault(url):
        raise NotSentError(f"cannot be asked: {WEBHOOK} {fault}")
    try:
        trust = urlsplit(url).hostname not in _LOOPBACK
        with (
            httpx.Client(timeout=_SECONDS, trust_env=trust, headers={"User-Agent": "loupe"}) as client,
            client.stream("POST", url, json=dict(event)) as response,
        ):
            status = response.status_code
    except httpx.TimeoutException:
        raise NotSentError(f"did not answer within {_SECONDS:.0f} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise NotSentError(f"could not be reached ({_plain(error, url)})") from None
    if not 200 <= status < 300:
        raise NotSentError(f"answered {status}")
    return f"answered {status}"


def mail(email: Email, password: str | None, event: Mapping[str, Any]) -> str:
    """Hand the event to the mail server; returns `took it for ...`."""
    try:
        with _connected(email) as server:
            if email.tls == "starttls":
                server.starttls(context=ssl.create_default_context())
            if email.user is not None:
                if not password:
                    raise NotSentError(f"wants the password of {email.user}: set {PASSWORD} in the environment")
                server.login(email.user, password)
            refused = server.send_message(message(email, event))
    except TimeoutError:
        raise NotSentError(f"did not answer within {_SECONDS:.0f} seconds") from None
    except (smtplib.SMTPException, OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise NotSentError(f"did not take it ({_plain(error, password)})") from None
    taken = [address for address in email.to if address not in refused]
    return f"took it for {', '.join(taken)}" + (f", and refused {', '.join(refused)}" if refused else "")


def message(email: Email, event: Mapping[str, Any]) -> EmailMessage:
    """The event as a mail: its text, then its fields, a line each."""
    made = EmailMessage()
    subject = f"{_SUBJECTS.get(str(event['event']), event['event'])}" + (
        f": {event['round']}" if event["round"] else ""
    )
    made["Subject"] = f"[Loupe {event['project']}] {subject}"
    made["From"] = email.sender
    made["To"] = ", ".join(email.to)
    made["Date"] = format_datetime(datetime.fromisoformat(str(event["time"])))
    made["Message-ID"] = f"<{event['id']}@loupe.invalid>"  # of a second try the same, so that mailboxes show it once
    made["Auto-Submitted"] = "auto-generated"
    fields = [f"{name}: {value}" for name, value in sorted(event.items()) if name != "text" and value is not None]
    made.set_content(f"{event['text']}\n\n-- \n" + "\n".join(fields) + "\n")
    return made


def _connected(email: Email) -> smtplib.SMTP:
    if email.tls == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(email.host, email.port, timeout=_SECONDS, context=context)
    return smtplib.SMTP(email.host, email.port, timeout=_SECONDS)


def _plain(error: Exception, secret: str | None) -> str:
    """The first line of an error, without the secret."""
    text = (str(error) or type(error).__name__).splitlines()[0][:200]
    return text.replace(secret, "...") if secret else text
