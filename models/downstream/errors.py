"""What can be wrong with labels, and with a network that is to be tried on pictures."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 8


class LabelError(ValueError):
    """Labels that cannot be used. faults: a line each, with file and line, and what to do; the message shows the first."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(faults)
        self.faults = list(faults)

    def __str__(self) -> str:
        more = len(self.faults) - SHOWN
        return "\n".join([*self.faults[:SHOWN], *([f"and {more} faults more"] if more > 0 else [])])


class DownstreamError(ValueError):
    """A detector or a segmentation network cannot be had, or does not fit the labels; the message says what would."""


def refuse(faults: Sequence[str]) -> None:
    """Raises `LabelError` where there are faults."""
    if faults:
        raise LabelError(faults)
