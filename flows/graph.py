"""The stage graph as DVC has it. It is read here and stated nowhere else."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dvc.stage import Stage

_ROUND = re.compile(r"@(?:(\w+)-)?(r\d+)$")


class GraphError(RuntimeError):
    """DVC cannot read the graph, or it lacks the stage that was asked for."""


@dataclass(frozen=True)
class StageNode:
    """One stage: its name for `dvc repro -s`, the stages it needs, whether it wants the GPU, its metrics files."""

    name: str
    upstream: tuple[str, ...]
    gpu: bool = False
    metrics: tuple[Path, ...] = ()

    @property
    def round(self) -> str | None:
        """'low_light-r01' for judge@low_light-r01, None for a stage outside the labelled rounds."""
        found = _ROUND.search(self.name)
        return found.group(0)[1:] if found else None


def read(root: Path) -> dict[str, StageNode]:
    """The graph of the project in `root`, by stage name, every stage after those it needs.

    Raises GraphError where there is no project, or where dvc.yaml or params.yaml cannot be read.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    if not (root / "dvc.yaml").is_file():
        raise GraphError(f"no dvc.yaml in {root}: start this in the folder of the project")
    try:
        with Repo(str(root)) as repo:
            edges = repo.index.graph
            nodes = [
                StageNode(
                    name=_name(stage, root),
                    upstream=tuple(sorted(_name(needed, root) for needed in edges.successors(stage))),
                    gpu=bool((getattr(stage, "meta", None) or {}).get("gpu")),
                    metrics=tuple(Path(out.fs_path) for out in stage.outs if out.metric),
                )
                for stage in edges.nodes
            ]
    except DvcException as error:
        raise GraphError(f"DVC cannot read the graph of {root}: {error}") from error
    return {node.name: node for node in _sorted(nodes)}


def order(nodes: dict[str, StageNode], target: str) -> list[StageNode]:
    """The stages that `target` needs and the target itself, every stage after those it needs.

    target: a stage, or all of a name as for `dvc repro`: `report` for report@low_light and the others.
    """
    targets = [name for name in nodes if name == target or name.startswith(f"{target}@")]
    if not targets:
        raise GraphError(f"no stage named {target!r} in dvc.yaml; the stages are {', '.join(nodes)}")
    needed: set[str] = set()
    open_names = targets
    while open_names:
        name = open_names.pop()
        if name not in needed:
            needed.add(name)
            open_names.extend(nodes[name].upstream)
    return _sorted(node for node in nodes.values() if node.name in needed)


def unchanged(root: Path, names: Collection[str]) -> set[str]:
    """Those of `names` which `dvc repro` would skip now: command, parameters, inputs and outputs are as recorded.

    It asks DVC the question that `dvc repro` asks, many stages in one process. What another DVC process works on counts
    as changed: `dvc repro` will wait for it and see.
    """
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo

    same: set[str] = set()
    try:
        with Repo(str(root)) as repo, repo.lock:
            for stage in repo.index.stages:
                name = _name(stage, root)
                if name in names and not _changed(stage, LockError):
                    same.add(name)
    except DvcException:  # the lock is held, or the graph cannot be read: `dvc repro` will wait, or say why
        return set()
    return same


def unchanged_to_the_root(root: Path, plan: Sequence[StageNode]) -> set[str]:
    """The unchanged stages of `plan`, as `order` gives it, with nothing but unchanged ones before them."""
    candidates = unchanged(root, {node.name for node in plan})
    found: set[str] = set()
    for node in plan:
        if node.name in candidates and found.issuperset(node.upstream):
            found.add(node.name)
    return found


def up_to_date(root: Path, target: str) -> bool:
    """Whether `dvc repro TARGET` would run nothing. Raises GraphError. Imports no Prefect, and asks no server."""
    plan = order(read(root), target)
    return len(unchanged_to_the_root(root, plan)) == len(plan)


def _changed(stage: Stage, busy: type[Exception]) -> bool:
    try:
        return bool(stage.changed())
    except busy:
        return True


def _name(stage: Stage, root: Path) -> str:
    """What `dvc repro -s` calls the stage from `root` (DVC's own `addressing` depends on the working folder)."""
    path = Path(stage.path).resolve().relative_to(root.resolve()).as_posix()
    name = getattr(stage, "name", None)
    if name is None:
        return path
    return str(name) if path == "dvc.yaml" else f"{path}:{name}"


def _sorted(nodes: Iterable[StageNode]) -> list[StageNode]:
    """By need, then by name, so that the order is the same at every start."""
    waiting = {node.name: node for node in sorted(nodes, key=lambda node: node.name)}
    placed: dict[str, StageNode] = {}
    while waiting:
        ready = [node for node in waiting.values() if all(name not in waiting for name in node.upstream)]
        for node in ready:
            placed[node.name] = waiting.pop(node.name)
    return list(placed.values())
