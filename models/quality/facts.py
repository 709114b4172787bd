"""What is known of a metric without computing it, and what can be wrong with one. No torch."""

from __future__ import annotations

from dataclasses import dataclass

GROUP = "loupe.metrics"
"""Of the entry points by which an installed package offers metrics of its own."""
LIBRARY = "loupe 0.1.0"
"""The library named beside the values of the metrics written here."""


class UnknownMetric(KeyError):
    """No such name in the registry."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(name)
        self.message = f"no metric is called {name!r}; known are: {', '.join(known)}"

    def __str__(self) -> str:
        return self.message


class RenamedMetric(UnknownMetric):
    """The name is a former one; `message` says today's."""

    def __init__(self, name: str, now: str) -> None:
        super().__init__(name, [now])
        self.message = f"metric {name!r} is now called {now!r}; write that"


class MetricUnavailable(RuntimeError):
    """The metric exists, and what it needs (weights, a library) does not; `reason` says what."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"metric {name!r} is not available: {reason}")
        self.name, self.reason = name, reason

    def __reduce__(self) -> tuple[type[MetricUnavailable], tuple[str, str]]:
        return type(self), (self.name, self.reason)


@dataclass(frozen=True)
class MetricInfo:
    """Facts about a metric, to be stored with every value.

    value_range: lowest and highest value it gives; infinite where it has no bound.
    variant: which of the definitions in use this is (colour channel, model, window, crop).
    min_size: pixels that the shorter side must have.
    differentiable: gradients flow to the image and the reference.
    needs_sources: compares with the images that the image was made from; such a metric needs no reference.
    least_sources: how many of them it takes at least, where it needs any.
    """

    name: str
    higher_is_better: bool
    value_range: tuple[float, float]
    needs_reference: bool
    variant: str
    library: str = LIBRARY
    min_size: int = 1
    differentiable: bool = False
    needs_sources: bool = False
    least_sources: int = 2

    def __post_init__(self) -> None:
        if self.needs_sources and self.needs_reference:
            raise ValueError(
                f"metric {self.name!r} needs sources and a reference: a metric compares with one or the other"
            )
        if self.least_sources < 1:
            raise ValueError(f"metric {self.name!r} takes {self.least_sources} sources; one is the least")

    def measures(self, references: bool, sources: int) -> bool:
        """Whether all that the metric compares with is there: a reference, and so many sources."""
        return (references or not self.needs_reference) and (sources >= self.least_sources or not self.needs_sources)
