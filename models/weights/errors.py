"""What can go wrong when a weight is resolved."""

from __future__ import annotations


class UnknownWeight(KeyError):
    """No such name in the catalogue."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(name)
        self.message = f"no weight is called {name!r}; known are: {', '.join(known)}"

    def __str__(self) -> str:
        return self.message


class WeightUnavailable(RuntimeError):
    """No source gave the weight. `tried` lists each source with its reason, `remedy` says what to put where.

    temporary: one of them may well give it in a little while.
    """

    def __init__(self, name: str, tried: list[str], remedy: list[str], temporary: bool = False) -> None:
        self.name, self.tried, self.remedy, self.temporary = name, tried, remedy, temporary
        lines = [f"weight {name!r} could not be had. Tried:", *(f"  - {line}" for line in tried), *remedy]
        super().__init__("\n".join(lines))

    @property
    def reason(self) -> str:
        """The same in one line, for tables and reports."""
        return f"weight {self.name!r} could not be had ({'; '.join(self.tried)})"

    def __reduce__(self) -> tuple[type[WeightUnavailable], tuple[str, list[str], list[str], bool]]:
        return type(self), (self.name, self.tried, self.remedy, self.temporary)


class FetchError(RuntimeError):
    """One source failed; the message says why in one line. temporary: it may well answer in a little while."""

    def __init__(self, message: str, temporary: bool = False) -> None:
        super().__init__(message)
        self.temporary = temporary

    def __reduce__(self) -> tuple[type[FetchError], tuple[str, bool]]:
        return type(self), (str(self), self.temporary)
