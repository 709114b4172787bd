"""What every stage does at its start: read its arguments and its params, choose the device, and say errors in one line."""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tasks.config import PROCESSES, View, load
from tasks.registry import KINDS
from tasks.stage import together
from tasks.stage.mapping import Workers

STATE = Path(".loupe") / "training"
UNAVAILABLE = 69  # the exit code of a stage whose download failed in a way that may pass; the flow tries it again
# A stage runs as `python -m tasks.NAME`: the errors that its module defines then belong to __main__.
OWN_PACKAGES = {"__main__", "cli", "flows", "labelling", "models", "pictures", "tasks"}


class UnknownKind(ValueError):
    """No such kind of pictures."""


def is_own_error(error: BaseException) -> bool:
    """Whether an exception is one of Loupe's own: its message is written for the user and needs no traceback."""
    return type(error).__module__.split(".")[0] in OWN_PACKAGES


def stage(
    description: str | None,
    run: Callable[..., int | None],
    params: Sequence[str],
    arguments: Mapping[str, str] | None = None,
    kind: str | None = None,
    trains: Sequence[str] = (),
) -> None:
    """Run a stage as a command: parse `--name VALUE` for each of `arguments` (name -> help), call run(params, **values).

    kind: the kind of pictures that the stage is of; where `arguments` has a kind, that is it, and `params.kind` says it.
    trains: the sections of the kind that it trains by; such a stage may be several processes (`tasks.stage.together`).

    Loupe's own errors end in one line on stderr and exit code 1, or UNAVAILABLE where the error says that it is
    `temporary`; `run` may return another exit code.
    """
    summary = (description or "").strip()
    parser = argparse.ArgumentParser(description=summary, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, text in (arguments or {}).items():
        parser.add_argument(f"--{name}", required=True, help=text)
    values = vars(parser.parse_args())
    run = _by_its_name(run)
    try:
        kind = values.pop("kind", kind)
        if kind is not None and kind not in KINDS:
            raise UnknownKind(f"no kind of pictures is called {kind!r}; known are {', '.join(KINDS)}")
        view = load(params, kind)
        code = together.run(partial(run, view, **values), view, trains, device)
    except Exception as error:
        together.say_if_alone()
        if not is_own_error(error):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(UNAVAILABLE if getattr(error, "temporary", False) else 1)
    sys.exit(code)


def _by_its_name(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """A function of the module that runs as __main__ as it is under the module's name: so other processes can import it."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if function.__module__ != "__main__" or spec is None:
        return function
    found: Callable[..., int | None] = getattr(importlib.import_module(spec.name), function.__name__)
    return found


def device(params: View) -> str:
    """'cuda' or 'cpu' as machine.device asks; 'auto' takes a GPU when there is one."""
    wanted = params.machine.device
    if wanted == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        from tasks.config import ConfigError

        raise ConfigError("machine.device is 'cuda' but torch sees no GPU; set it to 'auto' or 'cpu' in params.yaml")
    return "cpu"


def workers(params: View, to: str = "cpu") -> Workers:
    """Where maps over images run: on the cluster of machine.executor, or in machine.workers processes (0: one a core), a share
    of them for each process of a training that several share.

    to: the device of the work; this process feeds a GPU.
    """
    machine = params.machine
    if to == "cuda":
        return Workers(1)
    count = machine.workers or os.cpu_count() or 1
    return Workers(
        max(1, count // max(1, together.launched())), None if machine.executor == PROCESSES else machine.executor
    )


def identity(*parts: object) -> str:
    """A hash of what a training learns from (ids, file hashes): a resumable state of other data is not continued."""
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()
