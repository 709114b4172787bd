"""A training stage in several processes: how many, started how, and whose files and words count.

`machine.processes` starts them by torch's launcher, which `accelerate launch` uses as well; typed by hand, that does the same.
Every process runs the whole stage (`models.core.processes`); the first one's files count, and what it says.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from pictures import writing_aside
from tasks.config import ConfigError, View
from tasks.config.base import Section

WRITTEN = (Path("data"), Path(".loupe"))
_ASIDE = Path(".loupe") / "work" / "process"


def launched() -> int:
    """How many processes a launcher has started of this stage; 0: none has."""
    if "WORLD_SIZE" in os.environ:
        return int(os.environ["WORLD_SIZE"])
    return int("ACCELERATE_MIXED_PRECISION" in os.environ)


def shared_by(wanted: int, sections: Sequence[Section | None]) -> int:
    """How many processes share the trainings: the most up to `wanted` that divide every `accumulate`."""
    batches = [section.accumulate for section in _trainings(sections)]
    return max(number for number in range(1, max(wanted, 1) + 1) if math.gcd(*batches) % number == 0) if batches else 1


def _trainings(sections: Sequence[Any]) -> Iterator[Any]:
    """The sections that train, and those inside them."""
    for section in sections:
        if isinstance(section, Section) and hasattr(section, "accumulate"):
            yield section
            for value in vars(section).values():
                yield from _trainings(list(value.values()) if isinstance(value, dict) else [value])


def run(stage: Callable[[], int | None], params: View, trains: Sequence[str], device: Callable[[View], str]) -> int:
    """Run a stage: here, in several processes, or as one of several; returns the exit code.

    trains: the sections of the kind that it trains by, by name (`start`, `judge.rounds`). Raises `ConfigError` where a launcher
    started several processes of a stage that trains nothing.
    """
    there = launched()
    if there > 1:
        return _one_of_several(stage, params, trains, device)
    if trains and not there and params.machine.processes != 1:
        wanted = params.machine.processes or _gpus(device(params))
        number = shared_by(wanted, [_section(params, path) for path in trains])
        if number < wanted:
            named = ", ".join(f"{path}.accumulate" for path in trains)
            print(f"{number} of {wanted} processes share the training: more do not divide {named}", flush=True)
        if number > 1:
            return _start(number)
    return stage() or 0


def say_if_alone() -> None:
    """In a process that does not lead, wait before an error is said: where the first one fails as well, the launcher ends this
    one meanwhile, and the error is said once.
    """
    if launched() > 1 and os.environ.get("RANK", "0") != "0":
        from models.core.processes import GRACE_SECONDS

        time.sleep(GRACE_SECONDS)


def _section(params: View, path: str) -> Any:
    found: Any = params
    for name in path.split("."):
        found = getattr(found, name)
    return found


def _gpus(device: str) -> int:
    if device != "cuda":
        return 1
    import torch

    return torch.cuda.device_count()


def _one_of_several(
    stage: Callable[[], int | None], params: View, trains: Sequence[str], device: Callable[[View], str]
) -> int:
    if not trains:
        raise ConfigError("this stage trains nothing that processes could share: start it without a launcher")
    from models.core import processes

    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    processes.join(device(params))
    with nullcontext() if processes.leads() else _behind():
        code = stage()
    processes.leave()
    return code or 0


@contextmanager
def _behind() -> Iterator[None]:
    """What is written and said in the block goes nowhere."""
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
        writing_aside(WRITTEN, _ASIDE),
    ):
        yield


def _end_with(launcher: int) -> None:
    """A killed launcher leaves no process behind."""
    while os.getppid() == launcher:
        time.sleep(0.5)
    os._exit(1)


def _start(number: int) -> int:
    """Run this command again in so many processes; returns the exit code of the one that failed first, else 0."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable()  # in the launcher alone: the stage says what is wrong, in one line
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // number)))
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # they are on one machine, whatever its name resolves to
    module = sys.modules["__main__"].__spec__
    assert module is not None  # a stage runs as python -m
    with tempfile.TemporaryDirectory(prefix="loupe-") as logs:
        config = LaunchConfig(
            1, 1, number, run_id="stage", rdzv_backend="c10d", rdzv_endpoint="localhost:0", max_restarts=0,
            local_addr="localhost", logs_specs=DefaultLogsSpecs(log_dir=logs),
        )  # fmt: skip
        try:
            elastic_launch(config, sys.executable)("-m", module.name, *sys.argv[1:])
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            if failure.exitcode < 0:
                print(
                    f"error: process {rank} of {number} was killed ({signal.Signals(-failure.exitcode).name}), and the others "
                    "ended with it; what was saved is kept, and the stage goes on from there when it is run again",
                    file=sys.stderr,
                )
            return failure.exitcode if failure.exitcode > 0 else 1
        except SignalException as ended:  # it has ended the processes, and ends as a stage of one process does
            signal.signal(ended.sigval, signal.SIG_DFL)
            signal.raise_signal(ended.sigval)
    return 0
