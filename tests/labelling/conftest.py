"""Label stores to test against: an SQLite file, and a throw-away PostgreSQL server where one is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_helpers import CHROMIUM, App
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from prefect_helpers import FakePrefect

from labelling.desk.project import note_own_server
from labelling.store import Store

MEMORY = Path("/dev/shm")
ROOM = 4 * 2**30  # bytes: a database a test, eight megabytes in three hundred files each


def place_of_databases() -> Path | None:
    """A file system in memory, where one is large enough: hundreds of databases are made and removed in a third of the time."""
    return MEMORY if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM else None


class PostgresServer:
    """A server of our own on a random loopback port, in a temporary folder, gone afterwards."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="loupe-pg-", dir=place_of_databases()))
        self.user: str | None = None
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            names = {entry.pw_name for entry in pwd.getpwall()}
            self.user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(self.folder, self.user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, user=self.user, capture_output=True, text=True, cwd=self.folder, check=False)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")

    def start(self) -> None:
        data = str(self.folder / "data")
        self._run(str(self.programs / "initdb"), "-D", data, "-U", "loupe", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.restart()

    def restart(self) -> None:
        data = str(self.folder / "data")
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c shared_buffers=16MB -c fsync=off"
        log = str(self.folder / "log")
        self._run(str(self.programs / "pg_ctl"), "-D", data, "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        self._run(str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self) -> str:
        import psycopg

        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(f"postgresql://loupe@127.0.0.1:{self.port}/postgres", autocommit=True) as db:
            db.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql://loupe@127.0.0.1:{self.port}/{name}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("no PostgreSQL server under /usr/lib/postgresql: apt-get install postgresql")
    server = PostgresServer(found[-1].parent)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a fresh store goes: a path, or the URL of an empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "labels.sqlite")
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    with Store.open(place) as opened:
        yield opened


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "labels.sqlite") as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser without a window. Not for the whole session: while it runs, asyncio.run() would fail."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}: apt-get install chromium-headless-shell")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser profile of its own: no cookie, nothing stored, 1280 x 800."""
    opened = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield opened
    opened.close()


@pytest.fixture
def app(sqlite_store: Store) -> Iterator[App]:
    """The labelling app over an empty store."""
    running = App(sqlite_store)
    yield running
    running.stop()


@pytest.fixture
def prefect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePrefect]:
    """A server of this project's own, as PREFECT_API_URL; the working folder is the project's."""
    with FakePrefect() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        monkeypatch.setenv("PREFECT_API_URL", server.api)
        monkeypatch.chdir(tmp_path)
        note_own_server(server.api)
        yield server
        server.shutdown()
