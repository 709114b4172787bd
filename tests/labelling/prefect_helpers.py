"""A small server that answers as Prefect's REST API does."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakePrefect(ThreadingHTTPServer):
    """Paused runs, a deployment, artifacts, and a list of what was asked; `busy`: how many calls get a 503 first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runs: list[dict[str, Any]] = []
        self.deployment: str | None = "d1"
        self.artifacts: list[dict[str, Any]] = []
        self.patched: list[tuple[str, Any]] = []
        self.busy = 0
        self.verdicts: dict[str, str] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.broken: bytes | None = None
        self.silent = threading.Event()
        self.silent.set()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api"

    def add_run(self, id: str, pause_key: str | None) -> None:
        details = {"flow_run_id": None, "pause_key": pause_key, "pause_reschedule": True}
        self.runs.append(
            {"id": id, "name": id, "state": {"type": "PAUSED", "name": "Suspended", "state_details": details}}
        )

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if self.busy:
            self.busy -= 1
            return 503, {"exception_message": "Service Unavailable"}
        if (method, path) == ("POST", "/api/artifacts/latest/filter"):
            return 200, [item for item in self.artifacts if item["key"] in body["artifacts"]["key"]["any_"]]
        if method == "PATCH" and path.startswith("/api/artifacts/"):
            self.patched.append((path, body))
            return 200, {}
        if (method, path) == ("POST", "/api/flow_runs/filter"):
            assert body["flow_runs"] == {"state": {"type": {"any_": ["PAUSED"]}}}
            return 200, self.runs[body["offset"] : body["offset"] + body["limit"]]
        if method == "POST" and path.startswith("/api/flow_runs/") and path.endswith("/resume"):
            assert body == {"run_input": {}}
            id = path.split("/")[3]
            return 201, {"state": None, "status": self.verdicts.get(id, "ACCEPT"), "details": {}}
        if (method, path) == ("GET", "/api/deployments/name/low-light/loupe") and self.deployment:
            return 200, {"id": self.deployment, "name": "loupe"}
        if (method, path) == ("POST", f"/api/deployments/{self.deployment}/create_flow_run"):
            return 201, {"id": "new"}
        return 404, {"detail": "Not found"}


class _Handler(BaseHTTPRequestHandler):
    server: FakePrefect

    def _handle(self) -> None:
        self.server.silent.wait(10)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        self.server.asked.append((self.command, self.path, body))
        status, answer = self.server.answer(self.command, self.path, body)
        content = self.server.broken or json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = _handle  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass
