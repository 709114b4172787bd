"""Where the labelling apps of this project run: one address a line in `.loupe/label-address`, the newest one last."""

from __future__ import annotations

import fcntl
import http.client
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from labelling.store import project_root

_PATIENCE = 2.0  # seconds: a server that has just begun to listen answers a little later


@contextmanager
def noted(address: str) -> Iterator[None]:
    """Have the address in the file for as long as the server runs; those of others that run stay, dead ones go."""
    with _locked() as path:
        _write(path, [*(each for each in _lines(path) if each != address and answers(each)), address])
    try:
        yield
    finally:
        try:
            with _locked() as path:
                _write(path, [each for each in _lines(path) if each != address])
        except OSError:  # the project was removed, or is no longer writable
            pass


def running() -> str | None:
    """The address of a labelling app of this project that answers, the newest one, else None."""
    found = reversed(_lines(_place()))
    return next((address for address in found if answers(address)), None)


def answers(address: str) -> bool:
    """True if a labelling app answers at `address`, or at its port of this machine where others know it by that name."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme != "http" or not host or not port:
        return False
    return any(_answers(place, port, parts.netloc) for place in dict.fromkeys((host, "127.0.0.1", "::1")))


def _answers(host: str, port: int, name: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    try:
        connection.connect()
    except (OSError, UnicodeError):
        return False
    try:
        connection.request("GET", "/", headers={"Host": name})
        response = connection.getresponse()
        return response.status == 401 and b"Loupe" in response.read(1 << 16)
    except TimeoutError:  # it is there, and busy
        return True
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _place() -> Path:
    return project_root() / ".loupe" / "label-address"


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]


def _write(path: Path, addresses: Sequence[str]) -> None:
    if not addresses:
        path.unlink(missing_ok=True)
        return
    part = path.with_name(f".{path.name}.part")
    part.write_text("".join(f"{address}\n" for address in addresses), encoding="utf-8")
    part.replace(path)


@contextmanager
def _locked() -> Iterator[Path]:
    """The file, while no other process changes it."""
    path = _place()
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield path
    finally:
        os.close(folder)
