"""The genetic run: dataset, per-photo search, predictor, evaluation of both.

    python -m flows.genetic [--target STAGE]

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

TARGET = "genetic_evaluate"


@flow(name="genetic", flow_run_name=running.run_name, persist_result=False)
def genetic(target: str = TARGET) -> State[Any]:
    """Brings `target` up to date: runs every stage that it needs."""
    return running.bring_up_to_date(target)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the flow as a command; returns the exit code."""
    return running.command(
        genetic, "Run the per-photo genetic search.", TARGET, Path("data/genetic_evaluate/metrics.json"), arguments
    )


if __name__ == "__main__":
    sys.exit(main())
