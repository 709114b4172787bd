"""Timing two sides of a comparison in turns, so that a busy machine disturbs both alike."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

_PEAK = """
import importlib, re, sys
from pathlib import Path
module = importlib.import_module(sys.argv[1])
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
before = peak()
getattr(module, sys.argv[2])(*sys.argv[3:])
print(f"peak {peak():.0f} {before:.0f}")
"""


@dataclass(frozen=True)
class Result:
    """value and other: medians in `unit`; ratio: value / other."""

    name: str
    value: float
    unit: str
    other: float
    other_name: str
    ratio: float


def seconds_of(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def compare(
    name: str,
    unit: str,
    ours: Callable[[], object],
    other_name: str,
    other: Callable[[], object],
    *,
    repeats: int,
    per_second: float | None = None,
    each: float = 1.0,
) -> Result:
    """Run both sides once unmeasured, then `repeats` times in turns.

    per_second: things done by one call, to report things a second; else seconds divided by `each` are reported.
    """
    ours()
    other()
    times = [(seconds_of(ours), seconds_of(other)) for _ in range(repeats)]
    first, second = (statistics.median(side) for side in zip(*times, strict=True))
    if per_second is not None:
        first, second = per_second / first, per_second / second
    else:
        first, second = first / each, second / each
    return Result(name, first, unit, second, other_name, first / second)


def peak_memory(module: str, function: str, *arguments: str) -> tuple[float, float]:
    """Peak MB of a process that calls a module's function with these words, and what it had taken once that was imported."""
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, module, function, *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=900,
    )  # fmt: skip
    found = re.search(r"peak (\d+) (\d+)", done.stdout)
    if found is None:
        raise RuntimeError(f"{module}.{function} did not tell its memory: {done.stdout}{done.stderr}")
    return float(found[1]), float(found[2])
