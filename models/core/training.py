"""The one training engine: a stage brings its batches and its loss, never a loop of its own.

On accelerate (device, precision, accumulation, clipping). Batches are a function of the step, and the random numbers of a
step come from (seed, step), so that an interrupted training ends with the same weights as an uninterrupted one, and several
processes (`models.core.processes`) that share the batches of each step with the same weights as one, but for rounding.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from models.core import processes
from models.core.adam import Adam
from models.core.resume import ResumableState, resumed
from models.core.statistics import RunningStatistics
from models.core.storage import save_weights
from models.core.tensors import on_device

Batches = Callable[[int], Any]
Objective = Callable[[nn.Module, Any], tuple[torch.Tensor, Mapping[str, torch.Tensor]]]


class Watch(Protocol):
    """Looks at a model in training, and may end it and change which weights are the result. Its state is resumed with it.

    every: steps between looks. stopped: the training is over.
    """

    every: int
    stopped: bool

    def look(self, step: int, model: nn.Module) -> Mapping[str, float]:
        """Look at the weights after a step; 0 before the first. Returns values to log."""

    def finish(self, model: nn.Module) -> None:
        """Give the model the weights that are the result."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class TrainingError(RuntimeError):
    """Training cannot go on; the message says at which step and what to change."""


@dataclass(frozen=True)
class Settings:
    """How to train, for every stage alike.

    steps: optimiser steps. learning_rate is halved every `halve_every` steps where that is set. accumulate: batches a
    step, which several processes share. precision: no, bf16 or fp16. ema: decay of an exponential moving average of the
    weights, which then is the result. clip_norm: largest gradient norm. save_every: steps between resumable states.
    log_every: steps a log entry.
    """

    steps: int
    learning_rate: float
    weight_decay: float = 0.0
    halve_every: int | None = None
    accumulate: int = 1
    precision: str = "no"
    ema: float | None = None
    clip_norm: float | None = None
    save_every: int = 50
    log_every: int = 10
    seed: int = 0

    def rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        return self.learning_rate * (0.5 ** (step // self.halve_every) if self.halve_every else 1.0)


@dataclass
class Outcome:
    """A finished training: the logged values by step, the snapshots asked for, and the folder of the resumable state."""

    history: list[dict[str, float]]
    snapshots: list[Path]
    folder: Path
    resumed_at: int = 0
    seconds: float = field(default=0.0, compare=False)

    def discard_state(self) -> None:
        """Remove the resumable state, once the stage's outputs are safe on disk."""
        processes.meet()  # another process may still read a snapshot
        if processes.leads():
            shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Run:
    """Where and how a training runs; what its arguments mean says `train`."""

    settings: Settings
    folder: Path
    identity: str
    device: str = "cpu"
    name: str = "training"
    on_log: Callable[[int, Mapping[str, float]], None] | None = None
    log_gradient: bool = False

    def train(
        self, model: nn.Module, batches: Batches, objective: Objective, snapshot_steps: Sequence[int] = (),
        watch: Watch | None = None,
    ) -> Outcome:  # fmt: skip
        """The engine: `train`."""
        return train(
            model,
            batches,
            objective,
            self.settings,
            folder=self.folder,
            identity=self.identity,
            device=self.device,
            name=self.name,
            snapshot_steps=snapshot_steps,
            on_log=self.on_log,
            watch=watch,
            log_gradient=self.log_gradient,
        )


def make_deterministic() -> None:
    """Same inputs, same machine, same bytes: deterministic kernels wherever torch has them."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # As use_deterministic_algorithms(True, warn_only=True), which also imports the compiler, for seconds.
    torch.set_deterministic_debug_mode("warn")
    torch.backends.cudnn.benchmark = False


def step_seed(seed: int, step: int, purpose: str = "") -> int:
    """An independent 63-bit seed for each (seed, step, purpose)."""
    digest = hashlib.sha256(f"{seed}/{step}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def step_generator(seed: int, step: int, purpose: str = "") -> torch.Generator:
    """A CPU generator seeded by `step_seed`, for choosing a batch."""
    return torch.Generator().manual_seed(step_seed(seed, step, purpose))


def train(
    model: nn.Module,
    batches: Batches,
    objective: Objective,
    settings: Settings,
    *,
    folder: Path,
    identity: str,
    device: str = "cpu",
    name: str = "training",
    snapshot_steps: Sequence[int] = (),
    on_log: Callable[[int, Mapping[str, float]], None] | None = None,
    watch: Watch | None = None,
    log_gradient: bool = False,
) -> Outcome:
    """Train `model` in place with Adam and leave it in evaluation mode with the resulting weights.

    batches: index -> batch, a pure function; index counts batches, `accumulate` of them a step.
    objective: (model, batch) -> (loss to descend, values to log).
    folder: where the resumable state lives; identity: what the data are (a hash of the stage's inputs). A state is
    continued only when settings, identity and initial weights are the same, else it is discarded.
    snapshot_steps: steps after which the weights are kept as `snapshots` (safetensors in `folder`).
    on_log: called with (step, values) for each log entry, those of an earlier, interrupted run first.
    log_gradient: the norm of the gradient, before it is clipped, is logged as well.
    watch: what it says at its last look stands in the log entries; the result is what it chooses.
    Raises `TrainingError` when the loss or the weights stop being finite, `ProcessesError` when several processes cannot
    share it or lose one another.
    """
    processes.check_shares(name, settings.accumulate)
    make_deterministic()
    accelerator = _accelerator(settings, device)
    # Of several processes accelerate says cpu:0 and so on, where torch loads nothing to.
    target = torch.device("cpu") if accelerator.device.type == "cpu" else accelerator.device
    model.to(target).train()
    fingerprint = _fingerprint(model, settings, identity, snapshot_steps)
    processes.check_alike(fingerprint, f"{name}: the processes start with different weights, settings or data")
    optimiser = Adam(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    average = _average(model, settings.ema)
    state = _State(folder, fingerprint, model, optimiser, average=average, scaler=accelerator.scaler, watch=watch)
    first = state.resume(target)
    if watch is not None and not first:
        state.seen = _looked(watch, 0, model, average)
    for entry in state.history:
        _report(on_log, entry)
    if first:
        print(f"{name}: resumed at step {first} of {settings.steps}", flush=True)
    begun = time.monotonic()
    lines = {max(1, round(settings.steps * part / 5)) for part in range(1, 6)}
    for step in range(first, settings.steps):
        if watch is not None and watch.stopped:
            break
        values = _step(
            model,
            batches,
            objective,
            settings,
            step,
            accelerator=accelerator,
            optimiser=optimiser,
            target=target,
            log_gradient=log_gradient,
        )
        if not all(math.isfinite(value) for value in values.values()):
            raise TrainingError(
                f"{name}: {values} is not finite at step {step}; lower its learning_rate, or set clip_norm, in params.yaml"
            )
        if average is not None:
            average.update_parameters(model)
        done = step + 1
        if watch is not None and (done % watch.every == 0 or done == settings.steps):
            state.seen = _looked(watch, done, model, average)
        ended = done == settings.steps or (watch is not None and watch.stopped)
        if done % settings.log_every == 0 or ended:
            state.history.append({"step": float(done), **values, **state.seen})
            _report(on_log, state.history[-1])
        if done in snapshot_steps and processes.leads():
            save_weights(average.module if average is not None else model, _snapshot(folder, done))
        if done % settings.save_every == 0 or ended:
            # A finite loss can have an infinite gradient: neither state nor result may hold what it leads to.
            if not all(torch.isfinite(tensor).all() for tensor in model.state_dict().values()):
                raise TrainingError(
                    f"{name}: weights that are not finite after step {done}; lower its learning_rate, or set clip_norm, "
                    "in params.yaml"
                )
            state.save(done)
        if done in lines:
            shown = "  ".join(f"{key} {value:.4g}" for key, value in values.items())
            print(f"{name}: step {done}/{settings.steps}  {shown}  {time.monotonic() - begun:.0f} s", flush=True)
    if average is not None:
        model.load_state_dict(average.module.state_dict())
    if watch is not None:
        watch.finish(model)
    processes.follow(model)
    model.eval()
    return Outcome(
        state.history,
        [_snapshot(folder, step) for step in snapshot_steps],
        folder,
        first,
        time.monotonic() - begun,
    )


def _step(
    model: nn.Module,
    batches: Batches,
    objective: Objective,
    settings: Settings,
    step: int,
    *,
    accelerator: Any,
    optimiser: torch.optim.Optimizer,
    target: torch.device,
    log_gradient: bool,
) -> dict[str, float]:
    """One optimiser step; returns the mean logged values of its batches."""
    for group in optimiser.param_groups:
        group["lr"] = settings.rate_at(step)
    optimiser.zero_grad(set_to_none=True)
    totals: dict[str, float] = {}
    statistics = RunningStatistics(model, settings.accumulate)
    for part in range(processes.place(), settings.accumulate, processes.count()):
        index = step * settings.accumulate + part
        torch.manual_seed(step_seed(settings.seed, index, "model"))
        batch = on_device(batches(index), target)
        with statistics.of(part):
            with accelerator.autocast():
                loss, values = objective(model, batch)
            accelerator.backward(loss / settings.accumulate)
        for key, value in {"loss": loss, **values}.items():
            totals[key] = totals.get(key, 0.0) + float(value.detach()) / settings.accumulate
    totals = processes.add_up(model, totals)
    statistics.share()
    scaler = accelerator.scaler
    if scaler is not None:
        scaler.unscale_(optimiser)
    if settings.clip_norm is not None or log_gradient:
        norm = nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm or math.inf)
        if log_gradient:
            totals["gradient"] = float(norm)
    if scaler is not None:
        scaler.step(optimiser)
        scaler.update()
    else:
        optimiser.step()
    return totals


class _State:
    """The resumable state of a training: weights, optimiser, average, scaler, and the history at a step."""

    def __init__(
        self,
        folder: Path,
        fingerprint: str,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        *,
        average: Any,
        scaler: Any,
        watch: Watch | None,
    ) -> None:
        parts = {"model": model, "optimiser": optimiser, "average": average, "scaler": scaler, "watch": watch}
        there = {name: part for name, part in parts.items() if part is not None}
        self._state = ResumableState(folder, fingerprint, there, "training")
        self.history: list[dict[str, float]] = []
        self.seen: Mapping[str, float] = {}

    def resume(self, device: torch.device) -> int:
        """Load the state if it is this training's; returns the number of steps done, 0 for a fresh start."""
        return resumed(partial(self._load, device), self._state.folder)

    def _load(self, device: torch.device) -> int:
        saved = self._state.load(device)
        if saved is None:
            return 0
        self.history, self.seen = saved["history"], saved.get("seen", {})
        return int(saved["step"])

    def save(self, step: int) -> None:
        if processes.leads():
            self._state.save(history=self.history, seen=dict(self.seen), step=step)


def _looked(watch: Watch, step: int, model: nn.Module, average: Any) -> Mapping[str, float]:
    """What the watch sees in what would be the result now."""
    shown = model if average is None else average.module
    training = shown.training
    shown.eval()
    with torch.no_grad():
        found = watch.look(step, shown)
    watch.stopped = bool(processes.of_the_first("stopped" if watch.stopped else ""))
    shown.train(training)
    return found


def _accelerator(settings: Settings, device: str) -> Any:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState

    AcceleratorState._reset_state(True)
    PartialState._reset_state()
    return Accelerator(mixed_precision=settings.precision, cpu=device == "cpu")


def _average(model: nn.Module, decay: float | None) -> torch.optim.swa_utils.AveragedModel | None:
    if decay is None:
        return None
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


def _fingerprint(model: nn.Module, settings: Settings, identity: str, snapshots: Sequence[int]) -> str:
    digest = hashlib.sha256(json.dumps([asdict(settings), identity, list(snapshots)], sort_keys=True).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _report(on_log: Callable[[int, Mapping[str, float]], None] | None, entry: Mapping[str, float]) -> None:
    if on_log is not None:
        on_log(int(entry["step"]), {key: value for key, value in entry.items() if key != "step"})


def _snapshot(folder: Path, step: int) -> Path:
    return folder / f"snapshot_{step:06d}.safetensors"
