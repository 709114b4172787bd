"""params.yaml: its whole shape, validated before anything runs.

Unknown keys, wrong types and impossible values are all reported at once, each with its path. YAML is read as DVC reads it
(YAML 1.2: `1e-4` is a number, a repeated key an error). Each kind of pictures has a section under its name, whose shape is
the kind's own (`tasks.KIND.params`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, create_model, field_validator, model_validator

from tasks import kinds
from tasks.config.base import Revision, Section, Seed, lines_of, metrics_of_fusion
from tasks.config.former import former_keys
from tasks.config.genetic import Amortise, Genetic, GeneticEvaluate
from tasks.config.notify import Notify
from tasks.config.rounds import KindSection
from tasks.config.view import View
from tasks.config.yaml_file import ConfigError, read_yaml
from tasks.registry import KINDS

__all__ = [
    "PARAMS_FILE",
    "PROCESSES",
    "ConfigError",
    "KindSection",
    "Params",
    "View",
    "load",
    "load_whole",
    "read_yaml",
    "validate",
]

PARAMS_FILE = Path("params.yaml")
_SHOWN = 100
PROCESSES = "processes"
CLUSTER = ("tcp://", "tls://", "ucx://")
GENETIC, SEARCH = "genetic", "search"


class Machine(Section):
    """Where to run. No stage depends on it: changing it re-runs nothing.

    processes: that a training is shared by at most, one a GPU or on the cores; 0: as many as there are GPUs.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: Annotated[int, Field(ge=0, le=1024)] = 0
    processes: Annotated[int, Field(ge=0, le=64)] = 1
    executor: str = PROCESSES
    stages: Annotated[int, Field(ge=1, le=64)] = 2
    label_address: str | None = None

    @field_validator("label_address")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        if address is not None and not address.startswith(("http://", "https://")):
            raise ValueError("label_address is where people's browsers find the labelling app, http://HOST:PORT")
        return address

    @field_validator("executor")
    @classmethod
    def _known(cls, executor: str) -> str:
        if executor != PROCESSES and not executor.startswith(CLUSTER):
            raise ValueError(f"executor is 'processes' or the address of a Dask scheduler ({', '.join(CLUSTER)}...)")
        return executor


class Schedule(Section):
    """When Prefect starts a flow by itself: a cron line in a time zone. A schedule set in Prefect's pages needs none."""

    cron: str
    timezone: str = "UTC"


class KindEntry(Section):
    """That there are the stages of a kind. start: what of data/KIND the training of f(0) reads; rounds: how many it has."""

    start: str
    rounds: Annotated[int, Field(ge=1, le=99)]


class Round(Section):
    """A labelled round. candidates: what of data/KIND is compared with f(n) besides f(n-1); `pictures`: nothing else is.

    All of it is read by dvc.yaml, so nothing may be left out.
    """

    kind: str
    round: str
    prev: str
    candidates: Literal["pictures", "genetic"]
    label_rev: Revision


