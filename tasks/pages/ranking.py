"""The ranking of items as a drawing: scores with intervals, and a triangle of which two differ; PNG and SVG by matplotlib.

The same numbers give the same bytes: no date, a fixed salt of identifiers, matplotlib's own font.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST = 60
"""Items that are drawn, the best and the worst halves of more."""
_BLUE, _GREY, _LINE = "#0067a5", "#8a8a8a", "#d0d0d0"


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """Items best first, arrays (M,) in JOD. open: whose score comes from the prior, drawn hollow. letters: "" for none.

    differs: (M, M), above the diagonal True where two differ; None where nothing was tested.
    """

    names: Sequence[str]
    scores: np.ndarray
    low: np.ndarray
    high: np.ndarray
    open: Sequence[bool]
    letters: Sequence[str]
    differs: np.ndarray | None


def drawn(ranking: Ranking, form: str) -> bytes:
    """form: png or svg."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    shown = _shown(ranking)
    count = len(shown.names)
    triangle = shown.differs is not None and 2 <= count <= 30
    with rc_context({"svg.hashsalt": "loupe", "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": 9}):
        height = 1.1 + 0.3 * count
        figure = Figure(figsize=(7.2 + (0.3 * count + 0.6 if triangle else 0), height), layout="constrained")
        if triangle:
            axes, beside = figure.subplots(1, 2, sharey=True, width_ratios=[6.4, 0.3 * count + 0.4])
            _triangle(beside, shown)
        else:
            axes = figure.subplots()
        _scores(axes, shown)
        file = io.BytesIO()
        metadata = {"Date": None} if form == "svg" else {"Software": None}
        figure.savefig(file, format=form, dpi=160, metadata=metadata, facecolor="white")
    return file.getvalue()


def _shown(ranking: Ranking) -> Ranking:
    count = len(ranking.names)
    if count <= MOST:
        return ranking
    kept = [*range(MOST // 2), *range(count - MOST // 2, count)]
    return Ranking(
        names=[ranking.names[k] for k in kept], scores=ranking.scores[kept], low=ranking.low[kept], high=ranking.high[kept],
        open=[ranking.open[k] for k in kept], letters=[ranking.letters[k] for k in kept], differs=None,
    )  # fmt: skip


def _scores(axes: Any, shown: Ranking) -> None:
    rows = np.arange(len(shown.names))
    axes.axvline(0, color=_LINE, linewidth=1, zorder=0)
    axes.hlines(rows, shown.low, shown.high, color=_BLUE, linewidth=1.6)
    for bound in (shown.low, shown.high):
        axes.vlines(bound, rows - 0.14, rows + 0.14, color=_BLUE, linewidth=1.6)
    faces = ["white" if hollow else _BLUE for hollow in shown.open]
    axes.scatter(shown.scores, rows, c=faces, edgecolors=_BLUE, s=34, zorder=3)
    for row in range(len(rows)):
        if shown.letters[row]:
            axes.annotate(
                shown.letters[row],
                (shown.high[row], row),
                (6, 0),
                textcoords="offset points",
                va="center",
                color="#595959",
            )
    axes.set_yticks(rows, [_short(name) for name in shown.names])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.margins(x=0.1)
    axes.set_xlabel("score in JOD, 95 % interval (1 JOD: three of four prefer it)")
    axes.grid(axis="x", color=_LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _triangle(axes: Any, shown: Ranking) -> None:
    """A square where the row's item is better than the column's beyond doubt, a ring where that cannot be told."""
    upper, lower = np.triu_indices(len(shown.names), 1)
    told = shown.differs[upper, lower] if shown.differs is not None else np.zeros(len(upper), dtype=bool)
    axes.scatter(lower[told], upper[told], marker="s", s=70, color=_BLUE)
    axes.scatter(lower[~told], upper[~told], marker="o", s=26, facecolors="none", edgecolors=_GREY)
    columns = np.arange(len(shown.names))
    axes.set_xticks(columns, [_short(name, 14) for name in shown.names], rotation=60, ha="left", rotation_mode="anchor")
    axes.xaxis.tick_top()
    axes.set_xlim(0.3, len(columns) - 0.5)
    axes.tick_params(length=0)
    axes.tick_params(axis="y", labelleft=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _short(name: str, most: int = 28) -> str:
    name = name.replace("$", r"\$")
    return name if len(name) <= most else f"{name[: most - 1]}…"
