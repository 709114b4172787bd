"""dvc.yaml lists exactly the params and the code that each stage reads, so that an edit re-runs what it can change."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml

from tasks.registry import KINDS

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("cli", "flows", "labelling", "models", "pictures", "tasks")
READ_BY_STAGES = ("labelling", "models", "pictures", "tasks")
# How dvc.yaml says the kind that a stage is of: as the key or the item of a foreach over kinds, or in the item of rounds.
KIND_IN_A_NAME = re.compile(r"\$\{(?:key|item|item\.kind)\}")


@dataclass(frozen=True)
class Stage:
    """An entry of dvc.yaml for one kind of pictures; one of `foreach` counts once a kind, as it is written."""

    entry: str
    kind: str
    module: str
    params: tuple[str, ...]
    deps: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.entry}@{self.kind}"


def stages() -> Iterator[Stage]:
    for name, entry in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items():
        body: dict[str, Any] = entry.get("do", entry)
        module = re.match(r"python -m (tasks[.\w${}]+)", body["cmd"])
        assert module, f"{name}: its command does not run a module of tasks"
        own = KIND_IN_A_NAME.search(module[1])
        for kind in kinds_of(module[1]) if own else KINDS:
            yield Stage(
                name,
                kind,
                KIND_IN_A_NAME.sub(kind, module[1]),
                tuple(body.get("params", ())),
                tuple(KIND_IN_A_NAME.sub(kind, dep) for dep in body.get("deps", ())),
            )


def kinds_of(module: str) -> list[str]:
    """The kinds that have such a module: not every kind is searched."""
    return [kind for kind in KINDS if (ROOT / file_of(KIND_IN_A_NAME.sub(kind, module))).exists()]


@cache
def import_graph(kind: str) -> grimp.ImportGraph:
    """Who imports whom, also lazily inside functions, where `kind` is the only kind; imports for the type checker run nothing."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True)
    for package in ("enhancers", "fusers", "judges", "aligners", "regions"):  # these `create` imports by name
        table = package.upper()
        for build in getattr(importlib.import_module(f"models.{package}.registry"), table).values():
            graph.add_import(importer=f"models.{package}", imported=build.split(":")[0])
    for _, build in importlib.import_module("models.quality.catalogue").CATALOGUE:
        graph.add_import(importer="models.quality", imported=build.split(":")[0])
    graph.add_import(importer="tasks.kinds", imported=KINDS[kind])  # these `tasks.kinds` imports by name
    graph.add_import(importer="tasks.rounds.loop", imported=f"tasks.{kind}.models")
    graph.add_import(importer="tasks.rounds.report", imported=f"tasks.{kind}.page")
    for importer, imported in (
        ("rounds.items", "rated"), ("rounds.items", "criteria"), ("rounds.rating_phases", "criteria"),
        ("training.kept", "losses"),
    ):  # fmt: skip
        if f"tasks.{kind}.{imported}" in graph.modules:
            graph.add_import(importer=f"tasks.{importer}", imported=f"tasks.{kind}.{imported}")
    # The one exception: tasks.config looks names up (kinds, metrics, enhancers, layers) to say what is wrong. A name more
    # there changes no result, and must not make every stage run again.
    configs = {"tasks.config"} | graph.find_descendants("tasks.config") | {f"tasks.{name}.params" for name in KINDS}
    for importer in configs:
        for imported in graph.find_modules_directly_imported_by(importer):
            if imported.startswith(("models.", "tasks.kinds", "tasks.registry")):
                graph.remove_import(importer=importer, imported=imported)
    return graph


