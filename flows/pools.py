"""Work pools of a Prefect server: what `loupe deploy` makes of them, and what a run in one is given.

A run needs the project's folder under its path. In a pool of type process the worker's machine has it; in one of type
kubernetes a pod mounts it, from a volume claim, under the same path, and has Loupe in its image. No run's secrets lie on the
server: a worker has them in its environment, a pod from a Kubernetes secret.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PROCESS, KUBERNETES = "process", "kubernetes"
TYPES = (PROCESS, KUBERNETES)


class PoolError(ValueError):
    """A work pool cannot take the project's runs."""


@dataclass(frozen=True)
class Pool:
    """A work pool as asked for.

    type: process or kubernetes; None: that of the pool where the server has it, else process.
    limit: runs at a time, such as the GPUs behind the pool; None: as it is.
    image, claim, secret, gpus: of kubernetes: the image with Loupe, the volume claim with the project's folder, the secret
        whose keys become environment variables, and GPUs of a pod.
    """

    name: str
    type: str | None = None
    limit: int | None = None
    image: str | None = None
    claim: str | None = None
    secret: str | None = None
    gpus: int | None = None


def ready(client: SyncPrefectClient, pool: Pool) -> str:
    """The pool's type; it is made where it is missing, and limited as asked. Raises PoolError before anything is made."""
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    try:
        there = client.read_work_pool(pool.name)
    except ObjectNotFound:
        there = None
    type = pool.type or (there.type if there else PROCESS)
    if there is not None and there.type != type:
        raise PoolError(
            f"the work pool {pool.name} is of type {there.type}, not {type}; leave --type out, or name another"
        )
    if type not in TYPES:
        raise PoolError(
            f"the work pool {pool.name} is of type {type}; Loupe runs in pools of type {' and '.join(TYPES)}"
        )
    _check(pool, type)
    if there is None:
        template = TEMPLATE if type == KUBERNETES else {}
        client.create_work_pool(
            WorkPoolCreate(name=pool.name, type=type, concurrency_limit=pool.limit, base_job_template=template)
        )
        return type
    known = there.base_job_template.get("variables", {}).get("properties", {})
    lacking = sorted({"image", "working_dir", "claim"} - set(known)) if type == KUBERNETES else []
    if lacking:
        raise PoolError(
            f"the base job template of the work pool {pool.name} has no {', '.join(lacking)}: its pods would not find the "
            "project. Add them (docs/prefect.md says where they go), or name a pool that is to be made"
        )
    if pool.limit is not None:
        client.update_work_pool(pool.name, WorkPoolUpdate(concurrency_limit=pool.limit))
    return type


def _check(pool: Pool, type: str) -> None:
    given = {"--image": pool.image, "--claim": pool.claim, "--secret": pool.secret, "--gpus": pool.gpus}
    if type == KUBERNETES:
        missing = [name for name in ("--image", "--claim") if not given[name]]
        if missing:
            raise PoolError(
                f"pods of the work pool {pool.name} need {' and '.join(missing)}; see `loupe deploy --help`"
            )
        return
    idle = [name for name, value in given.items() if value is not None]
    if idle:
        raise PoolError(f"{', '.join(idle)}: only for a pool of type {KUBERNETES}, and {pool.name} is of type {type}")


def job_variables(pool: Pool, type: str, root: Path, code: Path, address: str) -> dict[str, Any]:
    """What every run of the project in `root` is given. code: the folder of Loupe; address: of Prefect's API."""
    if type == PROCESS:
        path = os.pathsep.join(dict.fromkeys([str(root), str(code)]))
        return {"working_dir": str(root), "env": {"PREFECT_API_URL": address, "PYTHONPATH": path}}
    return {
        "working_dir": str(root),
        "image": pool.image,
        "claim": pool.claim,
        "env": {"PREFECT_API_URL": address, "PYTHONPATH": str(root)},
        **({"env_from": [{"secretRef": {"name": pool.secret}}]} if pool.secret else {}),
        **({"gpus": pool.gpus} if pool.gpus is not None else {}),
    }


