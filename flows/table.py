"""The flows there are: one for each kind of pictures, one for the search of networks, one for the genetic search.

Each is a Prefect flow of this module, under its name with underscores: `flows.table:low_light`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flows import reports
from tasks.registry import KINDS


@dataclass(frozen=True)
class FlowEntry:
    """A flow: what it is called in Prefect, the stage or stages that it brings up to date, and what it does."""

    name: str
    target: str
    text: str

    @property
    def attribute(self) -> str:
        return self.name.replace("-", "_")


def _entries() -> dict[str, FlowEntry]:
    found = {}
    for kind in KINDS:
        target = f"{reports.REPORT}@{kind}"
        name = kind.replace("_", "-")
        text = f"The rounds of {kind.replace('_', ' ')}; they suspend where labels are missing."
        found[name] = FlowEntry(name, target, text)
    found["search"] = FlowEntry("search", "search_report", "The search of network and loss, and what it found.")
    found["genetic"] = FlowEntry(
        "genetic", "genetic_evaluate", "The per-photo genetic search, its predictor, and the evaluation of both."
    )
    return found


FLOWS = _entries()


def wanted(settings: Mapping[str, Any]) -> list[FlowEntry]:
    """The flows of the kinds that params.yaml names, and those that have something to do."""
    genetic = settings.get("genetic")
    lists = {
        "search": settings.get("searched"),
        "genetic": genetic.get("kinds") if isinstance(genetic, Mapping) else None,
    }
    kinds = settings.get("kinds")
    asked = {str(kind).replace("_", "-") for kind in kinds} if isinstance(kinds, Mapping) else set(FLOWS) - set(lists)
    return [entry for entry in FLOWS.values() if lists.get(entry.name, entry.name in asked)]


def flow_of(entry: FlowEntry) -> Any:
    """The Prefect flow; its default target is the entry's."""
    from flows import running  # before prefect: it settles where Prefect keeps its data

    # isort: split
    from prefect import flow
    from prefect.client.schemas.objects import State

    def bring(target: str = entry.target) -> State[Any]:
        return running.bring_up_to_date(target)

    function: Callable[..., Any] = bring
    function.__name__ = function.__qualname__ = entry.attribute
    function.__doc__ = f"{entry.text} Brings `target` up to date: runs every stage whose inputs are there."
    return flow(name=entry.name, flow_run_name=running.run_name, persist_result=False)(function)


def __getattr__(name: str) -> Any:
    """`flows.table.low_light`, as Prefect's workers ask for it."""
    entry = FLOWS.get(name.replace("_", "-"))
    if entry is None or name != entry.attribute:
        raise AttributeError(f"no flow is called {name!r}")
    found = globals()[name] = flow_of(entry)
    return found
