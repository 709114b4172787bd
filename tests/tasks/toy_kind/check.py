"""What `loupe check` says of flat pictures, before they are drawn; see `tasks.kinds.base.Check`."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.datasets.looking import Findings, against_crops
from toy_kind.kind import KIND
from toy_kind.params import Dataset


def look_at(dataset: Dataset, crops: Mapping[str, int], found: Findings) -> None:
    found.counts.append(f"{KIND.name}.dataset: {dataset.count} pictures")
    against_crops(f"{KIND.name}.dataset", [dataset.side], crops, found.faults, found.warnings)
