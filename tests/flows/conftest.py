"""Small DVC projects in temporary folders, and one Prefect server for the session on a port of its own."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from flow_helpers import BESIDE_OURS, ROUNDS, ROUNDS_PARAMS, STATUS, Project


@pytest.fixture
def project_named(tmp_path: Path) -> Project:
    """project_named(name, dvc_yaml, params) makes a DVC project and returns its folder."""

    def make(name: str, stages: str = ROUNDS, params: str = ROUNDS_PARAMS) -> Path:
        from dvc.repo import Repo

        root = tmp_path / name
        root.mkdir()
        with Repo.init(str(root), no_scm=True) as repo, repo.config.edit() as config:
            config["core"] |= {"analytics": False, "check_update": False}
        (root / "dvc.yaml").write_text(stages)
        (root / "params.yaml").write_text(params)
        (root / "labelling").mkdir()
        (root / "labelling" / "__init__.py").write_text(BESIDE_OURS)
        (root / "labelling" / "status.py").write_text(STATUS)
        return root

    return make


@pytest.fixture
def project(project_named: Project) -> Project:
    """project(dvc_yaml, params) makes the only DVC project of a test."""
    return partial(project_named, "project")


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a server that lives until the test process has sent its last log line."""
    from flows.server import local_server

    home = tmp_path_factory.mktemp("prefect")
    server = ExitStack()
    atexit.register(server.close)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(home))
        return server.enter_context(local_server(home))


@pytest.fixture
def in_prefect(prefect_api: str) -> Iterator[None]:
    """Flows of this process run on the session's server."""
    import flows  # noqa: F401

    # isort: split
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings(updates={PREFECT_API_URL: prefect_api}):
        yield
