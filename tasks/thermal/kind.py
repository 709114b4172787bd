"""An infrared and a visible picture of one scene: they are fused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.kinds.base import Kind


@dataclass(frozen=True)
class Thermal(Kind):
    def crops(self, section: Any) -> Mapping[str, int]:
        return {"start.crop": section.start.crop}

    def absent_references(self, section: Any) -> str | None:
        return "infrared and visible pairs have none"


KIND = Thermal(
    name="thermal",
    table="infrared_visible",
    sources=(("infrared", "infrared_sha256"), ("visible", "visible_sha256")),
)
