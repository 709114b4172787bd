"""`loupe labels`: votes out of the label store, and votes from elsewhere into it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labelling.exchange.importing import Answer

app = typer.Typer(help="Export votes, and import them from elsewhere.", no_args_is_help=True)


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="The file to write: .parquet or .csv")],
    round_: Annotated[
        list[str] | None, typer.Option("--round", help="A round or study; repeatable; all by default")
    ] = None,
    form: Annotated[
        Literal["table", "paper"],
        typer.Option("--format", help="table: a row per vote; paper: HiLLIE's CSV of majorities"),
    ] = "table",
) -> None:
    """Write votes to a file."""
    from labelling.exchange.answers import export_votes
    from labelling.store import Store
    from tasks.rounds.names import names_of

    with Store.open() as store:
        print(export_votes(store, round_ or [], out, form, names_of))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV with one row per vote, or Label Studio's JSON export")],
    source: Annotated[
        Literal["csv", "label-studio"] | None, typer.Option("--from", help="What the file is; by its suffix otherwise")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder with the pictures that the file names")
    ] = None,
    round_: Annotated[
        str | None, typer.Option("--round", help="Take votes on this round's pairs only; any round's by default")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Label Studio's labelling configuration (XML), if fields are unclear"
        ),
    ] = None,
) -> None:
    """Take votes from a file, and say what was taken and what was not, and why; exit code 1 where nothing was."""
    from labelling.exchange.csv_votes import read_csv
    from labelling.exchange.import_report import Report
    from labelling.exchange.importing import registered_pictures, take
    from labelling.exchange.label_studio import read_label_studio
    from labelling.exchange.matching import PictureFinder
    from labelling.store import Store

    report = Report()
    with Store.open() as store:
        finder = PictureFinder(registered_pictures(store, round_), images)
        answers: Iterable[Answer]
        if (source or ("label-studio" if file.suffix.lower() == ".json" else "csv")) == "csv":
            answers = read_csv(file, finder, report)
        else:
            answers = read_label_studio(file, finder, report, config)
        take(store, answers, round_, report)
    print("\n".join(report.lines()))
    if report.in_vain:
        raise typer.Exit(1)
