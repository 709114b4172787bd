"""Asking many questions at once: replies that are kept already cost nothing, and the budget is never passed.

An answer that does not validate is asked for again, with the reason; after `attempts` it is counted, and never guessed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from labelling.llm.endpoint import Endpoint, EndpointError, client_of
from labelling.llm.pictures import Pictures
from labelling.llm.replies import Replies

T = TypeVar("T")
USED_UP = "the budget (llm.budget) is used up"
_LONGEST = 2000  # characters of an answer that are shown to the model again


class InvalidAnswer(ValueError):
    """An answer that is not of the form that was asked for; the message says why, as the model is told."""


@dataclass(frozen=True)
class Request(Generic[T]):
    """One question. messages: of the chat, with {"type": "picture", "sha256": ...} for pictures; schema: JSON schema of the
    answer; parse: makes something of its text, or raises InvalidAnswer.
    """

    name: str
    messages: Sequence[Mapping[str, Any]]
    schema: Mapping[str, Any]
    parse: Callable[[str], T]


@dataclass
class Outcome(Generic[T]):
    """What came of it, by the requests' names: answers, and reasons of those that never got one that fits; `left` were not asked.

    stopped: why not. requests, money: paid in this run; kept: replies that were there already; invalid: replies that did not fit.
    """

    answers: dict[str, T] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    stopped: str = ""
    requests: int = 0
    money: float = 0.0
    kept: int = 0
    invalid: int = 0
    seconds: float = 0.0


def prepared(request: Request[Any], endpoint: Endpoint, pictures: Pictures) -> list[dict[str, Any]]:
    """The messages as they are sent, with pictures as PNG data."""

    def part(one: Mapping[str, Any]) -> dict[str, Any]:
        if one.get("type") != "picture":
            return dict(one)
        return {"type": "image_url", "image_url": {"url": pictures.url(one["sha256"])}}

    return [
        {**message, "content": [part(one) for one in message["content"]]}
        if isinstance(message["content"], list)
        else dict(message)
        for message in request.messages
    ]


def ask(
    requests: Sequence[Request[T]], endpoint: Endpoint, pictures: Pictures, replies: Replies, round: str,
    say: Callable[[str], None] = lambda line: None,
) -> Outcome[T]:  # fmt: skip
    """Ask all of them, `endpoint.concurrency` at once. Raises NoKey where something must be asked and there is no key.

    What the endpoint refuses for good, or for longer than the retries last, stops the run, and so does a reply that cannot be
    kept: what was answered is kept.
    """
    return _Asking(requests, endpoint, pictures, replies, round, say).run()


class _Asking(Generic[T]):
    def __init__(
        self, requests: Sequence[Request[T]], endpoint: Endpoint, pictures: Pictures, replies: Replies, round: str,
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._requests, self._endpoint, self._pictures = requests, endpoint, pictures
        self._replies, self._round, self._say = replies, round, say
        self._outcome: Outcome[T] = Outcome()
        self._lock = threading.Lock()
        self._client: Any = None
        self._spent = replies.spent(round)
        self._flying, self._dearest = 0, 0.0

    def run(self) -> Outcome[T]:
        began = time.monotonic()
        with ThreadPoolExecutor(self._endpoint.concurrency) as pool:
            list(pool.map(self._one, self._requests))
        if self._client is not None:
            self._client.close()
        self._outcome.seconds = time.monotonic() - began
        if self._outcome.stopped == USED_UP:
            limit, requests, money = self._endpoint, self._outcome.requests, self._outcome.money
            self._outcome.stopped += f": {self._spent.requests + requests} of {limit.requests} requests"
            self._outcome.stopped += f", {self._spent.money + money:.2f} of {limit.money:.2f}" if limit.money else ""
        return self._outcome

    def _one(self, request: Request[T]) -> None:
        messages, reason = list(request.messages), ""
        for attempt in range(self._endpoint.attempts):
            tried = Request(request.name, messages, request.schema, request.parse)
            reply = self._reply(tried, attempt)
            if reply is None:
                with self._lock:
                    self._outcome.left.append(request.name)
                return
            try:
                text = text_of(reply)
                answer = request.parse(text)
            except InvalidAnswer as error:
                reason = str(error)
                with self._lock:
                    self._outcome.invalid += 1
                again = f"That answer cannot be used: {reason}. Answer again, with nothing but the JSON object."
                shown = str(_content(reply) or "")[:_LONGEST] or "(nothing)"
                messages = [*messages, {"role": "assistant", "content": shown}, {"role": "user", "content": again}]
                continue
            with self._lock:
                self._outcome.answers[request.name] = answer
                done = len(self._outcome.answers)
            if done % 50 == 0:
                self._say(f"{done} of {len(self._requests)} answers are in")
            return
        with self._lock:
            self._outcome.failed[request.name] = reason

    def _reply(self, request: Request[T], attempt: int) -> Mapping[str, Any] | None:
        """The model's reply, kept or new; None where the run has stopped."""
        asked = {
            "model": self._endpoint.model, "messages": [dict(one) for one in request.messages], "schema": dict(request.schema),
            "side": self._endpoint.side, "temperature": self._endpoint.temperature, "attempt": attempt,
        }  # fmt: skip
        key = Replies.key(asked)
        kept = self._replies.find(key)
        if kept is not None:
            with self._lock:
                self._outcome.kept += 1
            found: dict[str, Any] = kept["reply"]
            return found
        if not self._may_ask():
            return None
        try:
            reply = self._send(request, key)
        except BaseException as error:
            self._landed(0.0, paid=False)
            if not isinstance(error, Exception):
                raise
            self._stop(_reason(error))
            return None
        usage = reply.get("usage") or {}
        cost = self._endpoint.cost(int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))
        try:
            self._replies.keep(key, self._round, asked, reply, cost)
        except OSError as error:  # It is paid for, and used; nothing more is bought that cannot be kept.
            self._stop(f"a reply cannot be kept in {self._replies.folder} ({error.strerror or error})")
        self._landed(cost, paid=True)
        return reply

    def _send(self, request: Request[T], key: str) -> dict[str, Any]:
        messages: Any = prepared(request, self._endpoint, self._pictures)
        with self._lock:
            if self._client is None:
                self._client = client_of(self._endpoint)
            client = self._client
        more = {} if self._endpoint.temperature is None else {"temperature": self._endpoint.temperature}
        form = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": dict(request.schema)},
        }
        # An endpoint that heeds the key of a request does not charge for one whose reply was lost.
        reply = client.chat.completions.create(
            model=self._endpoint.model, messages=messages, response_format=form, extra_headers={"Idempotency-Key": key}, **more
        )  # fmt: skip
        found: dict[str, Any] = reply.model_dump(mode="json", exclude_none=True, warnings=False)
        return found

    def _may_ask(self) -> bool:
        """Whether one more request fits into the budget, with those that are on their way."""
        limit = self._endpoint
        with self._lock:
            if self._outcome.stopped:
                return False
            requests = self._spent.requests + self._outcome.requests + self._flying
            money = self._spent.money + self._outcome.money + self._flying * self._dearest
            if requests >= limit.requests or (limit.money and money + self._dearest > limit.money):
                self._outcome.stopped = USED_UP
                return False
            self._flying += 1
            return True

    def _landed(self, cost: float, *, paid: bool) -> None:
        with self._lock:
            self._flying -= 1
            if paid:
                self._outcome.requests += 1
                self._outcome.money += cost
                self._dearest = max(self._dearest, cost)

    def _stop(self, reason: str) -> None:
        with self._lock:
            self._outcome.stopped = self._outcome.stopped or reason


