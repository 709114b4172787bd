"""The flows as Prefect deployments: what they are called, when they run, and that what a person set in the UI stays.

    loupe deploy [--pool NAME]

registers them on the server of PREFECT_API_URL, for a work pool where one is named (`pools`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import httpx

from flows import params, pools, project_root
from flows.pools import Pool
from flows.server import OWN_SERVER
from flows.table import FLOWS, flow_of, wanted
from labelling.desk.project import deployment_name, project_id

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
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


CODE = Path(__file__).resolve().parents[1]
"""The folder of Loupe itself."""


def deploy(pool: Pool | None) -> int:
    """Register the deployments on the server of PREFECT_API_URL, to run in `pool`; returns the exit code."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectException

    root = project_root()
    address = os.environ.get("PREFECT_API_URL", "")
    if not address:
        print("error: PREFECT_API_URL names no server; `make ui` starts one of its own", file=sys.stderr)
        return 1
    try:
        found = built(params.settings(root))
        if pool is None:
            for deployment in found:
                deployment.apply()
                print(f"{deployment.full_name} is registered at {address}")
            return 0
        with get_client(sync_client=True) as client:
            type = pools.ready(client, pool)
            ours = pools.job_variables(pool, type, root, CODE, address)
            for deployment in found:
                deployment.work_pool_name = pool.name
                deployment.job_variables = pools.merged(_job_variables(client, deployment.full_name, pool.name), ours)
                deployment.apply(work_pool_name=pool.name)
                print(f"{deployment.full_name} is registered at {address}, for the work pool {pool.name} ({type})")
    except (httpx.HTTPError, PrefectException, ScheduleError, pools.PoolError) as error:
        print(f"error: the flows could not be registered at {address}: {error}", file=sys.stderr)
        return 1
    if type == pools.KUBERNETES and urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1"):
        print(f"warning: no pod reaches {address}; give PREFECT_API_URL as pods see the server", file=sys.stderr)
    print(pools.how_to_run(pool, type))
    return 0


def _job_variables(client: SyncPrefectClient, name: str, pool: str) -> dict[str, Any]:
    """Those that a deployment has already, in the same pool."""
    from prefect.exceptions import ObjectNotFound

    try:
        found = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return {}
    return dict(found.job_variables or {}) if found.work_pool_name == pool else {}
