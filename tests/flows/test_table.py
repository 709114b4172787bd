"""The table of flows: which there are, which a project wants, and how Prefect loads one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import flows  # noqa: F401

# isort: split
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.importtools import import_object

from flows import __main__ as command
from flows import graph, reports, running, table
from flows.table import FLOWS

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {
    "low-light": "report@low_light", "brackets": "report@brackets", "thermal": "report@thermal", "search": "search_report",
    "genetic": "genetic_evaluate",
}  # fmt: skip


def test_the_flows_there_are() -> None:
    assert {name: entry.target for name, entry in FLOWS.items()} == TARGETS
    assert [entry.name for entry in FLOWS.values()] == list(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_flow_has_its_name_and_its_target(name: str) -> None:
    flow = table.flow_of(FLOWS[name])
    assert flow.name == name
    assert flow.description is not None
    assert flow.description.startswith(FLOWS[name].text)
    assert inspect.signature(flow.fn).parameters["target"].default == TARGETS[name]


@pytest.mark.parametrize("name", TARGETS)
def test_a_flow_brings_its_own_target_up_to_date(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(running, "bring_up_to_date", asked.append)
    flow = table.flow_of(FLOWS[name])
    flow.fn()
    flow.fn("another")
    assert asked == [TARGETS[name], "another"]


def test_the_targets_are_stages_of_the_projects_graph() -> None:
    nodes = graph.read(ROOT)
    needed = {name: [node.name for node in graph.order(nodes, entry.target)] for name, entry in FLOWS.items()}
    assert needed["search"] == [
        "pictures@brackets", "search@brackets", "start@brackets", "fused@brackets", "search_report@brackets",
    ]  # fmt: skip
    assert [node.name for node in nodes.values() if node.name in needed["search"] and node.gpu] == needed["search"][1:4]
    assert {name: found[-1] for name, found in needed.items()} == {
        "low-light": "report@low_light", "brackets": "report@brackets", "thermal": "report@thermal",
        "search": "search_report@brackets", "genetic": "genetic_evaluate@low_light",
    }  # fmt: skip
    for name, other in (
        ("low-light", "brackets"),
        ("brackets", "low_light"),
        ("thermal", "brackets"),
        ("genetic", "brackets"),
    ):
        assert not [stage for stage in needed[name] if f"@{other}" in stage]


def test_a_kinds_flow_makes_its_report() -> None:
    pages = {name: page for name, entry in FLOWS.items() if (page := reports.page_of(entry.target)) is not None}
    assert pages == {
        "low-light": Path("data/low_light/report/report.html"),
        "brackets": Path("data/brackets/report/report.html"),
        "thermal": Path("data/thermal/report/report.html"),
    }
    assert reports.page_of("search_report@brackets") == Path("data/brackets/search_report/report.html")
    assert reports.page_of("judge@low_light-r01") is reports.page_of("report") is None


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ["low-light", "brackets", "thermal"]),
        ({"kinds": None, "searched": None, "genetic": None}, ["low-light", "brackets", "thermal"]),
        ({"kinds": {"low_light": {}}}, ["low-light"]),
        ({"kinds": {"brackets": {}}, "searched": ["brackets"]}, ["brackets", "search"]),
        ({"kinds": {"low_light": {}}, "genetic": {"kinds": ["low_light"]}, "searched": []}, ["low-light", "genetic"]),
        ({"kinds": {"low_light": {}}, "genetic": {"kinds": []}}, ["low-light"]),
        ({"kinds": {}}, []),
        (yaml.safe_load((ROOT / "params.yaml").read_text()), list(TARGETS)),
    ],
)
def test_a_project_wants_the_flows_that_have_something_to_do(settings: dict[str, Any], names: list[str]) -> None:
    assert [entry.name for entry in table.wanted(settings)] == names


@pytest.mark.parametrize("load", [import_object, load_flow_from_entrypoint])
def test_prefects_workers_load_it_by_name(load: Callable[[str], Any]) -> None:
    for entry in FLOWS.values():
        loaded = load(f"flows.table:{entry.attribute}")
        assert loaded.name == entry.name
        assert loaded is getattr(table, entry.attribute)
    assert load("flows.table.low_light") is table.low_light


@pytest.mark.parametrize("name", ["lowlight", "low-light", "Genetic", "report", "__path__"])
def test_another_attribute_there_is_not(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(table, name)


@pytest.mark.parametrize(
    ("arguments", "name", "rest"),
    [
        ([], "brackets", ("report@brackets", False)),
        (["search"], "search", ("search_report", False)),
        (["brackets", "--target", "search@brackets"], "brackets", ("search@brackets", False)),
        (["genetic", "--verbose"], "genetic", ("genetic_evaluate", True)),
    ],
)
def test_its_command(
    arguments: list[str], name: str, rest: tuple[str, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text("kinds: {brackets: {start: search, rounds: 1}}\n")
    monkeypatch.chdir(tmp_path)
    asked: list[Any] = []
    monkeypatch.setattr(running, "command", lambda *given: asked.append(given) or 3)
    assert command.main(arguments) == 3
    assert [(flow.name, *more) for flow, *more in asked] == [(name, *rest)]


def test_its_command_knows_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        command.main(["low_light"])
    assert error.value.code == 2
    assert "low-light" in capsys.readouterr().err
