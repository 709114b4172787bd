"""`loupe llm`: one question to the language model of a kind's labels, and its fine-tuning on what experts rated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The language model that rates, or votes on, pictures.", no_args_is_help=True)
Kind = Annotated[
    str | None,
    typer.Option(help="The kind of pictures whose labels.llm says which model, and where; the only one by default"),
]


@app.command("try")
def try_one(
    pictures: Annotated[list[Path], typer.Argument(help="A picture to rate, or two to compare")],
    source: Annotated[
        list[Path] | None, typer.Option(help="What it was made of, in the kind's order (infrared, visible); repeatable")
    ] = None,
    kind: Kind = None,
    round_: Annotated[
        str | None, typer.Option("--round", help="A round of the label store whose experts' ratings are the examples")
    ] = None,
) -> None:
    """Show one request, without the data of its pictures, and what the model answers; asked anew each time, and not stored."""
    from cli.asking import try_pictures

    print(try_pictures(pictures, source or [], kind, round_))


@app.command()
def finetune(
    round_: Annotated[str, typer.Argument(metavar="ROUND", help="A round of the label store that experts rated")],
    out: Annotated[Path, typer.Option(help="The file to write, .jsonl")],
    kind: Kind = None,
    start: Annotated[bool, typer.Option(help="Upload the file and start the job at the endpoint")] = False,
) -> None:
    """Write the experts' ratings of a round as a file that fine-tunes the model; with --start, begin that at the endpoint."""
    from cli.asking import write_training

    print(write_training(round_, out, kind, start))
