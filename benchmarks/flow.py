"""What the Prefect flow costs beside `dvc repro`: when there is nothing to do, and for each stage that runs."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import Result, compare, seconds_of

_CODE = Path(__file__).resolve().parent.parent
_STAGES = 17
_DVC = (sys.executable, "-m", "dvc", "repro")
_FLOW = (sys.executable, "-m", "cli.main", "run")


def environment(root: Path) -> dict[str, str]:
    """Of the commands in a project of ours in `root`: this code, a Prefect of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "LOUPE"))}
    return kept | {"PYTHONPATH": str(_CODE), "PREFECT_HOME": str(root / ".prefect"), "DVC_NO_ANALYTICS": "1"}


def project(root: Path, stages: str) -> dict[str, str]:
    """A DVC project of these stages in `root`; returns the environment of its commands."""
    root.mkdir(parents=True, exist_ok=True)
    found = environment(root)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=root, check=True, env=found)
    (root / "dvc.yaml").write_text(stages)
    shutil.copy(_CODE / "params.yaml", root)
    return found


def chain(length: int) -> str:
    """dvc.yaml of a chain of stages that do nothing; the last is `report@low_light`."""
    lines = ["stages:"]
    for number in range(length - 1):
        lines.append(f"  s{number}: {{cmd: echo > f{number}, outs: [f{number}], deps: [{_before(number)}]}}")
    last = f"{{cmd: echo > done, outs: [done], deps: [{_before(length - 1)}]}}"
    return "\n".join([*lines, f"  report: {{foreach: [low_light], do: {last}}}"]) + "\n"


def _before(number: int) -> str:
    return f"f{number - 1}" if number else ""


def results(repeats: int) -> list[Result]:
    """Seconds of `loupe run` with nothing to do, and what one more stage costs it, beside `dvc repro`."""
    with tempfile.TemporaryDirectory() as name:
        return [_up_to_date(Path(name) / "same", repeats), _a_stage(Path(name), repeats)]


def _up_to_date(root: Path, repeats: int) -> Result:
    found = project(root, chain(_STAGES))
    _run(root, found, _DVC)
    return compare(
        f"flow, {_STAGES} stages up to date", "s", lambda: _run(root, found, _FLOW), "dvc repro",
        lambda: _run(root, found, _DVC), repeats=repeats,
    )  # fmt: skip


def _a_stage(folder: Path, repeats: int) -> Result:
    """A long chain less a short one, by the number of stages between them: the start of both sides drops out."""
    roots = {length: folder / f"chain{length}" for length in (1, _STAGES)}
    environments = {length: project(root, chain(length)) for length, root in roots.items()}
    times: dict[tuple[str, ...], list[float]] = {_FLOW: [], _DVC: []}
    for turn in range(repeats + 1):
        for command, measured in times.items():
            long, short = (_forced(roots[length], environments[length], command) for length in (_STAGES, 1))
            if turn:  # the first turn warms up
                measured.append((long - short) / (_STAGES - 1))
    ours, other = (statistics.median(measured) for measured in times.values())
    return Result("flow, one more stage that does nothing", ours, "s", other, "dvc repro", ours / other)


def _forced(root: Path, found: Mapping[str, str], command: tuple[str, ...]) -> float:
    """Seconds of the command where every stage has to run."""
    for path in (*root.glob("f*"), root / "done", root / "dvc.lock"):
        path.unlink(missing_ok=True)
    shutil.rmtree(root / ".dvc" / "cache", ignore_errors=True)
    return seconds_of(lambda: _run(root, found, command))


def _run(root: Path, found: Mapping[str, str], command: tuple[str, ...]) -> None:
    subprocess.run(command, cwd=root, env=found, check=True, capture_output=True)