def _content(reply: Mapping[str, Any]) -> Any:
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        return None
    message = choices[0].get("message")
    return message.get("content") if isinstance(message, Mapping) else None


def text_of(reply: Mapping[str, Any]) -> str:
    """The text of a reply. Raises InvalidAnswer: there is none, it was refused, or cut off."""
    content = _content(reply)
    if content is None or not str(content).strip():
        choices = reply.get("choices") or [{}]
        message = choices[0].get("message") or {} if isinstance(choices[0], Mapping) else {}
        refused = message.get("refusal")
        raise InvalidAnswer(f"the model refused: {str(refused)[:200]}" if refused else "it is empty")
    if reply["choices"][0].get("finish_reason") == "length":
        raise InvalidAnswer("it was cut off; keep it shorter")
    return str(content)


def _reason(error: Exception) -> str:
    """Why the endpoint does not answer, in a line that names the way out."""
    import openai

    if isinstance(error, EndpointError):
        return str(error)
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return f"the endpoint does not accept the key of OPENAI_API_KEY ({_short(error)})"
    if isinstance(error, openai.NotFoundError):
        return f"the endpoint has no such model or address ({_short(error)}); see llm.model and llm.base_url"
    if isinstance(error, openai.APITimeoutError):
        return "the endpoint did not answer in time (llm.timeout), however often it was asked (llm.retries)"
    if isinstance(error, openai.APIConnectionError):
        return f"the endpoint cannot be reached ({_short(error.__cause__ or error)}); see llm.base_url"
    if isinstance(error, openai.RateLimitError):
        return (
            f"the endpoint is busy, or its quota is used up ({_short(error)}), however often it was asked (llm.retries)"
        )
    if isinstance(error, openai.APIStatusError):
        return f"the endpoint answers {error.status_code} ({_short(error)})"
    return f"the endpoint's answer cannot be read ({type(error).__name__}: {_short(error)})"


def _short(error: object) -> str:
    return " ".join(str(error).split())[:200]
