"""Every reply of the model, kept with what was asked: a file a reply, so that nothing is paid for twice.

A reply is named by the content of what it answers: model, words, pictures (their sha256 and size), form of the answer, and which
attempt it is. It is on the disk before anything is made of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelling.store import project_root
from pictures import FileFault, atomic_path, read_json


@dataclass(frozen=True)
class Spent:
    """requests: that were answered; money: in the currency of the price."""

    requests: int
    money: float


class Replies:
    """The replies under a folder: `LOUPE_LLM_REPLIES`, else `.loupe/llm` in the project's folder."""

    def __init__(self, folder: Path | None = None) -> None:
        given = os.environ.get("LOUPE_LLM_REPLIES")
        self.folder = folder or (Path(given).absolute() if given else project_root() / ".loupe" / "llm")

    @staticmethod
    def key(asked: Mapping[str, Any]) -> str:
        """Of what is asked, with pictures by their sha256."""
        return hashlib.sha256(json.dumps(asked, sort_keys=True, ensure_ascii=True).encode("ascii")).hexdigest()

    def find(self, key: str) -> dict[str, Any] | None:
        """What was kept: round, asked, reply (raw), cost; None where nothing is, or it cannot be read."""
        try:
            found = read_json(self._path(key))
        except FileFault:
            return None
        return found if isinstance(found, dict) and isinstance(found.get("reply"), dict) else None

    def keep(self, key: str, round: str, asked: Mapping[str, Any], reply: Mapping[str, Any], cost: float) -> None:
        """Write a reply to the disk, whole or not at all."""
        content = {"round": round, "cost": cost, "asked": asked, "reply": reply}
        with atomic_path(self._path(key)) as temporary:
            temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True), encoding="utf-8")

    def spent(self, round: str) -> Spent:
        """What the replies of a round have cost."""
        costs = []
        for path in sorted(self.folder.glob("??/*.json")):
            try:
                found = read_json(path)
            except FileFault:
                continue
            if isinstance(found, dict) and found.get("round") == round:
                costs.append(float(found.get("cost") or 0))
        return Spent(len(costs), sum(costs))

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"
