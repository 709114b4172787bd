"""Where the language model is, and what it may cost. The key comes from the environment, and is written nowhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from openai import OpenAI

KEY = "OPENAI_API_KEY"
_HERE = {"localhost", "127.0.0.1", "::1"}


class EndpointError(ValueError):
    """The endpoint refuses what no retry would change: the key, the model, the form of the request."""


class NoKey(EndpointError):
    """The environment has no key for an endpoint that is not on this machine."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An OpenAI-compatible endpoint and a model there.

    base_url: None is OpenAI's. side: pixels to which pictures are reduced. attempts: at an answer that fits. timeout: seconds.
    retries: of a request that was refused for a while. input_price, output_price: of a million tokens. requests, money: what
    the round may cost at most, with what it has cost already.
    """

    model: str
    base_url: str | None = None
    side: int = 768
    attempts: int = 3
    concurrency: int = 8
    timeout: float = 120.0
    retries: int = 5
    temperature: float | None = None
    input_price: float = 0.0
    output_price: float = 0.0
    requests: int = 1000
    money: float = 0.0

    @property
    def local(self) -> bool:
        return self.base_url is not None and urlsplit(self.base_url).hostname in _HERE

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        return (input_tokens * self.input_price + output_tokens * self.output_price) / 1e6


def client_of(endpoint: Endpoint) -> OpenAI:
    """A client that retries by itself, with growing pauses and jitter, what was refused for a while. Raises NoKey."""
    key = os.environ.get(KEY, "").strip()
    if not key and not endpoint.local:
        raise NoKey(
            f"{endpoint.base_url or 'OpenAI'} wants a key: set {KEY} in the environment (it is never written to a file)"
        )
    from openai import DefaultHttpxClient, OpenAI

    # A proxy of the environment cannot reach this machine's own loopback.
    http = DefaultHttpxClient(trust_env=False) if endpoint.local else None
    return OpenAI(
        api_key=key or "none",
        base_url=endpoint.base_url,
        timeout=endpoint.timeout,
        max_retries=endpoint.retries,
        http_client=http,
    )
