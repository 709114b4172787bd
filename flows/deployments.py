"""The flows as Prefect deployments: what they are called, when they run, and that what a person set in the UI stays.

    loupe deploy [--pool NAME]

registers them on the server of PREFECT_API_URL, for a process work pool where one is named.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx

from flows import params, project_root
from flows.server import OWN_SERVER
from flows.table import FLOWS, flow_of, wanted
from labelling.desk.project import deployment_name, project_id

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

# What people set in the UI. A deployment that exists keeps it; params.yaml wins where it gives a schedule.
_THEIRS = {
    "concurrency_limit", "concurrency_options", "description", "job_variables", "parameters", "paused", "schedules", "tags",
}  # fmt: skip


class ScheduleError(ValueError):
    """A schedule in params.yaml cannot be used."""


@dataclass(frozen=True)
class Schedule:
    """When a flow runs: a cron line, in a time zone such as Europe/Berlin."""

    cron: str
    timezone: str = "UTC"


def schedules(settings: Mapping[str, Any]) -> dict[str, Schedule]:
    """`schedule:` of params.yaml: flow -> Schedule, for those that have one. Raises ScheduleError."""
    given = settings.get("schedule") or {}
    if not isinstance(given, Mapping):
        raise ScheduleError(
            "schedule: in params.yaml gives a schedule for each flow, for example low-light: {cron: 0 2 * * *}"
        )
    found = {}
    for flow, value in given.items():
        if value is None:
            continue
        if flow not in FLOWS:
            raise ScheduleError(f"schedule.{flow}: no such flow; they are {', '.join(FLOWS)}")
        if not isinstance(value, Mapping) or set(value) - {"cron", "timezone"} or "cron" not in value:
            raise ScheduleError(
                f"schedule.{flow}: give a cron line and a timezone, {{cron: 0 2 * * *, timezone: Europe/Berlin}}"
            )
        found[str(flow)] = Schedule(str(value["cron"]), str(value.get("timezone", "UTC")))
    return found


def _check(flow: str, schedule: Schedule) -> None:
    from prefect.client.schemas.schedules import CronSchedule

    try:
        CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
    except ValueError as error:
        reason = str(error).splitlines()[-2].strip() if len(str(error).splitlines()) > 2 else str(error)
        raise ScheduleError(f"schedule.{flow}: {reason}") from None


def full_names(root: Path) -> list[str]:
    """`low-light/loupe` and so on: what the deployments of the project are called on the server in use."""
    own = os.environ.get(OWN_SERVER) == "1"
    return [f"{entry.name}/{deployment_name(own, root)}" for entry in wanted(params.settings(root))]


def built(settings: Mapping[str, Any]) -> list[RunnerDeployment]:
    """The deployments as they are to be registered now: one that the server has keeps what people set there.

    Raises ScheduleError before anything is registered.
    """
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.flows import EntrypointType
    from prefect.schedules import Cron

    root = project_root()
    when = schedules(settings)
    for flow, schedule in when.items():
        _check(flow, schedule)
    found = []
    with get_client(sync_client=True) as client:
        for entry, name in zip(wanted(settings), full_names(root), strict=True):
            planned = when.get(entry.name)
            deployment = cast(
                "RunnerDeployment",
                flow_of(entry).to_deployment(
                    name=name.split("/")[1],
                    description=entry.text,
                    tags=[project_id(root)],
                    schedule=Cron(planned.cron, timezone=planned.timezone) if planned else None,
                    entrypoint_type=EntrypointType.MODULE_PATH,
                ),
            )
            try:
                client.read_deployment_by_name(name)
            except ObjectNotFound:
                pass
            else:
                deployment.model_fields_set.difference_update(_THEIRS - ({"schedules"} if planned else set()))
                if not planned:
                    deployment.schedules = None
                    deployment.model_fields_set.discard("schedules")
            found.append(deployment)
    return found


def _code(root: Path) -> list[str]:
    """Where a worker's process finds the flows: the project's folder, and the one this code lies in, where another."""
    return list(dict.fromkeys([str(root), str(Path(__file__).resolve().parents[1])]))


def deploy(pool: str | None) -> int:
    """Register the deployments on the server of PREFECT_API_URL; returns the exit code.

    pool: a work pool of type process, whose workers run them in this folder; it is made where it is missing.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, PrefectException

    root = project_root()
    address = os.environ.get("PREFECT_API_URL", "")
    if not address:
        print("error: PREFECT_API_URL names no server; `make ui` starts one of its own", file=sys.stderr)
        return 1
    try:
        if pool is not None:
            with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
                client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        for deployment in built(params.settings(root)):
            if pool is not None:
                deployment.work_pool_name = pool
                deployment.job_variables = {
                    **deployment.job_variables,
                    "working_dir": str(root),
                    "env": {"PREFECT_API_URL": address, "PYTHONPATH": os.pathsep.join(_code(root))},
                }
            deployment.apply(work_pool_name=pool)
            print(f"{deployment.full_name} is registered at {address}")
    except (httpx.HTTPError, PrefectException, ScheduleError) as error:
        print(f"error: the flows could not be registered at {address}: {error}", file=sys.stderr)
        return 1
    if pool is not None:
        print(f"Run them with: PREFECT_WORKER_QUERY_SECONDS=2 prefect worker start --pool {pool} --type process")
        print("(a worker asks for work every 10 seconds otherwise, and a resumed run starts that much later)")
    return 0