def merged(before: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Job variables that people set stay, also in `env`, but for those of ours."""
    return {**before, **ours, "env": {**(before.get("env") or {}), **ours["env"]}}


def how_to_run(pool: Pool, type: str) -> str:
    start = f"PREFECT_WORKER_QUERY_SECONDS=2 prefect worker start --pool {pool.name} --type {type}"
    where = (
        "on the machine of the project" if type == PROCESS else "where kubectl works, with prefect-kubernetes installed"
    )
    return (
        f"Run them with: {start}  ({where})\n"
        "(a worker asks for work every 10 seconds otherwise, and a resumed run starts that much later)"
    )


def _variable(type: str, title: str, default: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": type, "title": title, **({} if default is None else {"default": default}), **more}


_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_RESOURCES = {"cpu": "{{ cpu }}", "memory": "{{ memory }}", "nvidia.com/gpu": "{{ gpus }}"}
# As prefect-kubernetes' own template, with the project's folder, a secret's environment, and GPUs.
TEMPLATE: dict[str, Any] = {
    "variables": {
        "type": "object",
        "properties": {
            "name": _variable("string", "Name of the job"),
            "env": {**_TEXTS, "title": "Environment variables"},
            "labels": {**_TEXTS, "title": "Labels"},
            "command": _variable("string", "Command; empty: Prefect's"),
            "namespace": _variable("string", "Namespace", "default"),
            "image": _variable("string", "Image with Loupe"),
            "image_pull_policy": _variable("string", "When the image is pulled", "IfNotPresent"),
            "service_account_name": _variable("string", "Service account"),
            "working_dir": _variable("string", "The project's folder, and where the volume is mounted"),
            "claim": _variable("string", "Volume claim with the project's folder"),
            "env_from": _variable("array", "Secrets and config maps whose keys become variables", items={"type": "object"}),
            "cpu": _variable("string", "Cores of a pod, such as 4"),
            "memory": _variable("string", "Memory of a pod, such as 32Gi"),
            "gpus": _variable("integer", "GPUs of a pod"),
            "node_selector": {**_TEXTS, "title": "Labels of the nodes that may be used"},
            "finished_job_ttl": _variable("integer", "Seconds that a finished job is kept", 3600),
            "job_watch_timeout_seconds": _variable("integer", "Seconds to wait for each event of a job"),
            "pod_watch_timeout_seconds": _variable("integer", "Seconds to wait for a pod to start", 600),
            "stream_output": _variable("boolean", "Show the pod's output in the worker's", True),
            "cluster_config": {"title": "Cluster; empty: the worker's own"},
        },
        "required": ["image", "working_dir", "claim"],
    },
    "job_configuration": {
        **{
            name: f"{{{{ {name} }}}}"
            for name in (
                "command", "env", "labels", "name", "namespace", "cluster_config", "job_watch_timeout_seconds",
                "pod_watch_timeout_seconds", "stream_output",
            )
        },
        "job_manifest": {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"labels": "{{ labels }}", "namespace": "{{ namespace }}", "generateName": "{{ name }}-"},
            "spec": {
                "backoffLimit": 0,
                "ttlSecondsAfterFinished": "{{ finished_job_ttl }}",
                "parallelism": 1,
                "completions": 1,
                "template": {
                    "spec": {
                        "restartPolicy": "Never",
                        "serviceAccountName": "{{ service_account_name }}",
                        "nodeSelector": "{{ node_selector }}",
                        "volumes": [{"name": "project", "persistentVolumeClaim": {"claimName": "{{ claim }}"}}],
                        "containers": [
                            {
                                "name": "prefect-job",
                                "image": "{{ image }}",
                                "imagePullPolicy": "{{ image_pull_policy }}",
                                "args": "{{ command }}",
                                "env": "{{ env }}",
                                "envFrom": "{{ env_from }}",
                                "workingDir": "{{ working_dir }}",
                                "volumeMounts": [{"name": "project", "mountPath": "{{ working_dir }}"}],
                                "resources": {"limits": _RESOURCES, "requests": _RESOURCES},
                            }
                        ],
                    }
                },
            },
        },
    },
}  # fmt: skip
