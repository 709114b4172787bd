from __future__ import annotations

from pathlib import Path

import pytest
from flow_helpers import Project, dvc

from flows import graph, project_root


def test_the_graph_is_dvcs(project: Project) -> None:
    root = project()
    nodes = graph.read(root)
    assert list(nodes) == [
        "start", "labels@low_light-r01", "judge@low_light-r01", "labels@low_light-r02", "judge@low_light-r02",
        "report@low_light",
    ]  # fmt: skip
    assert nodes["labels@low_light-r02"].upstream == ("judge@low_light-r01",)
    assert nodes["report@low_light"].upstream == ("judge@low_light-r01", "judge@low_light-r02")
    assert [node.name for node in nodes.values() if node.gpu] == ["start"]
    assert nodes["judge@low_light-r01"].metrics == (root / "q_r01.json",)


def test_a_target_brings_only_what_it_needs(project: Project) -> None:
    nodes = graph.read(project())
    needed = ["start", "labels@low_light-r01", "judge@low_light-r01"]
    assert [node.name for node in graph.order(nodes, "judge@low_light-r01")] == needed


def test_a_name_without_a_key_brings_all_stages_of_it(project: Project) -> None:
    nodes = graph.read(project())
    assert graph.order(nodes, "report") == graph.order(nodes, "report@low_light")
    assert [node.name for node in graph.order(nodes, "labels")] == [*nodes][:4]


@pytest.mark.parametrize(
    ("name", "round"),
    [
        ("judge@low_light-r01", "low_light-r01"),
        ("align_start@low_light", None),
        ("ablation@low_light-content_only", None),
        ("report@low_light", None),
        ("report", None),
    ],
)
def test_the_round_is_in_the_name(name: str, round: str | None) -> None:
    assert graph.StageNode(name, ()).round == round


def test_an_unknown_target_names_the_stages(project: Project) -> None:
    with pytest.raises(graph.GraphError, match=r"no stage named 'reprot'.*start.*report"):
        graph.order(graph.read(project()), "reprot")


def test_unreadable_graphs_are_named(project: Project, tmp_path: Path) -> None:
    with pytest.raises(graph.GraphError, match="no dvc"):
        graph.read(tmp_path)
    with pytest.raises(graph.GraphError, match="cannot read the graph"):
        graph.read(project(params="other: 1\n"))


def test_unchanged_is_what_repro_would_skip(project: Project) -> None:
    stages = """
stages:
  a: {cmd: "cp in a", deps: [in], outs: [a]}
  b: {cmd: "cp a b", deps: [a], outs: [b]}
  c: {cmd: "cp a c", deps: [a], outs: [c]}
"""
    root = project(stages, "")
    (root / "in").write_text("1")
    assert graph.unchanged(root, {"a", "b", "c"}) == set()
    assert dvc(root, "repro", "b").returncode == 0
    assert graph.unchanged(root, {"a", "b", "c"}) == {"a", "b"}
    (root / "b").unlink()
    (root / "in").write_text("2")
    assert graph.unchanged(root, {"a", "b", "c"}) == set()


def test_the_project_is_found_from_a_folder_inside(project: Project) -> None:
    root = project()
    inside = root / "data" / "deep"
    inside.mkdir(parents=True)
    assert project_root(inside) == root
