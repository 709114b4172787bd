"""What the Prefect flow costs a stage, beside the bare `dvc repro`, on a chain of stages that do nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Result, compare

STAGES = 8


def chain(root: Path) -> None:
    """A DVC project of a chain of `STAGES` stages, each writing a small file."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=root, check=True, env=environment)
    lines = ["stages:"]
    for number in range(STAGES):
        lines += [f"  s{number}:", f"    cmd: echo {number} > f{number}", f"    outs: [f{number}]"]
        if number:
            lines.append(f"    deps: [f{number - 1}]")
    lines += ["  report:", "    cmd: echo done > done", f"    deps: [f{STAGES - 1}]", "    outs: [done]"]
    (root / "dvc.yaml").write_text("\n".join(lines) + "\n")


def overhead(repeats: int) -> list[Result]:
    """Seconds a stage in the flow (its start included) beside `dvc repro`, every stage forced to run."""
    project = Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        chain(root)
        environment = {
            **os.environ,
            "PYTHONPATH": str(project),
            "PREFECT_HOME": str(root / ".prefect"),
            "DVC_NO_ANALYTICS": "1",
        }
        environment.pop("PREFECT_API_URL", None)

        def run(*command: str) -> None:
            for path in root.glob("f*"):
                path.unlink()
            (root / "dvc.lock").unlink(missing_ok=True)
            subprocess.run(
                [sys.executable, "-m", "dvc", "gc", "-q", "-f", "--workspace"], cwd=root, env=environment, check=False
            )
            subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)

        return [
            compare(
                f"flow, {STAGES + 1} stages that do nothing",
                "s/stage",
                lambda: run(sys.executable, "-m", "flows.low_light"),
                "dvc repro",
                lambda: run(sys.executable, "-m", "dvc", "repro", "--no-run-cache"),
                repeats=repeats,
                each=STAGES + 1,
            )
        ]
