"""Real sockets against the server as a process: half requests, idle ones, too many, and clients that go away."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from label_helpers import make_pairs

from labelling.store import Store
from labelling.web import wire

pytestmark = pytest.mark.slow

HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
WHOLE = b"GET /static/loupe.css HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
SECONDS = 1.0  # the time limits in these tests


class Server:
    """The server in a process with few descriptors and short time limits, in a project folder."""

    def __init__(self, folder: Path, descriptors: int = 256, **limits: float) -> None:
        (folder / "dvc.yaml").touch()
        with Store.open(folder / ".loupe" / "labels.sqlite") as store:
            store.register("r01", "people", make_pairs(2), 1, "Which looks better?")
        given = {"HEAD_SECONDS": SECONDS, "BODY_SECONDS": SECONDS, "READ_SECONDS": SECONDS} | limits
        code = (
            f"import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, ({descriptors}, {descriptors}))\n"
            "from labelling.web import serve, wire\n"
            f"vars(wire).update({given!r})\nserve(announce=lambda line: print(line, flush=True))"
        )
        self._errors = (folder / "errors").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env={key: value for key, value in os.environ.items() if key not in ("LOUPE_LABELS", "PREFECT_API_URL")},
        )  # fmt: skip
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().split("127.0.0.1:")[1].split()[0])
        for line in self.process.stdout:
            if line.startswith("Links for others"):
                break

    def connect(self, content: bytes = b"") -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        if content:
            opened.sendall(content)
        return opened

    def ask(self) -> tuple[bytes, float]:
        """The first line of the answer to a whole request, and the seconds that it took."""
        begin = time.perf_counter()
        with self.connect(WHOLE) as opened:
            answer = opened.recv(100)
        return answer.split(b"\r\n")[0], time.perf_counter() - begin

    def errors(self) -> str:
        self._errors.seek(0)
        return self._errors.read()

    def end(self) -> str:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        said = self.errors()
        self._errors.close()
        return said


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    yield started
    if started.process.poll() is None:
        started.end()


def ends_within(opened: socket.socket, seconds: float) -> bytes:
    """What came until the other side closed. Fails where that took longer."""
    opened.settimeout(seconds)
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := opened.recv(65536):
            received += part
    return received


@pytest.mark.parametrize(
    "content",
    [
        b"",
        HALF,
        b"POST /api/state HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_what_does_not_come_in_whole_is_closed(server: Server, content: bytes) -> None:
    with server.connect(content) as opened:
        received = ends_within(opened, SECONDS + 4)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert json.loads(received.split(b"\r\n\r\n")[1])["detail"]
    assert server.end() == ""


def test_one_that_trickles_gets_no_more_time(server: Server) -> None:
    begin = time.perf_counter()
    with server.connect(HALF) as opened, pytest.raises(OSError):
        while time.perf_counter() - begin < SECONDS + 5:
            opened.sendall(b"x")
            time.sleep(0.05)
    assert time.perf_counter() - begin < SECONDS + 4


def test_half_a_request_on_a_connection_that_answered_before(server: Server) -> None:
    with server.connect(WHOLE.replace(b"close", b"keep-alive")) as opened:
        opened.settimeout(5)
        assert opened.recv(65536).startswith(b"HTTP/1.1 200")
        opened.sendall(HALF)
        assert b"HTTP/1.1 408 " in ends_within(opened, SECONDS + 4)


def test_whoever_reads_nothing_is_closed(server: Server) -> None:
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.connect(("127.0.0.1", server.port))
        opened.settimeout(1)
        begin = time.perf_counter()
        with pytest.raises(OSError):
            while time.perf_counter() - begin < 15:  # asks and asks, and never reads
                with contextlib.suppress(TimeoutError):
                    opened.sendall(WHOLE.replace(b"close", b"keep-alive") * 50)
        assert time.perf_counter() - begin < 12


def test_half_requests_shut_nobody_out(tmp_path: Path) -> None:
    """320 of them, 256 descriptors, and time limits that do not come to help."""
    server = Server(tmp_path, HEAD_SECONDS=60.0)
    held: list[socket.socket] = []
    try:
        for _ in range(320):
            held.append(server.connect(HALF))
        answers = [server.ask() for _ in range(20)]
        assert {line for line, _ in answers} == {b"HTTP/1.1 200 OK"}
        assert max(seconds for _, seconds in answers) < 2
    finally:
        for opened in held:
            opened.close()
        said = server.end().splitlines()
    assert len(said) == 1 and "connections" in said[0], said[:5]


def test_where_all_descriptors_are_gone_one_line_says_so_and_it_goes_on_afterwards(tmp_path: Path) -> None:
    """The cap does not know what else takes descriptors: here it is far above what there is."""
    server = Server(tmp_path, descriptors=64, SPARED=-1000, HEAD_SECONDS=60.0)
    held: list[socket.socket] = []
    try:
        with contextlib.suppress(OSError):
            for _ in range(120):
                held.append(server.connect(HALF))
        time.sleep(0.5)
    finally:
        for opened in held:
            opened.close()
    time.sleep(0.5)
    assert server.ask()[0] == b"HTTP/1.1 200 OK"
    said = server.end()
    assert "Traceback" not in said and len(said.splitlines()) <= 3, said[:500]


def test_clients_that_go_away_in_the_middle_print_nothing(server: Server) -> None:
    head = (
        b"POST /api/vote HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
    )
    for content in (b"", HALF, head, WHOLE):
        for _ in range(5):
            opened = server.connect(content)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # reset
            opened.close()
    assert server.ask()[0] == b"HTTP/1.1 200 OK"
    assert server.end() == ""


def test_malformed_requests_print_one_line_a_minute(server: Server) -> None:
    for _ in range(30):
        with server.connect(b"\x00\xff\r\n\r\n") as opened:
            assert ends_within(opened, 5).startswith(b"HTTP/1.1 400")
    assert server.end().splitlines() == ["WARNING:  Invalid HTTP request received."]


# Parts


def test_once_a_minute_and_how_many_were_held_back() -> None:
    now = [100.0]
    calm = wire.OncePerMinute(lambda: now[0])

    def say(message: str = "too many, more than %d", trouble: BaseException | None = None) -> str | None:
        info = (type(trouble), trouble, None) if trouble else None
        record = logging.LogRecord("x", logging.WARNING, "", 0, message, (3,) if "%d" in message else (), info)
        return record.getMessage() if calm.filter(record) else None

    assert say() == "too many, more than 3"
    assert [say(), say(), say("other"), say("other")] == [None, None, "other", None]
    assert say("boom", ValueError()) == say("boom", ValueError()) == "boom"  # never hides a traceback
    now[0] += 61
    assert say() == "too many, more than 3 (and 2 times more since the last line)"
    assert say() is None


@pytest.mark.parametrize(("soft", "most"), [(64, 8), (256, 128), (1024, 512), (10_000, 1000), (-1, 1000)])
def test_there_are_fewer_connections_than_descriptors(monkeypatch: pytest.MonkeyPatch, soft: int, most: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    assert wire.most_connections() == most