class Params(Section):
    """The whole of params.yaml but for the kinds' sections, which `_whole_model` adds."""

    scale: str
    seed: Seed
    machine: Machine
    schedule: dict[str, Schedule] | None = None
    notify: Notify | None = None
    kinds: Annotated[dict[str, KindEntry], Field(min_length=1)]
    searched: list[str]
    rounds: Annotated[dict[str, Round], Field(min_length=1)]
    genetic: Genetic
    genetic_evaluate: GeneticEvaluate
    amortise: Amortise

    def of(self, kind: str) -> Any:
        """The section of a kind."""
        return getattr(self, kind)

    def last_round(self, kind: str) -> str:
        return f"r{self.kinds[kind].rounds:02d}"

    @field_validator("kinds")
    @classmethod
    def _known(cls, found: dict[str, KindEntry]) -> dict[str, KindEntry]:
        unknown = [name for name in found if name not in KINDS]
        if unknown:
            raise ValueError(f"no kind of pictures is called {unknown[0]!r}; known are {', '.join(KINDS)}")
        return found

    @model_validator(mode="after")
    def _consistent(self) -> Params:
        faults = [*self._list_faults(), *self._round_faults(), *self._kind_faults()]
        if faults:
            raise ValueError("\n  ".join(faults))
        return self

    def _list_faults(self) -> list[str]:
        faults = []
        starts = {
            name: kinds.named(name).start_of(section) for name in self.kinds if (section := self.of(name)) is not None
        }
        faults += [
            f"kinds.{name}.start must be {wanted!r}, which the training of its f(0) reads ({name}.model)"
            for name, wanted in starts.items()
            if self.kinds[name].start != wanted
        ]
        searched = [name for name, start in starts.items() if start == SEARCH]
        if len(starts) == len(self.kinds) and self.searched != searched:
            faults.append(f"searched must be {searched}: the kinds in `kinds` whose start is {SEARCH}")
        for name in self.genetic.kinds:
            if name not in self.kinds:
                faults.append(f"genetic.kinds names {name!r}, which is not in kinds")
            elif kinds.named(name).source_names:
                faults.append(f"genetic.kinds names {name!r}, whose scenes have several pictures; the search takes one")
        flows = {name.replace("_", "-") for name in self.kinds} | {GENETIC, SEARCH}
        faults += [
            f"schedule.{name}: no such flow; they are {', '.join(sorted(flows))}"
            for name in self.schedule or {}
            if name not in flows
        ]
        return faults

    def _round_faults(self) -> list[str]:
        """What is wrong with the keys of `rounds`, which `loupe rounds add` writes."""
        faults = []
        count = dict.fromkeys(self.kinds, 0)
        for key, entry in self.rounds.items():
            if entry.kind not in count:
                faults.append(f"rounds.{key}: its kind {entry.kind!r} is not in kinds")
                continue
            count[entry.kind] += 1
            wanted, before = f"r{count[entry.kind]:02d}", f"r{count[entry.kind] - 1:02d}"
            if key != f"{entry.kind}-{wanted}" or entry.round != wanted:
                faults.append(
                    f"rounds.{key}: expected {entry.kind}-{wanted} with round {wanted} in this place (round is {entry.round})"
                )
            elif entry.prev != before:
                faults.append(f"rounds.{key}: prev must be {before}, the round before, not {entry.prev!r}")
            if entry.candidates == GENETIC and entry.kind not in self.genetic.kinds:
                faults.append(f"rounds.{key}: candidates is 'genetic', but genetic.kinds does not name {entry.kind!r}")
            elif entry.candidates == GENETIC and (judge := self.genetic.judge) and judge >= entry.round:
                faults.append(
                    f"rounds.{key}: candidates is 'genetic', but the search waits for the judge of {judge} "
                    f"(genetic.objectives), which comes after this round's questions"
                )
        faults += [
            f"kinds.{name}.rounds is {entry.rounds}, but rounds has {count[name]} of {name}"
            for name, entry in self.kinds.items()
            if not faults and entry.rounds != count[name]
        ]
        return faults

    def _kind_faults(self) -> list[str]:
        """What keeps a kind from its rounds: said now, and not by the first round after minutes of training."""
        from models.quality import info

        faults = []
        for name in self.kinds:
            kind, section = kinds.named(name), self.of(name)
            if section is None:
                faults.append(f"{name}: missing, though kinds names it")
                continue
            if fault := kind.fault(section) or _metrics_of_others(kind, section):
                faults.append(f"{name}: {fault}")
            if section.labels.asks == "ratings" and not kind.criteria:
                faults.append(f"{name}.labels.asks is ratings, but {name} has no criteria to rate by; ask pairs")
            reason = kind.absent_references(section)
            labels = section.labels
            wanting = sorted(metric for metric in labels.simulated.utility if info(metric).needs_reference)
            if labels.source == "simulated" and reason and wanting:
                faults.append(
                    f"{name}.labels.simulated.utility judges by {', '.join(wanting)}, which need references, but {reason}. Set "
                    "the utility to metrics without reference (for example {niqe: 1.0}"
                    + (", or {qabf: 1.0}, which compares with the sources" if kind.source_names else "")
                    + f"), or give references, or let people label ({name}.labels.source: people)"
                )
        return faults


def _metrics_of_others(kind: kinds.Kind, section: KindSection) -> str | None:
    """Which metrics compare a picture with more sources than a scene of the kind has; else None."""
    judge = section.judge.options.get("metric") if section.judge.name == "metric" else None
    named = {
        "labels.simulated.utility": list(section.labels.simulated.utility),
        "evaluate.metrics": section.evaluate.metrics,
        "judge.options.metric": [judge] if isinstance(judge, str) else [],
    }
    sources = len(kind.sources)
    return next((fault for key, chosen in named.items() if (fault := metrics_of_fusion(key, chosen, sources))), None)


@cache
def _whole_model(names: tuple[str, ...]) -> type[Params]:
    sections: dict[str, Any] = {name: (kinds.named(name).section | None, None) for name in names}
    return create_model("Params", __base__=Params, **sections)


def validate(values: dict[str, Any], source: Path | str = PARAMS_FILE) -> Params:
    """Check a whole configuration. Raises `ConfigError` that lists every fault with the path of its key."""
    if moved := former_keys(values):
        raise ConfigError(f"{source} is of a version before, with these keys (docs/upgrading.md):\n" + "\n".join(moved))
    try:
        return _whole_model(tuple(KINDS)).model_validate(values)
    except ValidationError as error:
        lines = [f"  {line}" for line in lines_of(error)]
        faults = len(lines)
        if faults > _SHOWN:
            lines[_SHOWN:] = [f"  and {faults - _SHOWN} more"]
        count = f"{faults} fault" + ("s" if faults > 1 else "")
        raise ConfigError(f"{source} has {count}:\n" + "\n".join(lines)) from None


def load(declared: Sequence[str], kind: str | None = None, path: Path = PARAMS_FILE) -> View:
    """Validate the whole file and return the declared sections of it (see `View`)."""
    return View(load_whole(path), declared, kind)


def load_whole(path: Path = PARAMS_FILE) -> Params:
    """Validate the whole file and return all of it, for commands that are no stage."""
    return validate(read_yaml(path), path)
