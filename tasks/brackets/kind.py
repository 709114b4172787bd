"""Exposures of one scene, a shorter and a longer one: they are fused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.kinds.base import Kind

SEARCHED = "searched"
"""The fuser whose network and loss are searched."""


@dataclass(frozen=True)
class Brackets(Kind):
    def start_of(self, section: Any) -> str:
        """The search, but for a fuser that nobody has to search for."""
        return "search" if section.model.name == SEARCHED else super().start_of(section)

    def crops(self, section: Any) -> Mapping[str, int]:
        searched = {"search.crop": section.search.crop} if section.model.name == SEARCHED else {}
        return {**searched, "start.crop": section.start.crop}

    def absent_references(self, section: Any) -> str | None:
        mine = section.dataset.source == "folder" and not section.dataset.folder.reference
        return f"{self.name}.dataset.folder.reference is not set" if mine else None


KIND = Brackets(
    name="brackets",
    table="exposures",
    sources=(("under", "under_sha256"), ("over", "over_sha256")),
    comes_with="learned_pyramid",
)