def file_of(module: str) -> str:
    """Path of a module from the root: pictures.files -> pictures/files.py, models.quality -> models/quality/__init__.py."""
    path = Path(*module.split("."))
    return str(path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py"))


def runs_something(path: str) -> bool:
    """Whether a package's __init__.py holds more than a docstring: it runs whenever a module of the package is imported."""
    body = ast.parse((ROOT / path).read_text()).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


@cache
def code_used(module: str, kind: str) -> frozenset[str]:
    """Files of labelling, models and tasks that run when the module does."""
    graph = import_graph(kind)
    used = {module} | graph.find_upstream_modules(module)
    packages = {".".join(name.split(".")[:depth]) for name in used for depth in range(1, name.count(".") + 1)}
    files = {file_of(name) for name in used} | {path for path in map(file_of, packages) if runs_something(path)}
    return frozenset(path for path in files if path.split("/")[0] in READ_BY_STAGES)


def expanded(dep: str) -> set[str]:
    """The Python files that a dep stands for."""
    place = ROOT / dep
    return {str(path.relative_to(ROOT)) for path in place.rglob("*.py")} if place.is_dir() else {dep}


def code_listed(stage: Stage) -> dict[str, set[str]]:
    """dep -> Python files, of the deps that are code."""
    listed = {dep: expanded(dep) for dep in stage.deps if dep.split("/")[0] in READ_BY_STAGES}
    return {dep: files for dep, files in listed.items() if files}


STAGES = list(stages())


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_params_are_those_of_the_module(stage: Stage) -> None:
    declared = importlib.import_module(stage.module).PARAMS
    listed = [
        KIND_IN_A_NAME.sub("{kind}", path.replace("rounds.${key}", "rounds.{kind}-{round}")) for path in stage.params
    ]
    assert sorted(listed) == sorted(declared), f"dvc.yaml, {stage.name}: params should be [{', '.join(declared)}]"


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_deps_are_the_code_that_runs(stage: Stage) -> None:
    used, listed = code_used(stage.module, stage.kind), code_listed(stage)
    covered = set().union(*listed.values())
    advice = [f"  add     {path}" for path in sorted(used - covered)]
    anywhere = set().union(*(code_used(other.module, other.kind) for other in STAGES if other.entry == stage.entry))
    advice += [f"  remove  {dep}" for dep, files in sorted(listed.items()) if not files & anywhere]
    assert not advice, f"dvc.yaml, deps of {stage.name}:\n" + "\n".join(advice)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_deps_exist_and_come_once(stage: Stage) -> None:
    assert len(set(stage.deps)) == len(stage.deps)
    listed = code_listed(stage)
    assert [dep for dep in listed if not (ROOT / dep).exists()] == []
    doubled = [dep for dep in listed for other in listed if dep != other and listed[dep] <= listed[other]]
    assert doubled == [], f"dvc.yaml, {stage.name}: {doubled} are inside of folders that are listed"


def test_data_beside_the_code_is_listed() -> None:
    """Files that a module reads from a folder of its package, such as templates."""
    for stage in STAGES:
        for path in code_used(stage.module, stage.kind):
            for folder in {entry.parent for entry in (ROOT / path).parent.glob("*/*") if entry.suffix in DATA_SUFFIXES}:
                if f'"{folder.name}"' in (ROOT / path).read_text():
                    place = str(folder.relative_to(ROOT))
                    covered = any(place == dep or place.startswith(f"{dep}/") for dep in stage.deps)
                    assert covered, f"dvc.yaml, {stage.name}: {path} reads {place}; add it"


DATA_SUFFIXES = {".html", ".css", ".js", ".json", ".yaml", ".txt", ".svg"}


def test_every_stage_module_has_a_stage() -> None:
    """A module that can be run as a stage is in the graph."""
    runnable = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "tasks").rglob("*.py")
        if re.search(r"^    stage\(\s*__doc__", path.read_text(), re.MULTILINE)
    }
    assert runnable == {stage.module for stage in STAGES}


def test_a_code_change_reruns_only_what_uses_it() -> None:
    """Examples of what the lists are for."""
    users = {path: {s.name for s in STAGES if path in set().union(*code_listed(s).values())} for path in (
        "models/judges/ranker.py", "models/degradation.py", "labelling/web/app.py", "models/enhancers/curve.py",
        "tasks/rounds/judge.py",
    )}  # fmt: skip
    assert users["labelling/web/app.py"] == set()
    assert {"pictures@low_light", "pictures@brackets"} <= users["models/degradation.py"]
    assert "start@low_light" in users["models/enhancers/curve.py"]
    assert "start@low_light" not in users["models/judges/ranker.py"]
    assert "align@low_light" not in users["tasks/rounds/judge.py"]


def test_editing_a_kind_reruns_nothing_of_another() -> None:
    for stage in STAGES:
        others = tuple(f"tasks/{kind}" for kind in KINDS if kind != stage.kind)
        assert not [dep for dep in stage.deps if dep.startswith(others)], stage.name
        assert not [dep for dep in stage.deps if dep.startswith("data/") and dep.split("/")[1] != stage.kind], (
            stage.name
        )
        assert not [path for path in code_used(stage.module, stage.kind) if path.startswith(others)], stage.name
