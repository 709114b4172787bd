"""Where it is said that labels are needed, that a round is done, that a stage failed: `notify:` of params.yaml."""

from __future__ import annotations

from email.utils import parseaddr
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from tasks.config.base import Section

Happening = Literal["labels_needed", "round_done", "failed"]
EVENTS: tuple[Happening, ...] = get_args(Happening)
ENVIRONMENT = "environment"
"""In place of the webhook's address: LOUPE_WEBHOOK has it."""


def address_fault(url: str) -> str | None:
    """Why a webhook cannot have this address, in words that do not repeat it (such addresses are secrets); else None."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        return "is an address such as https://HOST/PATH"
    return None


class Email(Section):
    """A mail server, and whom it is given mail for. Its password is LOUPE_SMTP_PASSWORD in the environment, never here."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    sender: Annotated[str, Field(alias="from")]
    to: Annotated[list[str], Field(min_length=1, max_length=50)]

    @field_validator("sender")
    @classmethod
    def _is_an_address(cls, text: str) -> str:
        address = parseaddr(text)[1]
        if not text.isprintable() or not all(address.partition("@")) or " " in address:
            raise ValueError(f"{text!r} is no e-mail address")
        return text

    @field_validator("to")
    @classmethod
    def _are_addresses(cls, texts: list[str]) -> list[str]:
        return [cls._is_an_address(text) for text in texts]

    @model_validator(mode="after")
    def _keeps_the_password(self) -> Email:
        if self.user is not None and self.tls == "none":
            raise ValueError("a user's password is not sent without TLS: tls is starttls or tls, or leave user out")
        return self


class Notify(Section):
    """What is said, and where. remind_days: say again, after so many days, what has not changed; null: once."""

    webhook: str | None = None
    email: Email | None = None
    events: Annotated[list[Happening], Field(min_length=1, default_factory=lambda: list(EVENTS))]
    remind_days: Annotated[float, Field(ge=0.01, le=365)] | None = None

    @field_validator("webhook")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is not None and url != ENVIRONMENT and (fault := address_fault(url)):
            raise ValueError(f"webhook {fault}, or `{ENVIRONMENT}` where LOUPE_WEBHOOK has it")
        return url

    @model_validator(mode="after")
    def _says_where(self) -> Notify:
        if self.webhook is None and self.email is None:
            raise ValueError("neither webhook nor email: name one, or say null")
        return self
