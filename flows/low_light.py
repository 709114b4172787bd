"""The low-light run: dataset, first enhancer, rounds of labelling and fine-tuning, evaluation, report.

    python -m flows.low_light [--target STAGE]

ends with 0 when the target is up to date, 75 when labels are missing, 1 when a stage failed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows import running

# isort: split
from prefect import flow
from prefect.client.schemas.objects import State

TARGET = "report"


@flow(name="low-light", flow_run_name=running.run_name, persist_result=False)
def low_light(target: str = TARGET) -> State[Any]:
    """Brings `target` up to date: runs every stage whose inputs are there, and waits where labels are missing."""
    return running.bring_up_to_date(target)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the flow as a command; returns the exit code."""
    return running.command(low_light, "Run the low-light rounds.", TARGET, Path("data/report/report.html"), arguments)


if __name__ == "__main__":
    sys.exit(main())
