"""What a stage sees of params.yaml: the parts that it declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.config import Params

OWN = "{kind}."
ROUNDS = "kinds.{kind}.rounds"
# Why a property of a view has no value.
_PROPERTIES = {
    "kind": "this stage is of no kind of pictures",
    "section": "this stage does not declare {kind} (PARAMS, dvc.yaml)",
    "rounds": f"this stage does not declare {ROUNDS} (PARAMS, dvc.yaml)",
}


class View:
    """The parts of params.yaml that a stage declares; any other is refused, so that dvc.yaml cannot miss one.

    declared: sections (`seed`), those of the stage's kind (`{kind}.pairs`) and parts of them (`{kind}.judge.network`);
    `machine` is always there. A kind's are attributes without its name: `params.pairs`. kind: of the stage, if it has one.
    """

    def __init__(self, params: Params, declared: Sequence[str], kind: str | None = None) -> None:
        self._params = params
        self._declared = tuple(declared)
        self._kind = kind

    @property
    def kind(self) -> str:
        """The kind of pictures that the stage works on."""
        if self._kind is None:
            raise AttributeError(_PROPERTIES["kind"])
        return self._kind

    @property
    def section(self) -> Any:
        """All of the kind's section of params.yaml."""
        if "{kind}" not in self._declared:
            raise AttributeError(_PROPERTIES["section"])
        return self._params.of(self.kind)

    @property
    def rounds(self) -> list[str]:
        """The labelled rounds of the kind: r01, r02, ..."""
        if ROUNDS not in self._declared:
            raise AttributeError(_PROPERTIES["rounds"])
        return [f"r{number:02d}" for number in range(1, self._params.kinds[self.kind].rounds + 1)]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in _PROPERTIES:  # Python asks here when a property has raised AttributeError
            raise AttributeError(_PROPERTIES[name])
        if name in self._declared or name == "machine":
            return getattr(self._params, name)
        if "{kind}" in self._declared:
            return getattr(self.section, name)
        own = [path.removeprefix(OWN) for path in self._declared if path.startswith(OWN)]
        if not own:
            return _part(self._params, (), name, "")
        return _part(self._params.of(self.kind), own, name, f"{self._kind}.")


class _Part:
    """A section of which a stage declares parts only."""

    def __init__(self, section: Any, declared: Sequence[str], place: str) -> None:
        self._section, self._declared, self._place = section, declared, place

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _part(self._section, self._declared, name, self._place)


def _part(section: Any, declared: Sequence[str], name: str, place: str) -> Any:
    if name in declared:
        return section[name] if isinstance(section, Mapping) else getattr(section, name)
    inner = [path.removeprefix(f"{name}.") for path in declared if path.startswith(f"{name}.")]
    if not inner:
        raise AttributeError(f"this stage does not declare the params {place}{name} (PARAMS, dvc.yaml)")
    return _Part(section[name] if isinstance(section, Mapping) else getattr(section, name), inner, f"{place}{name}.")
