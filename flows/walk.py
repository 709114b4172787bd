"""Walks the stage graph inside a Prefect flow: one task a stage, independent branches side by side."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.futures import PrefectFuture, as_completed
from prefect.states import Completed, Failed

from flows import artifacts, gpu, graph
from flows.graph import StageNode
from flows.stage import StageError, StageRunner, StageStoppedError, Status

# How each ending shows in Prefect; the names are those of DVC's own messages.
_STATE_NAMES: dict[Status, str] = {
    "ran": "Completed",
    "cached": "Cached",
    "restored": "CachedRun",
    "awaiting": "AwaitingLabels",
}
_STATUS: dict[str, Status] = {name: status for status, name in _STATE_NAMES.items()}


@dataclass(frozen=True)
class StageResult:
    """What became of one stage; `message` is the error of a failed one."""

    name: str
    status: Status | Literal["failed"]
    seconds: float
    message: str = ""


@dataclass
class Walk:
    """What became of the stages a target needs. `not_run`: those that a waiting or failed stage holds up."""

    results: list[StageResult] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)

    @property
    def awaiting(self) -> list[str]:
        """The stages that wait for labels."""
        return [result.name for result in self.results if result.status == "awaiting"]

    @property
    def failed(self) -> list[StageResult]:
        return [result for result in self.results if result.status == "failed"]

    def failure(self) -> str:
        """Every failed stage with its last lines, and what could not run because of it."""
        held = f"\nnot run: {', '.join(self.not_run)}" if self.not_run else ""
        return "\n\n".join(result.message for result in self.failed) + held


@task(task_run_name="{name}", cache_policy=NO_CACHE, persist_result=False)
def run_stage(name: str, wants_gpu: bool, unchanged: bool, runner: StageRunner) -> State[Any]:
    """One stage as a Prefect task: `dvc repro -s NAME`, its output in the log, its ending as the state."""
    if unchanged:
        return Completed(name="Cached", message=f"stage {name} didn't change")
    say = get_run_logger().info
    try:
        if wants_gpu:
            with gpu.gpu_slot(runner.root, runner.stopped) as inherit:
                outcome = runner.run(name, say, inherit)
        else:
            outcome = runner.run(name, say)
    except (StageError, StageStoppedError) as error:
        return Failed(message=str(error))
    return Completed(name=_STATE_NAMES[outcome.status], message=f"log: {outcome.log}")


def walk(root: Path, target: str, parallel: int = 2, tell: Callable[[StageResult], None] = lambda result: None) -> Walk:
    """Brings `target` and all it needs up to date, as far as labels and errors let it; call it inside a flow.

    A stage starts when all it needs is done, at most `parallel` at a time; one that waits or fails holds up only what
    needs it. `tell` hears of each stage as it ends. Raises GraphError for an unknown target or an unreadable graph.
    """
    plan = graph.order(graph.read(root), target)
    unchanged = _unchanged_to_the_root(root, plan)
    if any(node.gpu and node.name not in unchanged for node in plan):
        gpu.ensure_limit()
    tables = artifacts.MetricTables(root, plan)
    runner = StageRunner(root)
    walked = Walk()
    pending = {node.name: node for node in plan}
    done: dict[str, PrefectFuture[Any]] = {}
    running: dict[PrefectFuture[Any], tuple[StageNode, float]] = {}
    try:
        while True:
            ready = [node for node in pending.values() if all(name in done for name in node.upstream)]
            for node in ready[: parallel - len(running)]:
                del pending[node.name]
                started = time.monotonic()
                future = run_stage.with_options(name=node.name).submit(
                    node.name,
                    node.gpu,
                    node.name in unchanged,
                    runner,
                    wait_for=[done[name] for name in node.upstream],
                    return_state=False,
                )
                running[future] = (node, started)
            if not running:
                break
            future = next(as_completed(list(running)))
            future.wait()  # the state is final only then: before, it comes from the server, which may lag
            node, started = running.pop(future)
            result = _result(node.name, future.state, time.monotonic() - started)
            walked.results.append(result)
            tell(result)
            if result.status not in ("failed", "awaiting"):
                done[node.name] = future
                tables.stage_done(node.name)
    except (KeyboardInterrupt, SystemExit, TerminationSignal):
        runner.stop()  # asked to stop: so does DVC. A run that is killed leaves DVC to finish its stage
        raise
    tables.publish_the_rest()
    walked.not_run = list(pending)
    return walked


def _unchanged_to_the_root(root: Path, plan: list[StageNode]) -> set[str]:
    """The unchanged stages with nothing but unchanged ones before them: no process has to be started for these."""
    candidates = graph.unchanged(root, {node.name for node in plan})
    unchanged: set[str] = set()
    for node in plan:
        if node.name in candidates and unchanged.issuperset(node.upstream):
            unchanged.add(node.name)
    return unchanged


def _result(name: str, state: State[Any], seconds: float) -> StageResult:
    if state.is_completed():
        return StageResult(name, _STATUS.get(state.name or "", "ran"), seconds)
    return StageResult(name, "failed", seconds, state.message or f"stage {name} ended as {state.name}")
