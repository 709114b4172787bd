"""Photos taken in the dark: one photo is enhanced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.kinds.base import Kind


@dataclass(frozen=True)
class LowLight(Kind):
    def crops(self, section: Any) -> Mapping[str, int]:
        phases = {f"start.phases.{name}.crop": phase.crop for name, phase in section.start.phases.items()}
        return {"start.crop": section.start.crop, **phases}

    def absent_references(self, section: Any) -> str | None:
        mine = section.dataset.source == "folder" and not section.dataset.folder.references
        return f"{self.name}.dataset.folder.references is not set" if mine else None


KIND = LowLight(
    name="low_light",
    table="images",
    sources=(("path", "sha256"),),
    comes_with="local_tone",
)
