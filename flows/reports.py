"""The project's reports as pages on loopback, so that Prefect's pages can link to them (browsers open no file from there)."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tasks.registry import KINDS

REPORT = "report"
# The stages that make a page, as a target says them: its page is data/KIND/STAGE/report.html.
_TARGET = re.compile(r"(report|search_report)@(\w+)")
HEADLINE = "headline.txt"
_NOTED = Path(".loupe") / "report-address"
_HOSTS = ("127.0.0.1", "localhost")


def page_of(target: str) -> Path | None:
    """The page that a stage makes, from the project's folder; None for a stage without."""
    found = _TARGET.fullmatch(target)
    return Path("data") / found[2] / found[1] / "report.html" if found else None


def _asked(path: str) -> Path | None:
    """The page at an address: /low_light is its report, /brackets/search_report what its search found."""
    kind, _, stage = path.strip("/").partition("/")
    return page_of(f"{stage or REPORT}@{kind}") if kind in KINDS else None


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Serve the pages of the project in `root` at http://127.0.0.1:PORT/KIND and so on while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            host = (self.headers.get("Host") or "").rsplit(":", 1)[0]
            page = _asked(self.path)
            if host not in _HOSTS or page is None:
                self.send_error(404)
                return
            try:
                content = (root / page).read_bytes()
            except OSError:
                self.send_error(404, f"{page} is not there yet")
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    address = f"http://127.0.0.1:{server.server_address[1]}"
    noted = root / _NOTED
    noted.parent.mkdir(parents=True, exist_ok=True)
    noted.write_text(address + "\n", encoding="utf-8")
    thread = threading.Thread(target=server.serve_forever, name="reports", daemon=True)
    thread.start()
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()
        with contextlib.suppress(OSError):
            if noted.read_text(encoding="utf-8").strip() == address:
                noted.unlink()


def link(root: Path, page: Path) -> str:
    """Where a browser finds the page: at the address of `served` where it runs, else the file."""
    try:
        address = (root / _NOTED).read_text(encoding="utf-8").strip()
    except OSError:
        return (root / page).resolve().as_uri()
    _, kind, stage, _ = page.parts
    return f"{address}/{kind}" if stage == REPORT else f"{address}/{kind}/{stage}"


def headline(root: Path, page: Path) -> str:
    """What came out, in a sentence; empty where the report says none."""
    try:
        return (root / page).with_name(HEADLINE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
