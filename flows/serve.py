"""A Prefect server, the deployment `loupe` of the flow, and the labelling app, for people who work in the browser.

    python -m flows.serve [--port 4200] [--label-port 4201]

runs until Ctrl-C or SIGTERM. The labelling app knows Prefect's address, so the last vote of a round resumes the run that
waits for it. Should the app end, Prefect goes on.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import cast

from flows import project_root
from flows.child import running
from flows.server import OWN_SERVER, ServerError, local_server

DEPLOYMENT = "loupe"
DEPLOYMENTS = tuple(f"{flow}/{DEPLOYMENT}" for flow in ("low-light", "genetic", "brackets"))
_told_to_stop = threading.Event()


def main(arguments: Sequence[str] | None = None) -> int:
    """Starts the server, then serves until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.serve", description="Serve the pipeline with Prefect's UI.")
    parser.add_argument("--port", type=int, default=4200, help="port of the server on 127.0.0.1 (default: 4200)")
    parser.add_argument("--label-port", type=int, default=4201, help="port of the labelling app (default: 4201)")
    chosen = parser.parse_args(arguments)
    port, label_port = chosen.port, chosen.label_port
    signal.signal(signal.SIGTERM, _stop)
    try:
        with local_server(project_root(), port, ui=True) as address:
            os.environ["PREFECT_API_URL"] = address
            os.environ[OWN_SERVER] = "1"
            os.environ.setdefault("PREFECT_RUNNER_POLL_FREQUENCY", "2")
            print(f"Prefect's pages: http://127.0.0.1:{port}  (deployments {', '.join(DEPLOYMENTS)})", flush=True)
            print(f"For other commands: export PREFECT_API_URL={address}", flush=True)
            app = ["label", "--no-browser", "--port", str(label_port)]

            def ended(code: int) -> None:
                again = f"PREFECT_API_URL={address} loupe {' '.join(app)}"
                print(f"The labelling app has ended (exit code {code}). Start it again with: {again}", flush=True)

            with running("cli.main", app, project_root(), {"PREFECT_API_URL": address}, ended):
                _serve()
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    except Exception:
        if not _told_to_stop.is_set():  # where the signal comes in the middle of a serializer, that wraps it
            raise
    return 0


def _serve() -> None:
    # Imported only now: prefect reads the address of its server when it is imported.
    from prefect import serve
    from prefect.deployments.runner import RunnerDeployment
    from prefect.flows import EntrypointType

    from flows.brackets import brackets
    from flows.genetic import genetic
    from flows.low_light import low_light

    described = {
        low_light: "The rounds, of what loop.task names; they suspend where labels are missing.",
        genetic: "The per-photo genetic search, its predictor, and the evaluation of both.",
        brackets: "Multi-exposure fusion: search of network and loss, training, evaluation.",
    }
    serve(
        *(
            cast(
                RunnerDeployment,
                flow.to_deployment(name=DEPLOYMENT, description=text, entrypoint_type=EntrypointType.MODULE_PATH),
            )
            for flow, text in described.items()
        ),
        print_starting_message=False,
        pause_on_shutdown=False,
    )


def _stop(number: int, frame: FrameType | None) -> None:
    _told_to_stop.set()
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
