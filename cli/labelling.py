"""`loupe label`: the labelling app, or voting in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cli.errors import UserError, plain_errors


def label_here(round: str | None, observer: str) -> None:
    """Ask for votes in the terminal; the round may be left out where there is only one that people compare."""
    from labelling.desk.terminal import label_in_terminal
    from labelling.store import Store, project_root

    with Store.open() as store:
        if round is None:
            batches = [store.batch(name) for name in store.rounds()]
            known = [batch.round for batch in batches if batch.task == "pairs" and batch.kind == "people"]
            if len(known) != 1:
                raise UserError(f"say which round to label: {', '.join(known) or 'the label store has none yet'}")
            round = known[0]
        with plain_errors():
            answers = label_in_terminal(store, round, observer, export_folder=project_root() / ".loupe" / "label")
    print(f"{answers} answers stored")


def serve_app(
    round: str | None, observer: str, *, host: str, allowed_hosts: Sequence[str], port: int, browser: bool,
    language: Path | None = None,
) -> None:  # fmt: skip
    """Run the labelling app until it is interrupted; `language` is a file of texts, or the name of one that Loupe has."""
    from labelling.web import serve
    from labelling.web.language import read_language

    texts = None if language is None else read_language(language)

    try:
        with plain_errors():
            serve(
                rounds=None if round is None else [round],
                host=host,
                port=port,
                allowed_hosts=allowed_hosts,
                open_for=observer,
                open_browser=browser,
                announce=_say,
                language=texts,
            )
    except OSError as error:
        raise UserError(error.strerror or str(error)) from error


def _say(line: str) -> None:
    # At once, also where the output is a file or a pipe.
    print(line, flush=True)
