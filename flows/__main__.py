"""Run a flow as a command:

    python -m flows [NAME] [--target STAGE]

ends with 0 when the target is up to date, 75 when labels are missing, 1 when a stage failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from flows import params, project_root
from flows.table import FLOWS, flow_of, wanted


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the flow NAME, by default the first of the project's; returns the exit code."""
    here = wanted(params.settings(project_root())) or list(FLOWS.values())
    parser = argparse.ArgumentParser(prog="python -m flows", description="Bring a part of the pipeline up to date.")
    parser.add_argument("name", nargs="?", default=here[0].name, choices=sorted(FLOWS), help="by default %(default)s")
    parser.add_argument("--target", help="the stage, or all of a name, to bring up to date; the flow's own by default")
    parser.add_argument("--verbose", action="store_true", help="show what the stages print")
    chosen = parser.parse_args(arguments)
    entry = FLOWS[chosen.name]
    from flows import running

    return running.command(flow_of(entry), chosen.target or entry.target, chosen.verbose)


if __name__ == "__main__":
    sys.exit(main())
