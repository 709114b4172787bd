"""Flat pictures: one is stretched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.kinds.base import Kind


@dataclass(frozen=True)
class Toy(Kind):
    def fault(self, section: Any) -> str | None:
        return None

    def crops(self, section: Any) -> Mapping[str, int]:
        return {}

    def absent_references(self, section: Any) -> str | None:
        return None


KIND = Toy(name="toy", table="toys", sources=(("path", "sha256"),))
