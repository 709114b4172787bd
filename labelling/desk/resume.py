"""What happens after a round's last vote: the run that waits for it goes on, over Prefect's REST API.

Only the pipeline's own rounds (low_light-r01, ...) have runs that wait. For a study, and for the validation photos, nothing
waits, and the sentence says how to get at the results.

The votes are stored before this is called, and every start of the run counts them again: a call that fails or gets lost
costs nothing, so every failure ends in the sentence that says which command to run.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Any

from labelling.desk import project
from labelling.exchange import manifest

if TYPE_CHECKING:
    import httpx

_BUSY = 503
_PAUSES = (0.2, 0.5, 1.0, 2.0)  # seconds between the times that a busy server is asked
_PAGE = 200  # Prefect's own limit of one answer

_log = logging.getLogger(__name__)


class _Unexpected(Exception):
    """Prefect answered, and not with what was asked for."""


def after_last_vote(round: str, api_url: str | None = None, timeout: float = 3.0) -> str:
    """Resume every run of this project that is paused on the gate of `round`; where none waits, start its deployment.

    A study and the validation round have no gate: nothing is called for them, and the sentence says what to do next. It
    names the round only as "round NAME", so that a page can leave the name out. `api_url` is the address of Prefect's
    API (None: the environment's PREFECT_API_URL; without it nothing is called), `timeout` the seconds given to each
    call. Returns the sentence to show the person who voted; it never raises for a server that is absent, slow or wrong.
    """
    done = f"All labels of round {round} are in."
    if (next_step := _without_gate(round)) is not None:
        return f"{done} {next_step}"
    address = (api_url or os.environ.get("PREFECT_API_URL", "")).strip().rstrip("/")
    by_hand = f"{done} To go on, run `dvc repro` (or `loupe run`)."
    if not address:
        return by_hand

    import httpx

    try:
        with client_of(address, timeout) as client:
            own = project.is_own_server(address)
            resumed = _resume_all(client, round)
            if resumed:
                return f"{done} The waiting run goes on." if resumed == 1 else f"{done} {resumed} waiting runs go on."
            _start(client, f"{manifest.flow_of(round)}/{project.deployment_name(own)}")
            return f"{done} A new run was started in Prefect and goes on from here."
    except (httpx.HTTPError, httpx.InvalidURL, _Unexpected) as error:
        _log.warning(
            "round %s is complete, and Prefect at %s could not be told: %s", round, address, str(error).split("\n")[0]
        )
        return by_hand


def _without_gate(round: str) -> str | None:
    """What to do next with a round that no run waits for; None for a round of the pipeline."""
    if manifest.is_validation(round):
        return "To take them into the report, raise evaluate.label_rev of its kind in params.yaml and run `dvc repro`."
    try:
        study = manifest.find(round)
    except manifest.StudyError as error:
        return f"The study's results cannot be computed yet: {error}."
    if study is None:
        return None
    if study.task == "ratings":
        return "`loupe ratings export` writes them to a file; an expert may review them first."
    return "`loupe study results` computes the scores."


def client_of(address: str, timeout: float) -> httpx.Client:
    """A client of Prefect's REST API, with the key or the password of the environment."""
    import httpx

    headers = {}
    auth = None
    if key := os.environ.get("PREFECT_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    elif secret := os.environ.get("PREFECT_API_AUTH_STRING"):
        user, _, password = secret.partition(":")
        auth = httpx.BasicAuth(user, password)
    # A proxy of the environment cannot reach this machine's own loopback.
    local = httpx.URL(address).host in ("127.0.0.1", "localhost", "::1")
    return httpx.Client(base_url=address, timeout=timeout, headers=headers, auth=auth, trust_env=not local)


def ask(client: httpx.Client, method: str, path: str, body: Any = None) -> httpx.Response:
    """Ask Prefect, and ask again where its database was busy (503: nothing was done), as Prefect's own client does.

    Raises httpx.HTTPError, also for any answer that is none of success.
    """
    for pause in (*_PAUSES, None):
        response = client.request(method, path, json=body)
        if response.status_code != _BUSY or pause is None:
            break
        time.sleep(pause)
    return response.raise_for_status()


def _resume_all(client: httpx.Client, round: str) -> int:
    """Resume this project's runs waiting at the round's gate and return how many took it."""
    gate = project.gate_prefix(round)
    resumed, refused = 0, []
    for run in _paused_runs(client):
        details = (run.get("state") or {}).get("state_details") or {}
        key = str(details.get("pause_key") or "")
        if not (key.startswith(gate) and key.removeprefix(gate).isdigit()):
            continue
        answer = _json(ask(client, "POST", f"/flow_runs/{run.get('id')}/resume", {"run_input": {}}))
        if isinstance(answer, dict) and answer.get("status") == "ACCEPT":
            resumed += 1
        else:
            refused.append(answer)
    if refused and not resumed:
        raise _Unexpected(f"no waiting run could be resumed: {refused[0]!r:.300}")
    return resumed


def _paused_runs(client: httpx.Client) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    while True:
        wanted = {
            "flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}, "sort": "ID_DESC", "limit": _PAGE,
            "offset": len(runs),
        }  # fmt: skip
        page = _json(ask(client, "POST", "/flow_runs/filter", wanted))
        if not isinstance(page, list) or not all(isinstance(run, dict) for run in page):
            raise _Unexpected(f"a list of runs was expected, not {page!r:.300}")
        runs.extend(page)
        if len(page) < _PAGE:
            return runs


def _start(client: httpx.Client, deployment: str) -> None:
    found = _json(ask(client, "GET", f"/deployments/name/{deployment}"))
    if not isinstance(found, dict) or "id" not in found:
        raise _Unexpected(f"a deployment was expected, not {found!r:.300}")
    _json(ask(client, "POST", f"/deployments/{found['id']}/create_flow_run", {}))


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise _Unexpected(f"{response.request.url} did not answer with JSON") from error
