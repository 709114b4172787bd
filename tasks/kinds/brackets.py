"""Exposures of one scene, a shorter and a longer one: they are fused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.kinds.base import Kind

if TYPE_CHECKING:
    from tasks.config import Params


@dataclass(frozen=True)
class Brackets(Kind):
    def fault(self, params: Params) -> str | None:
        if params.pairs.candidates == "genetic":
            return (
                f"pairs.candidates is 'genetic', which has enhanced photos only, but loop.task is {params.loop.task!r}"
            )
        return None

    def crops(self, params: Params) -> Mapping[str, int]:
        return {"search.crop": params.search.crop, "train_fuser.crop": params.train_fuser.crop}

    def absent_references(self, params: Params) -> str | None:
        mine = params.brackets.source == "folder" and not params.brackets.folder.reference
        return "brackets.folder.reference" if mine else None


KIND = Brackets(
    name="brackets",
    table="brackets",
    sources=(("under", "under_sha256"), ("over", "over_sha256")),
    sections=("brackets", "search", "fuser", "train_fuser"),
    command="fuse",
    module=__name__,
)
