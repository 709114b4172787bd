from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import flows  # noqa: F401

# isort: split
from flow_helpers import Project, dvc, lines, wait_until
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterFlowRunId
from prefect.context import FlowRunContext

from flows import gpu
from flows.artifacts import flatten
from flows.walk import Walk, walk
from labelling.desk.project import project_id

pytestmark = pytest.mark.usefixtures("in_prefect")

# a fails, so d cannot run; b and c do not care.
BRANCHES = """
stages:
  a: {cmd: "echo because; exit 2", outs: [a]}
  b: {cmd: "echo run >> ran_b; echo b > b", outs: [b]}
  c: {cmd: "cp b c", deps: [b], outs: [c]}
  d: {cmd: "cp a d", deps: [a], outs: [d]}
  end: {cmd: "cp c end", deps: [c, d], outs: [end]}
"""
TWO_ON_THE_GPU = """
stages:
  one: {cmd: "date +%s.%N > a1; sleep 0.7; date +%s.%N > a2", outs: [a1, a2], meta: {gpu: true}}
  two: {cmd: "date +%s.%N > b1; sleep 0.7; date +%s.%N > b2", outs: [b1, b2], meta: {gpu: true}}
  end: {cmd: "touch end", deps: [a1, b1], outs: [end]}
"""


@flow(name="test-walk", persist_result=False)
def walked(root: str, target: str, parallel: int = 2) -> tuple[Walk, str]:
    context = FlowRunContext.get()
    assert context is not None and context.flow_run is not None
    return walk(Path(root), target, parallel), str(context.flow_run.id)


def statuses(done: Walk) -> dict[str, str]:
    return {result.name: result.status for result in done.results}


def test_rounds_stop_at_a_gate_go_on_and_are_cached(project: Project) -> None:
    root = project()
    first, _ = walked(str(root), "report@low_light")
    assert statuses(first) == {"start": "ran", "labels@low_light-r01": "awaiting"}
    assert first.awaiting == ["labels@low_light-r01"]
    assert first.not_run == ["judge@low_light-r01", "labels@low_light-r02", "judge@low_light-r02", "report@low_light"]
    (root / "votes_low_light-r01").touch()
    (root / "votes_low_light-r02").touch()
    second, run = walked(str(root), "report@low_light")
    assert list(statuses(second).values()) == ["cached", "ran", "ran", "ran", "ran", "ran"]
    third, run = walked(str(root), "report")
    assert set(statuses(third).values()) == {"cached"}
    assert lines(root / "ran_start") == 1

    with get_client(sync_client=True) as client:
        artifact = client.request("POST", "/artifacts/latest/filter", json={}).json()
    key = f"round-low-light-r01-{project_id(root)}"  # on a server that several projects share, each has its own
    table = next(item for item in artifact if item["key"] == key and item["flow_run_id"] == run)
    assert json.loads(table["data"]) == [{"stage": "judge@low_light-r01", "metric": "accuracy.panel", "value": 0.75}]


def test_a_failure_holds_up_only_what_needs_it(project: Project) -> None:
    root = project(BRANCHES, "")
    done, _ = walked(str(root), "end")
    assert statuses(done) == {"a": "failed", "b": "ran", "c": "ran"}
    assert done.not_run == ["d", "end"]
    assert "stage a failed: its command exited with 2" in done.failure()
    assert "because" in done.failure()
    assert "not run: d, end" in done.failure()


def test_what_dvc_did_is_cached_here_and_the_other_way(project: Project) -> None:
    root = project(BRANCHES.replace("exit 2", "echo a > a"), "")
    assert dvc(root, "repro", "c").returncode == 0
    done, _ = walked(str(root), "end")
    assert statuses(done) == {"a": "ran", "b": "cached", "c": "cached", "d": "ran", "end": "ran"}
    again = dvc(root, "repro")
    assert again.returncode == 0
    assert "Running stage" not in again.stdout
    assert lines(root / "ran_b") == 1


def test_one_stage_at_a_time_on_the_gpu(project: Project) -> None:
    root = project(TWO_ON_THE_GPU, "")
    done, _ = walked(str(root), "end")
    assert set(statuses(done).values()) == {"ran"}
    times = [[float((root / name).read_text()) for name in pair] for pair in (("a1", "a2"), ("b1", "b2"))]
    (_, first_end), (second_start, _) = sorted(times)
    assert first_end <= second_start


