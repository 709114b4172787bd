"""A server on this machine that speaks the protocol of OpenAI-compatible endpoints, with faults as asked.

For tests and benchmarks. It is no language model: its answer follows from the bytes of the picture that it is shown last. It
counts what it was paid for, by the key of the request, and does not charge for a key twice.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

FAULTS = ("429", "500", "prose", "json", "range", "circle", "empty", "refusal", "cut", "fenced")
"""Busy, broken, words in place of JSON, wrong keys, scores and circles out of range, nothing, a refusal, cut off; and JSON in a
fence of code, which is fine."""


@dataclass
class Model:
    """What the server does. latency: seconds an answer takes; faults: how often each comes, as a share of first tries; answer:
    picture (H, W, 3) uint8 -> the content of a good answer, by default scores from its brightness and a circle in its middle.
    """

    latency: float = 0.0
    faults: dict[str, float] = field(default_factory=dict)
    answer: Callable[[np.ndarray, dict[str, Any]], Any] | None = None
    key: str | None = None
    seed: int = 1


@dataclass
class Seen:
    """What was asked: paid by key, HTTP requests, the bodies, the largest number at once, fine-tuning jobs."""

    paid: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    at_once: int = 0
    most: int = 0
    files: list[bytes] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def serving(model: Model) -> Iterator[tuple[str, Seen]]:
    """The address of a running server (.../v1), and what it has seen."""
    seen, lock = Seen(), threading.Lock()
    answered: dict[str, dict[str, Any]] = {}
    tries: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if model.key is not None and self.headers.get("Authorization") != f"Bearer {model.key}":
                self._send(401, {"error": {"message": "Incorrect API key provided", "type": "invalid_request_error"}})
            elif self.path.endswith("/files"):
                seen.files.append(content)
                self._send(200, {"id": "file-1", "object": "file", "bytes": len(content), "created_at": 0, "filename": "f",
                                 "purpose": "fine-tune", "status": "processed"})  # fmt: skip
            elif self.path.endswith("/fine_tuning/jobs"):
                seen.jobs.append(json.loads(content))
                self._send(200, {"id": "ftjob-1", "object": "fine_tuning.job", "status": "queued", "model": "m"})
            else:
                self._chat(json.loads(content))

        def _chat(self, body: dict[str, Any]) -> None:
            key = self.headers.get("Idempotency-Key") or hashlib.sha256(json.dumps(body).encode()).hexdigest()
            with lock:
                seen.requests += 1
                seen.at_once += 1
                seen.most = max(seen.most, seen.at_once)
                seen.bodies.append(body)
                tries[key] += 1
                attempt = tries[key]
            try:
                time.sleep(model.latency)
                fault = _fault(model, key) if attempt == 1 else ""
                if fault in ("429", "500"):
                    more = {"Retry-After": "0"} if fault == "429" else {}
                    self._send(int(fault), {"error": {"message": "try again later"}}, more)
                    return
                with lock:
                    if key not in answered:
                        answered[key] = _reply(body, _content(model, body, fault), fault)
                        seen.paid[key] += 1
                self._send(200, answered[key])
            finally:
                with lock:
                    seen.at_once -= 1

        def _send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
            sent = json.dumps(content).encode()
            try:
                self.send_response(status)
                sized = {"Content-Type": "application/json", "Content-Length": str(len(sent))}
                for name, value in (sized | (headers or {})).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(sent)
            except (BrokenPipeError, ConnectionResetError):
                pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, address: object) -> None:
            """Whoever asked was killed."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _fault(model: Model, key: str) -> str:
    digest = hashlib.sha256(f"{model.seed}/{key}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    for name, share in model.faults.items():
        if drawn < share:
            return name
        drawn -= share
    return ""


def _content(model: Model, body: dict[str, Any], fault: str) -> str | None:
    found = _answer(model, body)
    text = json.dumps(found)
    if fault == "range" and "scores" in found:
        return json.dumps(found | {"scores": dict.fromkeys(found["scores"], 9)})
    if fault == "circle" and "circles" in found:
        return json.dumps(found | {"circles": [{"x": 1.7, "y": 0.5, "radius": 0.1}]})
    wrong = {
        "prose": "I think this picture is rather good.", "json": '{"quality": 4}', "empty": "", "refusal": None,
        "cut": text[: len(text) // 2], "fenced": f"```json\n{text}\n```",
    }  # fmt: skip
    return wrong.get(fault, text)


def _answer(model: Model, body: dict[str, Any]) -> Any:
    pictures = [
        part["image_url"]["url"]
        for message in body["messages"]
        if isinstance(message["content"], list)
        for part in message["content"]
        if part["type"] == "image_url"
    ]
    arrays = [picture_of(url) for url in pictures[-2:]]
    if model.answer is not None:
        return model.answer(arrays[-1], body)
    properties = body["response_format"]["json_schema"]["schema"]["properties"]
    if "better" in properties:
        means = [float(array.mean()) for array in arrays]
        better = "same" if abs(means[0] - means[1]) < 2 else ("first" if means[0] > means[1] else "second")
        return {"better": better, "reason": "the brighter one"}
    score = 1 + int(float(arrays[-1].mean()) / 256 * 5)
    return {
        "scores": dict.fromkeys(properties["scores"]["properties"], score),
        "circles": [{"x": 0.5, "y": 0.5, "radius": 0.25}],
        "note": "by its brightness",
    }


def picture_of(url: str) -> np.ndarray:
    """The picture (H, W, 3) in an address of its data."""
    data = base64.b64decode(url.removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def _reply(body: dict[str, Any], content: str | None, fault: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if fault == "refusal":
        message["refusal"] = "I cannot rate this."
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "length" if fault == "cut" else "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    }  # fmt: skip
