"""Answers to "which of two is better?" as arrays: the one type that every estimator of scores takes. numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

FIRST, SECOND, TIE = 0, 1, 2
UNKNOWN = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparisons:
    """N answers. items: what is compared (methods, or pictures); observers, scenes: who answered, about what.

    first, second, observer, scene: (N,) places in these. choice: (N,) FIRST, SECOND or TIE; "can't tell" is no answer, and is
    left out before. left: (N,) which of the two was shown on the left, FIRST or SECOND, or UNKNOWN. Raises ValueError: arrays
    of unequal length, places that are none, an item compared with itself.
    """

    items: tuple[str, ...]
    observers: tuple[str, ...]
    scenes: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray
    choice: np.ndarray
    observer: np.ndarray
    scene: np.ndarray
    left: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int8))

    def __post_init__(self) -> None:
        if not len(self.left):
            object.__setattr__(self, "left", np.full(len(self.first), UNKNOWN, dtype=np.int8))
        arrays = {name: getattr(self, name) for name in ("first", "second", "choice", "observer", "scene", "left")}
        if len({array.shape for array in arrays.values()}) > 1 or self.first.ndim != 1:
            raise ValueError(f"arrays of one length are wanted: { ({n: a.shape for n, a in arrays.items()}) }")
        bounds = {
            "first": (0, len(self.items)), "second": (0, len(self.items)), "choice": (FIRST, TIE + 1),
            "observer": (0, len(self.observers)), "scene": (0, len(self.scenes)), "left": (UNKNOWN, TIE),
        }  # fmt: skip
        for name, (low, high) in bounds.items():
            if len(arrays[name]) and not (arrays[name].min() >= low and arrays[name].max() < high):
                raise ValueError(f"{name} holds values outside {low} to {high - 1}")
        if (self.first == self.second).any():
            raise ValueError("an item is compared with itself")

    def __len__(self) -> int:
        return len(self.first)

    def where(self, kept: np.ndarray) -> Self:
        """Those answers alone, by mask or places; names stay as they are."""
        arrays = {
            name: getattr(self, name)[kept] for name in ("first", "second", "choice", "observer", "scene", "left")
        }
        return type(self)(items=self.items, observers=self.observers, scenes=self.scenes, **arrays)

    def wins(self) -> np.ndarray:
        """(M, M): how often item i was preferred to item j, a tie half to each. For some thousand items at most."""
        counts = np.zeros((len(self.items), len(self.items)))
        first = np.array([1.0, 0.0, 0.5])[self.choice]
        np.add.at(counts, (self.first, self.second), first)
        np.add.at(counts, (self.second, self.first), 1 - first)
        return counts


def comparisons_of(items: Sequence[str], rows: Iterable[tuple[str, ...]]) -> Comparisons:
    """Of answers (first item, second item, choice, observer, scene) or (..., scene, left).

    choice is first, second or tie, anything else is no answer; left: first or second, anything else is not known. items: in the
    order that scores shall have. Raises ValueError for an answer on an item that is not among them.
    """
    said = {"first": FIRST, "second": SECOND, "tie": TIE}
    told = [row for row in rows if row[2] in said]
    place = {item: number for number, item in enumerate(items)}
    if unknown := {name for row in told for name in row[:2]} - set(place):
        raise ValueError(f"there are votes on what is not compared: {', '.join(sorted(unknown))}")
    observers, observer = places([row[3] for row in told])
    scenes, scene = places([row[4] for row in told])
    first, second, choice = (
        np.array([table[row[column]] for row in told], dtype=np.int64)
        for column, table in ((0, place), (1, place), (2, said))
    )
    sides = {"first": FIRST, "second": SECOND}
    left = np.array([sides.get(row[5], UNKNOWN) if len(row) > 5 else UNKNOWN for row in told], dtype=np.int8)
    return Comparisons(
        items=tuple(items), observers=observers, scenes=scenes, first=first, second=second, choice=choice,
        observer=observer, scene=scene, left=left,
    )  # fmt: skip


def places(values: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The different values in ascending order, and the place (N,) of each value among them."""
    names, found = np.unique(np.asarray(values, dtype=object).astype(str), return_inverse=True)
    return tuple(map(str, names)), found.reshape(-1)
