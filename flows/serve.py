"""A Prefect server and the deployment `loupe` of the flow, for people who schedule and watch runs in the browser.

    python -m flows.serve [--port 4200]

runs until Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from flows import project_root
from flows.server import OWN_SERVER, ServerError, local_server

DEPLOYMENT = "loupe"


def main(arguments: Sequence[str] | None = None) -> int:
    """Starts the server, then serves until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.serve", description="Serve the pipeline with Prefect's UI.")
    parser.add_argument("--port", type=int, default=4200, help="port of the server on 127.0.0.1 (default: 4200)")
    port = parser.parse_args(arguments).port
    signal.signal(signal.SIGTERM, _stop)
    try:
        with local_server(project_root(), port, ui=True) as address:
            os.environ["PREFECT_API_URL"] = address
            os.environ[OWN_SERVER] = "1"
            os.environ.setdefault("PREFECT_RUNNER_POLL_FREQUENCY", "2")
            print(f"Prefect's pages: http://127.0.0.1:{port}  (deployment low-light/{DEPLOYMENT})", flush=True)
            print(f"For other commands: export PREFECT_API_URL={address}", flush=True)
            _serve()
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _serve() -> None:
    # Imported only now: prefect reads the address of its server when it is imported.
    from prefect.flows import EntrypointType

    from flows.low_light import low_light

    low_light.serve(
        name=DEPLOYMENT,
        description="The whole low-light run; it suspends where labels are missing.",
        entrypoint_type=EntrypointType.MODULE_PATH,
        print_starting_message=False,
        pause_on_shutdown=False,
    )


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