def shown_states(run: str, ended: Callable[[dict[str, list[str]]], bool]) -> dict[str, list[str]]:
    """Task name -> the names of its states in order; the server records them from events, a moment later."""
    with get_client(sync_client=True) as client:
        for _ in range(100):
            found = client.read_task_runs(task_run_filter=TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[run])))
            states = {
                item.name: [
                    str(state["name"])
                    for state in client.request("GET", "/task_run_states/", params={"task_run_id": str(item.id)}).json()
                ]
                for item in found
            }
            if ended(states):
                break
            time.sleep(0.1)
    return states


def test_a_stage_that_waits_for_the_gpu_shows_it_and_takes_no_place(project: Project) -> None:
    """With one place and the GPU held by another project, the stage without a GPU runs at once."""
    root = project(TWO_ON_THE_GPU.replace("meta: {gpu: true}}", "}", 1), "")
    released = threading.Event()

    def hold() -> None:
        with gpu.try_gpu(root) as descriptor:
            assert descriptor is not None
            wait_until((root / "a2").exists)
            released.set()

    other = threading.Thread(target=hold)
    other.start()
    done, run = walked(str(root), "end", parallel=1)
    other.join()
    assert released.is_set()
    assert set(statuses(done).values()) == {"ran"}
    states = shown_states(run, lambda states: "Completed" in states.get("two", []))
    assert "WaitingForGPU" in states["two"]
    assert "WaitingForGPU" not in states["one"]


DOWNLOADS = """
stages:
  weight: {cmd: "echo run >> ran_w; test $(wc -l < ran_w) -gt 1 || exit 69; echo w > w", outs: [w]}
  never: {cmd: "echo run >> ran_n; echo no answer; exit 69", outs: [n]}
  training: {cmd: "echo run >> ran_t; exit 1", outs: [t]}
  end: {cmd: "touch end", deps: [w, n, t], outs: [end]}
"""


def test_a_download_is_tried_again_and_a_training_is_not(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.walk._RETRY_SECONDS", (0.1, 0.2))
    root = project(DOWNLOADS, "")
    done, run = walked(str(root), "end")
    assert statuses(done) == {"weight": "ran", "never": "failed", "training": "failed"}
    assert [lines(root / name) for name in ("ran_w", "ran_n", "ran_t")] == [2, 3, 1]
    assert "no answer" in done.failure()
    ended = {"weight": "Completed", "never": "Failed", "training": "Failed"}
    shown = shown_states(run, lambda states: all(name in states.get(task, []) for task, name in ended.items()))
    assert {task: states.count("AwaitingRetry") for task, states in shown.items()} == {
        "weight": 1, "never": 2, "training": 0,
    }  # fmt: skip


def test_the_gpu_is_one_for_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two projects take turns on one GPU; on a machine without one they do not wait for each other."""
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setattr(gpu, "_DRIVER", tmp_path / "none")
    with gpu.try_gpu(first) as one, gpu.try_gpu(second) as other:
        assert one is not None and other is not None
    monkeypatch.setattr(gpu, "_DRIVER", tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    with gpu.try_gpu(first) as one:
        assert one is not None
        with gpu.try_gpu(second) as other:
            assert other is None
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
        with gpu.try_gpu(second) as other:
            assert other is not None


def test_a_link_in_place_of_the_gpu_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".loupe").mkdir()
    (tmp_path / ".loupe" / "gpu.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(gpu.GpuLockError, match=r"gpu\.lock.*cannot be opened"), gpu.try_gpu(tmp_path):
        pass


def test_every_stage_is_a_task_run_that_shows_its_ending(project: Project) -> None:
    root = project(BRANCHES.replace("exit 2", "exit 75"), "")
    assert dvc(root, "repro", "b").returncode == 0
    _, run = walked(str(root), "end")
    with get_client(sync_client=True) as client:
        for _ in range(100):  # the server records task runs from events, a moment later
            found = client.read_task_runs(task_run_filter=TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[run])))
            shown = {item.name: item.state_name for item in found}
            if len(shown) == 3 and "Running" not in shown.values() and "Pending" not in shown.values():
                break
    assert shown == {"a": "AwaitingLabels", "b": "Cached", "c": "Completed"}


def test_nested_metrics_become_rows() -> None:
    assert flatten({"a": {"b": 1, "c": [2, None]}, "d": "x"}) == {"a.b": 1, "a.c.0": 2, "a.c.1": None, "d": "x"}
