"""The curves of a training, as files that `dvc metrics` and `dvc plots` read; the layout and the bytes are DVCLive's.

(DVCLive itself imports all of DVC, which costs every training a second and a half.)
"""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pictures import placed


class Curves:
    """metrics.json (the last value of each metric, and the step) and plots/metrics/NAME.tsv (all of them) in a folder."""

    def __init__(self, folder: Path) -> None:
        """Removes what an earlier training left there."""
        self._folder = folder = placed(folder)
        self._last: dict[str, float | str] = {}
        self._step: int | None = None
        shutil.rmtree(folder / "plots" / "metrics", ignore_errors=True)
        (folder / "metrics.json").unlink(missing_ok=True)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve; NaN and infinity are written as words."""
        self._step = step
        for name, value in values.items():
            shown = value if math.isfinite(value) else str(value)
            self._last[name] = shown
            path = self._folder / "plots" / "metrics" / f"{name}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            new = not path.exists()
            with path.open("a", encoding="utf-8", newline="") as file:
                rows = csv.writer(file, delimiter="\t", lineterminator=os.linesep)
                if new:
                    rows.writerow(("step", name))
                rows.writerow((step, shown))

    def finish(self) -> None:
        """Write metrics.json."""
        self._folder.mkdir(parents=True, exist_ok=True)
        summary = self._last | ({} if self._step is None else {"step": self._step})
        (self._folder / "metrics.json").write_text(json.dumps(summary, indent=4) + "\n", encoding="utf-8")


@contextmanager
def curves(folder: Path) -> Iterator[Curves]:
    """Curves in a folder, finished however the training ends."""
    found = Curves(folder)
    try:
        yield found
    finally:
        found.finish()
