"""What Prefect's pages say of a run that waits for labels: the words, the link to label, and how far it is."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import create_link_artifact, create_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterFlowRunId, TaskRunFilterStateName
from prefect.client.schemas.filters import TaskRunFilterState as StateFilter
from prefect.exceptions import PrefectException
from prefect.states import Completed

from flows import states, words
from flows.words import LabelsStatus


def message(root: Path, round: str, status: LabelsStatus) -> str:
    """The sentence that the waiting run shows."""
    known = words.known(round, status)
    if status.kind == words.LLM:
        return (
            f"{known}. The log of its labels stage says why the others are not; mend that, and resume to ask it again."
        )
    how = words.how_to_label(round, words.label_address(root))
    return f"{known}. To go on, {how}; the run resumes by itself when the last is in."


def form(root: Path, round: str, status: LabelsStatus) -> str:
    """The words of the form that Prefect shows at Resume (Markdown)."""
    return (
        f"**Nothing has to be filled in.** {message(root, round, status)}\n\n"
        "Resume only if it did not go on by itself: the labels are counted again, and while some are missing the run waits "
        "again. Next come the ranker's training on these labels, the model's fine-tuning, and the next round."
    )


def publish(root: Path, round: str, status: LabelsStatus, key: str) -> None:
    """The link to label and the progress, as artifacts of this run. `key`: of the progress, which the app moves."""
    share = 100.0 * min(1.0, status.have / status.need) if status.need else 0.0
    create_progress_artifact(
        share, key=key, description=f"Labels of {words.subject(round)}: {status.have} of {status.need} {status.what}"
    )
    if where := words.label_address(root):
        text = f"Label {words.subject(round)}"
        create_link_artifact(where, link_text=text, key=f"{key}-link", description=message(root, round, status))


def labels_are_in(run: UUID, still_waiting: Collection[str]) -> None:
    """The tasks of this flow run that showed AwaitingLabels, of its earlier walks, show that the labels are in.

    still_waiting: the stages whose labels are not; whichever walk of this run tried them, their tasks go on saying so.
    """
    wanted = TaskRunFilter(
        flow_run_id=TaskRunFilterFlowRunId(any_=[run]),
        state=StateFilter(name=TaskRunFilterStateName(any_=[states.AWAITING])),
    )
    try:
        with get_client(sync_client=True) as client:
            for waiting in client.read_task_runs(task_run_filter=wanted):
                if waiting.name in still_waiting:
                    continue
                client.set_task_run_state(
                    waiting.id,
                    Completed(name="LabelsIn", message="the labels came in; the stage ran again"),
                    force=True,
                )
    except PrefectException as error:  # what is shown must not end what works
        get_run_logger().warning("tasks that waited for labels still show it: %s", error)
