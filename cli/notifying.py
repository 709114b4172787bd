"""`loupe notify`: tell what is due, a trial message, or a command whose failure is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cli.errors import UserError
from flows import notify, params, project_root

LABELS_MISSING = 75
_POLL_SECONDS = 0.1
_LAST_LINES = 20
# What DVC says of a stage that ended so, while it ends with 255 itself.
_GATE = f"exited with {LABELS_MISSING}"


def notify_now(trial: bool, command: Sequence[str]) -> int:
    """Run the command, if there is one, then tell what is due; returns the exit code.

    The command's own, or 75 where labels are missing; without one 1 where something could not be delivered. Raises UserError.
    """
    root = project_root()
    failed: dict[str, str] = {}
    well: list[str] = []
    if command:
        code, tail = run_and_keep(command, root / ".loupe" / "logs" / "notify-command.log")
        name = " ".join(command)
        if code in (0, LABELS_MISSING):
            well.append(name)
        else:
            failed[name] = f"`{name}` failed: it ended with {code}\n{tail}"
        for line in notify.tell(root, failed, well):
            print(line, file=sys.stderr)
        return code
    settings = params.settings(root)
    wanted = notify.section(settings)
    if wanted is None:
        raise UserError(
            "notify in params.yaml is null: nothing is sent (docs/notifications.md says what to write there)"
        )
    if trial:
        tried = notify.try_out(root, settings, wanted)
        for _, line in tried:
            print(line)
        return 0 if all(taken for taken, _ in tried) else 1
    lines, empty = notify.send_what_is_due(root, settings, wanted, {}, ())
    for line in lines:
        print(line, file=sys.stderr)
    return 0 if empty else 1


def run_and_keep(command: Sequence[str], log: Path) -> tuple[int, str]:
    """Run a command, show its output, and return its exit code and its last lines. 75 where a stage of DVC's waits for labels.

    The output goes through a file: through a pipe, DVC would die with this process before it wrote dvc.lock.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out, log.open("rb") as tail:
        try:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        except OSError as error:
            raise UserError(f"{command[0]}: {error.strerror or error}") from None
        while True:
            ended = False
            with suppress(
                KeyboardInterrupt, subprocess.TimeoutExpired
            ):  # Ctrl-C reaches the command, too, which is waited for
                process.wait(_POLL_SECONDS)
                ended = True
            sys.stdout.buffer.write(tail.read())
            sys.stdout.buffer.flush()
            if ended:
                break
    text = log.read_text(encoding="utf-8", errors="replace")
    last = "\n".join([line for line in text.splitlines() if line.strip()][-_LAST_LINES:])
    code = process.returncode
    if code and _GATE in last:
        return LABELS_MISSING, last
    return (128 - code if code < 0 else code), last
