"""Prefect over the DVC graph: runs the stages, shows them, waits at the label gates.

Importing this package settles where Prefect keeps its data (inside the project, never in the user's home) and that
nothing phones home. It must therefore be imported before prefect is.
"""

from __future__ import annotations

import os
from pathlib import Path


def project_root(start: Path | None = None) -> Path:
    """The project a command belongs to: the nearest folder with a dvc.yaml, from `start` (the working folder) upwards.

    Without one it is `start` itself, so that the error which follows names the folder the user is in.
    """
    start = (start or Path.cwd()).resolve()
    return next((folder for folder in (start, *start.parents) if (folder / "dvc.yaml").is_file()), start)


os.environ.setdefault("PREFECT_HOME", str(project_root() / ".prefect"))
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT", "false")
