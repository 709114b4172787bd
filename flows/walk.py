"""Walks the stage graph inside a Prefect flow: one task a stage, independent branches side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import TagsContext
from prefect.exceptions import TerminationSignal
from prefect.futures import PrefectFuture, as_completed
from prefect.states import Completed, Failed, Paused, Running, Scheduled

from flows import artifacts, gpu, graph, states
from flows.graph import StageNode
from flows.stage import StageError, StageRunner, StageStoppedError, Status, UnavailableError

# How each ending shows in Prefect; the names are those of DVC's own messages.
_STATE_NAMES: dict[Status, str] = {
    "ran": "Completed",
    "cached": "Cached",
    "restored": "CachedRun",
    "awaiting": states.AWAITING,
}
_STATUS: dict[str, Status] = {name: status for status, name in _STATE_NAMES.items()}
_POLL_SECONDS = 0.2
# Between the tries of a stage whose download failed. Nothing else is tried again: a training that fails would fail anew.
_RETRY_SECONDS = (10.0, 60.0)


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


class Places:
    """How many stages run at once. A stage that waits for the GPU gives its place to one that could run."""

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)

    @contextmanager
    def taken(self, stopped: threading.Event) -> Iterator[None]:
        """Waits for a place and holds it; also returns once `stopped` is set, and whoever uses it has to look."""
        held = False
        while not held and not stopped.is_set():
            held = self._free.acquire(timeout=_POLL_SECONDS)
        try:
            yield
        finally:
            if held:
                self._free.release()


@dataclass
class Crew:
    """What the stages of one walk share; tasks name it by `id`, so that their parameters are plain data."""

    runner: StageRunner
    places: Places
    id: str = field(default_factory=lambda: uuid4().hex)


_crews: dict[str, Crew] = {}


@task(task_run_name="{name}", cache_policy=NO_CACHE, persist_result=False)
def run_stage(name: str, wants_gpu: bool, unchanged: bool, crew: str) -> State[Any]:
    """One stage as a Prefect task: `dvc repro -s NAME`, its output in the log, its ending as the state."""
    if unchanged:
        return Completed(name="Cached", message=f"stage {name} didn't change")
    say = get_run_logger().info
    runner, places = _crews[crew].runner, _crews[crew].places
    for pause in (*_RETRY_SECONDS, None):
        try:
            with ExitStack() as held:
                inherit = (held.enter_context(_gpu(runner, say)),) if wants_gpu else ()
                held.enter_context(places.taken(runner.stopped))
                outcome = runner.run(name, say, inherit)
            break
        except (StageError, StageStoppedError, gpu.GpuLockError) as error:
            if pause is None or not isinstance(error, UnavailableError):
                return Failed(message=str(error))
        _wait_to_retry(runner, pause, say)
    if outcome.status == "awaiting":
        return Paused(name=states.AWAITING, message="waits for labels")
    return Completed(name=_STATE_NAMES[outcome.status], message=f"log: {outcome.log}")


def _wait_to_retry(runner: StageRunner, seconds: float, say: Callable[[str], None]) -> None:
    """Waits without a place and without the GPU. The task shows as AwaitingRetry meanwhile."""
    message = f"something that it downloads could not be had; tried again in {seconds:.0f} s"
    say(message)
    states.show_task(Scheduled(name="AwaitingRetry", message=message))
    if not runner.stopped.wait(seconds):
        states.show_task(Running(message="tried again"))


@contextmanager
def _gpu(runner: StageRunner, say: Callable[[str], None]) -> Iterator[int]:
    """Waits for the GPU and holds it. The task shows as WaitingForGPU meanwhile. Raises StageStoppedError."""
    waiting = False
    while not runner.stopped.is_set():
        with gpu.try_gpu(runner.root) as descriptor:
            if descriptor is not None:
                if waiting:
                    states.show_task(Running(message="has the GPU"))
                yield descriptor
                return
        if not waiting:
            waiting = True
            message = f"another stage has the GPU ({gpu.lock_path(runner.root)})"
            say(f"waits: {message}")
            states.show_task(Scheduled(name="WaitingForGPU", message=message))
        runner.stopped.wait(_POLL_SECONDS)
    raise StageStoppedError("stopped while it waited for the GPU")


def walk(root: Path, target: str, parallel: int = 2, tell: Callable[[StageResult], None] = lambda result: None) -> Walk:
    """Brings `target` and all it needs up to date, as far as labels and errors let it; call it inside a flow.

    A stage starts when all it needs is done, and at most `parallel` run at a time; one that waits or fails holds up only
    what needs it. `tell` hears of each stage as it ends. Raises GraphError for an unknown target or an unreadable graph.
    """
    runner = StageRunner(root)
    runner.start()  # DVC takes seconds to import: it does so while the graph is read
    crew = Crew(runner, Places(parallel))
    _crews[crew.id] = crew
    walked = Walk()
    done: dict[str, PrefectFuture[Any]] = {}
    running: dict[PrefectFuture[Any], tuple[StageNode, float]] = {}
    try:
        plan = graph.order(graph.read(root), target)
        unchanged = graph.unchanged_to_the_root(root, plan)
        tables = artifacts.MetricTables(root, plan)
        pending = {node.name: node for node in plan}
        while True:
            for node in [node for node in pending.values() if all(name in done for name in node.upstream)]:
                del pending[node.name]
                # Without the flow's tags: for each of a task's Prefect would ask its server for a slot.
                with TagsContext(current_tags=set()):
                    future = run_stage.with_options(name=node.name).submit(
                        node.name,
                        node.gpu,
                        node.name in unchanged,
                        crew.id,
                        wait_for=[done[name] for name in node.upstream],
                        return_state=False,
                    )
                running[future] = (node, time.monotonic())
            if not running:
                break
            future = next(as_completed(list(running)))
            future.wait()  # the state is final only then: before, it comes from the server, which may lag
            node, started = running.pop(future)
            result = _result(node.name, future, time.monotonic() - started)
            walked.results.append(result)
            tell(result)
            if result.status not in ("failed", "awaiting"):
                done[node.name] = future
                tables.stage_done(node.name)
    except (KeyboardInterrupt, SystemExit, TerminationSignal):
        runner.stop()  # asked to stop: so does DVC. A run that is killed leaves DVC to finish its stage
        raise
    finally:
        del _crews[crew.id]
        runner.close()
    tables.publish_the_rest()
    walked.not_run = list(pending)
    return walked


def _result(name: str, future: PrefectFuture[Any], seconds: float) -> StageResult:
    state = future.state
    if state.is_completed() or state.name == states.AWAITING:
        return StageResult(name, _STATUS.get(state.name or "", "ran"), seconds)
    return StageResult(name, "failed", seconds, state.message or f"stage {name} ended as {state.name}")
