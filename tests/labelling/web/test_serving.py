"""The server as a process: links that work, an end that cleans up, a death that loses nothing."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from label_helpers import make_pairs, wait_for
from typer.testing import CliRunner

from cli.main import app
from labelling.store import Store, StoreError, UnknownRound
from labelling.web.addresses import running
from labelling.web.serve import _listen, serve


class Server:
    """`serve()` in a process of its own, in a project folder."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.lines: list[str] = []
        code = f"from labelling.web import serve; serve(announce=lambda line: print(line, flush=True), **{options!r})"
        environment = {
            key: value for key, value in os.environ.items() if key not in ("LOUPE_LABELS", "PREFECT_API_URL")
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if line.startswith("Links for others"):
                break
        self.links = re.findall(r"http://\S+/o/\S+", "\n".join(self.lines))
        self.address = re.search(r"runs at (\S+)", self.lines[0])[1] if self.lines else ""  # type: ignore[index]

    def browser(self, link: str) -> httpx.Client:
        client = httpx.Client(base_url=self.address, follow_redirects=True, trust_env=False)
        page = client.get(link.removeprefix(self.address))
        client.headers["X-Loupe-Session"] = re.search(r'name="session" content="([^"]+)"', page.text)[1]  # type: ignore[index]
        return client

    def end(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dvc.yaml").write_text("")
    with Store.open(tmp_path / ".loupe" / "labels.sqlite") as store:
        store.register("r01", "people", make_pairs(4), 1, "Which looks better?")
    return tmp_path


@pytest.fixture
def servers(project: Path) -> Iterator[list[Server]]:
    started: list[Server] = []
    yield started
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


def where(client: httpx.Client) -> str:
    return str(client.get("/").url).rsplit("/", 1)[1]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_links_work_and_the_end_leaves_nothing(project: Path, servers: list[Server], number: int) -> None:
    server = Server(project, open_for="anna")
    servers.append(server)
    noted = project / ".loupe" / "label-address"
    assert noted.read_text().strip() == server.address
    assert [link.rsplit("/o/")[0] for link in server.links] == [server.address] * 2
    anna, manager = (server.browser(link) for link in server.links)
    assert "Which looks better?" in anna.get("/").text
    assert anna.get("/watch").status_code == 403
    assert manager.get("/watch").status_code == 200
    response = anna.get("/")
    assert "server" not in response.headers
    for raw in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil\r\n\r\n",
        b"\x00\xff\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", int(server.address.rsplit(":", 1)[1]))) as wire:
            wire.settimeout(5)
            wire.sendall(raw)
            assert wire.recv(100).startswith(b"HTTP/1.1 400")
    code, errors = server.end(number)
    assert code == 0
    assert set(errors.splitlines()) == {"WARNING:  Invalid HTTP request received."}
    assert not noted.exists()


@pytest.mark.slow
def test_killed_and_started_again_nothing_is_lost_and_links_and_pages_go_on(
    project: Path, servers: list[Server]
) -> None:
    first = Server(project, open_for="anna")
    servers.append(first)
    anna = first.browser(first.links[0])
    place = where(anna)
    shown = anna.post("/api/next", json={"set": place, "skip": []}).json()["showing"]
    votes = [{"id": str(uuid.uuid4()), "showing": shown["id"], "answer": "left", "seconds": 1.0}]
    assert anna.post("/api/vote", json=votes[0]).status_code == 200
    later = anna.post("/api/next", json={"set": place, "skip": []}).json()["showing"]
    first.end(signal.SIGKILL)
    second = Server(project)
    servers.append(second)
    assert second.address == first.address, "a page that waits finds the server again"
    assert anna.post("/api/vote", json=votes[0]).json()["state"]["done"] == 1
    votes.append({"id": str(uuid.uuid4()), "showing": later["id"], "answer": "right", "seconds": 1.0})
    assert anna.post("/api/vote", json=votes[1]).json()["state"]["done"] == 2
    assert second.links[-1] == first.links[1]
    assert second.browser(first.links[0]).get(f"/compare/{place}").status_code == 200


