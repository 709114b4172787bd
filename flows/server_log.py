"""What Prefect's server writes to its log of errors, for the terminal: its services fail quietly otherwise."""

from __future__ import annotations

import re
import time
from pathlib import Path

_ERROR = re.compile(r"\|\s*(?:ERROR|CRITICAL)\s*\|\s*(.*)|^(?:ERROR|CRITICAL)[: ]+(.*)")
_CAUSE = re.compile(r"^(?:[a-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Refused|Timeout)\b.*")
_AGAIN_SECONDS = 600.0


class ServerLog:
    """Follows a log from its end as it was when this was made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = path.stat().st_size if path.exists() else 0
        self._rest = ""
        self._said: dict[str, float] = {}

    def new_errors(self) -> list[str]:
        """The errors written since the last call, a line each with its cause; the same one once in ten minutes."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except OSError:
            return []
        self._at += len(data)
        *lines, self._rest = (self._rest + data.decode("utf-8", errors="replace")).split("\n")
        found: list[str] = []
        for line in lines:
            if error := _ERROR.search(line):
                found.append((error[1] or error[2]).strip())
            elif found and _CAUSE.match(line):
                found[-1] += f": {line.strip()}"
        return [line for line in found if self._is_news(line)]

    def _is_news(self, line: str) -> bool:
        now = time.monotonic()
        if now - self._said.get(line, -_AGAIN_SECONDS) < _AGAIN_SECONDS:
            return False
        self._said[line] = now
        return True
