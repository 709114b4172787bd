"""What became of an import: how many answers were taken, which were not, and why, in a few lines."""

from __future__ import annotations

from dataclasses import dataclass, field

_SHOWN_REASONS, _SHOWN_PLACES = 12, 3
_KEPT_REASONS, _OTHER = 1000, "other reasons"


@dataclass
class Found:
    """How often something was found, and the first places of it."""

    count: int = 0
    places: list[str] = field(default_factory=list)

    def add(self, place: str) -> None:
        self.count += 1
        if len(self.places) < _SHOWN_PLACES:
            self.places.append(place)

    def __str__(self) -> str:
        more = f" and {self.count - len(self.places)} more" if self.count > len(self.places) else ""
        return f"{', '.join(self.places)}{more}"


@dataclass
class Report:
    """What became of an import. `known` were stored before; `what` is counted, in the plural.

    What was refused, and the cells that were dropped of answers that were taken all the same, are counted by reason. Of
    many different reasons those that come first are kept, so that a report stays small.
    """

    what: str = "votes"
    taken: int = 0
    known: int = 0
    notes: list[str] = field(default_factory=list)
    _refused: dict[str, Found] = field(default_factory=dict)
    _dropped: dict[str, Found] = field(default_factory=dict)

    @property
    def refused(self) -> list[tuple[str, str]]:
        """(place, reason): of each reason the first places."""
        return [(place, reason) for reason, found in self._refused.items() for place in found.places]

    @property
    def dropped(self) -> list[tuple[str, str]]:
        """(place, reason): of each reason the first places."""
        return [(place, reason) for reason, found in self._dropped.items() for place in found.places]

    @property
    def not_taken(self) -> int:
        return sum(found.count for found in self._refused.values())

    @property
    def found(self) -> int:
        """All answers that the file has."""
        return self.taken + self.known + self.not_taken

    @property
    def in_vain(self) -> bool:
        """True where nothing of the file is stored."""
        return self.taken + self.known == 0

    def refuse(self, place: str, reason: str) -> None:
        """Count what is not taken."""
        _note(self._refused, place, reason)

    def drop(self, place: str, reason: str) -> None:
        """Count a cell that cannot be read, of an answer that counts without it."""
        _note(self._dropped, place, reason)

    def note(self, line: str) -> None:
        """Say something once."""
        if line not in self.notes:
            self.notes.append(line)

    def lines(self) -> list[str]:
        """The report as it is printed: the sums, the notes, and each reason with the first places it was found at."""
        sums = f"{self.taken} of {self.found} {self.what} taken, {self.known} there already, {self.not_taken} not taken"
        return [
            sums,
            *(f"note: {note}" for note in dict.fromkeys(self.notes)),
            *_told("taken without a cell that cannot be read", self._dropped),
            *_told("not taken", self._refused),
        ]


def _note(entries: dict[str, Found], place: str, reason: str) -> None:
    entries.setdefault(reason if reason in entries or len(entries) < _KEPT_REASONS else _OTHER, Found()).add(place)


def _told(what: str, entries: dict[str, Found]) -> list[str]:
    by_count = sorted(entries.items(), key=lambda entry: -entry[1].count)
    lines = [f"{what} ({found.count}): {reason}: {found}" for reason, found in by_count[:_SHOWN_REASONS]]
    if len(by_count) > _SHOWN_REASONS:
        rest = sum(found.count for _, found in by_count[_SHOWN_REASONS:])
        lines.append(f"{what} ({rest}): {len(by_count) - _SHOWN_REASONS} more reasons")
    return lines
