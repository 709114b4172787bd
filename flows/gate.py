"""The label gate as a paused run."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import get_run_logger, runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import Abort, Pause
from prefect.input import RunInput, keyset_from_paused_state
from prefect.states import Suspended
from prefect.utilities.engine import propose_state_sync

from flows import notice, words
from flows.words import LabelsStatus
from labelling.desk.project import gate_prefix, progress_key

CountLabels = Callable[[str], LabelsStatus]


class GateError(RuntimeError):
    """The label store says that a round is complete, the stage says it is not."""


class LabelsIn(RunInput):
    """The form shown at Resume. It may stay empty: the votes are counted, not believed."""

    note: str = ""


def labels_status(round: str) -> LabelsStatus:
    """Counts the votes in the label store, by the same function that the stage uses."""
    from labelling.store import labels_status as count_votes

    return count_votes(round)


def round_of(stage: str) -> str:
    """labels@low_light-r01 waits for the labels of low_light-r01."""
    return stage.rpartition("@")[2]


class Gate:
    """Waits for the labels of one run's rounds."""

    def __init__(self, root: Path, count_labels: CountLabels) -> None:
        self._root = root
        self._count = count_labels
        self._walked_again: set[str] = set()

    def passed(self, awaiting: list[str]) -> bool:
        """Waits until one of the stages `awaiting` labels has them; True: walk on. Call it in a flow, outside of tasks.

        Under a deployment the run suspends: it leaves this function by Prefect's Pause, and a resumed run starts from
        the top and comes here again if labels are still missing. The votes are counted after every resume. Without a
        deployment a run cannot suspend; the answer is then False. Raises GateError where store and stage disagree.
        """
        if self._any_complete(awaiting):
            return True
        if runtime.deployment.id is None:
            return False
        round = round_of(awaiting[0])
        for attempt in count(1):
            status = self._count(round)
            notice.publish(self._root, round, status, progress_key(round, self._root))
            # A key that was used before returns at once: the number counts the resumes that came too early.
            _suspend(
                f"{gate_prefix(round, self._root)}{attempt}",
                notice.message(self._root, round, status),
                notice.form(self._root, round, status),
            )
            if self._any_complete(awaiting):
                return True
            get_run_logger().info("resumed, but %s", self.message(awaiting))
        raise GateError("unreachable")

    def message(self, awaiting: list[str]) -> str:
        """What is missing and the command to label with."""
        parts = []
        for stage in awaiting:
            round = round_of(stage)
            status = self._count(round)
            how = "its log says why" if status.kind == words.LLM else f"label with `loupe label {round}`"
            parts.append(f"{stage} has {status.have} of {status.need} {status.what}: {how}")
        return "; ".join(parts)

    def _any_complete(self, awaiting: list[str]) -> bool:
        complete = {stage for stage in awaiting if self._count(round_of(stage)).complete}
        stuck = complete & self._walked_again
        if stuck:
            raise GateError(
                f"the label store has all votes for {', '.join(sorted(stuck))}, yet the stage says they are missing: "
                "are LOUPE_LABELS here and for the stage the same?"
            )
        self._walked_again |= complete
        return bool(complete)


def _suspend(key: str, message: str, form: str) -> None:
    """Suspend this run; it leaves by Prefect's Pause. The state says `message`, the form at Resume says `form`.

    As Prefect's `suspend_flow_run`, which gives the state no message. Returns where the pause of this key was resumed
    before. Raises GateError where the server refuses.
    """
    words = LabelsIn.with_initial_data(description=form, note="")
    state: State[Any] = Suspended(pause_key=key, message=message)
    keyset: Any = keyset_from_paused_state(state)
    state.state_details.run_input_keyset = keyset
    with get_client(sync_client=True) as client:
        try:
            answer = propose_state_sync(client, state, flow_run_id=UUID(runtime.flow_run.id))
        except Abort as error:
            raise GateError(f"the run cannot wait for labels: {error}") from error
        if answer.is_running():
            return
        if not answer.is_paused():
            raise GateError(f"the run cannot wait for labels: Prefect answered {answer}")
        words.save(keyset)
    raise Pause(state=answer)
