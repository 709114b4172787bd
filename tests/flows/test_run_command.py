"""`loupe run` with nothing to do: it says so, without Prefect and without a server."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from flow_helpers import CODE, Project, dvc, flow_environment

STAGE = "stages:\n  report: {cmd: 'echo x > report', outs: [report]}\n"
RUN = "import sys\nfrom cli.main import run\nrun(target='report')\nprint(sorted({'prefect', 'torch'} & set(sys.modules)))\n"


def test_nothing_to_do_is_said_without_prefect(project: Project) -> None:
    root = project(STAGE, (CODE / "presets" / "demo.yaml").read_text())
    assert dvc(root, "repro", "report").returncode == 0
    environment = flow_environment(root, None) | {"PYTHONPATH": str(CODE)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.splitlines() == ["report is up to date: nothing to run", "[]"], done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 4.0
    assert not Path(root / ".prefect").exists()
