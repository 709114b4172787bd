"""A webhook and a mail server on loopback, which keep what they are given."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


class Hook(ThreadingHTTPServer):
    """Answers each POST with `status` and keeps its JSON."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _HookHandler)
        self.status = 200
        self.taken: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/services/SECRET"


class _HookHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        hook = cast("Hook", self.server)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if hook.status < 300:
            hook.taken.append(body)
        self.send_response(hook.status)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as smtplib asks for; keeps what it is given."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MailHandler)
        self.taken: list[EmailMessage] = []
        self.port = int(self.server_address[1])


class _MailHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 receiver\r\n")
        while line := self.rfile.readline().strip():
            if line.upper() == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
                found = message_from_bytes(b"".join(lines), policy=policy.default)
                cast("MailServer", self.server).taken.append(cast("EmailMessage", found))
            elif line.upper() == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 fine\r\n")


@contextmanager
def receiving() -> Iterator[tuple[Hook, MailServer]]:
    with Hook() as hook, MailServer() as mails:
        threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in (hook, mails)]
        for thread in threads:
            thread.start()
        try:
            yield hook, mails
        finally:
            for server in (hook, mails):
                server.shutdown()
