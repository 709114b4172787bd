"""The run of multi-exposure fusion: brackets, search of network and loss, training, fusion, evaluation.

    python -m flows.brackets [--target STAGE]

ends with 0 when the target is up to date, 1 when a stage failed.
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

TARGET = "evaluate_brackets"


@flow(name="brackets", flow_run_name=running.run_name, persist_result=False)
def brackets(target: str = TARGET) -> State[Any]:
    """Brings `target` up to date: runs every stage that it needs."""
    return running.bring_up_to_date(target)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the flow as a command; returns the exit code."""
    return running.command(
        brackets, "Run multi-exposure fusion.", TARGET, Path("data/evaluate_brackets/report.html"), arguments
    )


if __name__ == "__main__":
    sys.exit(main())