@pytest.mark.slow
def test_a_second_server_leaves_the_first_ones_address(
    project: Path, servers: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links are printed for the newest one that runs, whichever ends first, and by whatever end."""
    monkeypatch.chdir(project)
    monkeypatch.delenv("LOUPE_LABELS", raising=False)
    noted = project / ".loupe" / "label-address"

    def link() -> str:
        return CliRunner().invoke(app, ["observers", "add", "ann"]).output.splitlines()[1]

    first, second, third = (Server(project) for _ in range(3))
    servers += [first, second, third]
    assert len({first.address, second.address, third.address}) == 3
    assert noted.read_text().split() == [first.address, second.address, third.address]
    assert link().startswith(f"{third.address}/o/")
    third.end(signal.SIGKILL)  # cleans nothing up
    assert link().startswith(f"{second.address}/o/")
    second.end(signal.SIGINT)
    assert first.address in noted.read_text().split()
    assert second.address not in noted.read_text().split()
    assert link().startswith(f"{first.address}/o/")
    with socket.socket() as other:  # another program has the port of the killed one
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(third.address.rsplit(":", 1)[1])))
        assert link().startswith(f"{first.address}/o/")
    fourth = Server(project)
    servers.append(fourth)
    assert noted.read_text().split() == [first.address, fourth.address], "the killed one is gone"
    first.end(signal.SIGTERM)
    assert noted.read_text().split() == [fourth.address]
    fourth.end(signal.SIGTERM)
    assert not noted.exists()
    assert "no labelling app runs here" in link()


@pytest.mark.parametrize(
    "line", ["", "nonsense", "http://[bad", "ftp://127.0.0.1:1", "http://127.0.0.1:99999", "http://no.example:9"]
)
def test_addresses_that_nobody_answers_at(project: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(project)
    (project / ".loupe" / "label-address").write_text(f"{line}\n")
    assert running() is None


def test_a_web_server_that_is_no_labelling_app(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        (project / ".loupe" / "label-address").write_text(f"http://127.0.0.1:{other.server_port}\n")
        found = running()
        other.shutdown()
        thread.join()
    assert found is None


def test_answers_are_sent_at_once() -> None:
    with _listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # what asyncio asks before it turns Nagle's algorithm off


def test_a_free_port_a_taken_one_and_an_address_of_somebody_else(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    with Store.open() as store, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="choose another"):
            serve(store, port=taken.getsockname()[1])
        with pytest.raises(OSError, match="choose another"):
            serve(store, host="203.0.113.7")
    assert not (project / ".loupe" / "label-address").exists()


def test_rounds_that_cannot_be_served(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    with Store.open() as store:
        store.register("r02", "simulated", make_pairs(1), 1, "Better?")
        with pytest.raises(UnknownRound, match="r09"):
            serve(store, ["r01", "r09"])
        with pytest.raises(StoreError, match=r"labels\.source"):
            serve(store, ["r02"])


@pytest.mark.slow
def test_other_machines_are_let_in_by_name_only(project: Path, servers: list[Server]) -> None:
    closed = Server(project, host="0.0.0.0")
    servers.append(closed)
    assert closed.address.startswith("http://127.0.0.1:")
    wait_for(lambda: httpx.get(closed.address, trust_env=False).status_code == 401)
    assert httpx.get(closed.address, headers={"Host": "labels.example"}, trust_env=False).status_code == 400
    opened = Server(project, host="0.0.0.0", allowed_hosts=["labels.example"])
    servers.append(opened)
    assert opened.address.startswith("http://labels.example:")
    local = opened.address.replace("labels.example", "127.0.0.1")
    wait_for(lambda: httpx.get(local, headers={"Host": "labels.example"}, trust_env=False).status_code == 401)
