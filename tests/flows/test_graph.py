from __future__ import annotations

from pathlib import Path

import pytest
from flow_helpers import Project, dvc

from flows import graph, project_root


def test_the_graph_is_dvcs(project: Project) -> None:
    root = project()
    nodes = graph.read(root)
    assert list(nodes) == ["pretrain", "labels@r01", "ranker@r01", "labels@r02", "ranker@r02", "report"]
    assert nodes["labels@r02"].upstream == ("ranker@r01",)
    assert nodes["report"].upstream == ("ranker@r01", "ranker@r02")
    assert [node.name for node in nodes.values() if node.gpu] == ["pretrain"]
    assert nodes["ranker@r01"].metrics == (root / "q_r01.json",)


def test_a_target_brings_only_what_it_needs(project: Project) -> None:
    nodes = graph.read(project())
    assert [node.name for node in graph.order(nodes, "ranker@r01")] == ["pretrain", "labels@r01", "ranker@r01"]


@pytest.mark.parametrize(
    ("name", "round"),
    [("ranker@r01", "r01"), ("finetune_r00", "r00"), ("ablation@content_only", None), ("report", None)],
)
def test_the_round_is_in_the_name(name: str, round: str | None) -> None:
    assert graph.StageNode(name, ()).round == round


def test_an_unknown_target_names_the_stages(project: Project) -> None:
    with pytest.raises(graph.GraphError, match=r"no stage named 'reprot'.*pretrain.*report"):
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
