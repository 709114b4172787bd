"""Exposures of one scene, a shorter and a longer one: they are fused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.kinds.base import Kind


@dataclass(frozen=True)
class Brackets(Kind):
    def crops(self, section: Any) -> Mapping[str, int]:
        return {"search.crop": section.search.crop, "start.crop": section.start.crop}

    def absent_references(self, section: Any) -> str | None:
        mine = section.dataset.source == "folder" and not section.dataset.folder.reference
        return "dataset.folder.reference" if mine else None


KIND = Brackets(
    name="brackets",
    table="exposures",
    sources=(("under", "under_sha256"), ("over", "over_sha256")),
    start="search",
)
