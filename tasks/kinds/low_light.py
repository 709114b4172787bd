"""Photos taken in the dark: one photo is enhanced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.kinds.base import Kind

if TYPE_CHECKING:
    from tasks.config import Params


@dataclass(frozen=True)
class LowLight(Kind):
    def fault(self, params: Params) -> str | None:
        from tasks.config.base import metrics_of_fusion

        for key, chosen in (
            ("labels.simulated.utility", list(params.labels.simulated.utility)),
            ("evaluate.metrics", params.evaluate.metrics),
        ):
            if fault := metrics_of_fusion(key, chosen):
                return fault
        return None

    def crops(self, params: Params) -> Mapping[str, int]:
        return {"pretrain.crop": params.pretrain.crop}

    def absent_references(self, params: Params) -> str | None:
        mine = params.dataset.source == "folder" and not params.dataset.folder.references
        return "dataset.folder.references" if mine else None


KIND = LowLight(
    name="low_light",
    table="images",
    sources=(("path", "sha256"),),
    sections=("dataset", "enhancer", "pretrain"),
    command="enhance",
    module=__name__,
)
