"""`loupe ratings`: scores of 1 to 5 and marked artifacts, by people, experts and language models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.errors import plain_errors
from cli.study import Methods, Recursive, Sources, say_left_out

_PLAIN_QUESTION = "How good is this picture?"

app = typer.Typer(help="Ratings of single pictures: scores of 1 to 5 and marked artifacts.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The set's name; it becomes a round of the label store")],
    methods: Methods,
    source: Sources = None,
    raters: Annotated[int, typer.Option(min=1, help="People per picture")] = 1,
    question: Annotated[str | None, typer.Option(help="The question above the picture")] = None,
    criteria: Annotated[
        Path | None,
        typer.Option(
            help="YAML: `criteria`, a list of name, text, best, worst; perhaps `classes` (default: fusion's four)"
        ),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Classes of artifacts for circles, such as halo,noise; instead of the file's")
    ] = None,
    recursive: Recursive = False,
) -> None:
    """Register every picture of the methods for rating, with what it was fused from beside it."""
    from labelling.exchange.criteria import FUSION_CRITERIA, check_classes, load_criteria
    from labelling.exchange.folders import parse
    from labelling.exchange.study import RATING_QUESTION, create_ratings
    from labelling.store import Options, Store

    with Store.open() as store, plain_errors():
        asked, told = (FUSION_CRITERIA, ()) if criteria is None else load_criteria(criteria)
        if classes is not None:
            told = check_classes("--classes: ", [each.strip() for each in classes.split(",")])
        made = create_ratings(
            store,
            name,
            parse(methods, "method"),
            parse(source or [], "source"),
            options=Options(criteria=asked, classes=told),
            raters=raters,
            question=question or (RATING_QUESTION if criteria is None else _PLAIN_QUESTION),
            recursive=recursive,
        )
    count = len({picture.sha256 for picture in made.manifest.pictures})
    print(f"ratings {name}: {count} pictures of {len(made.manifest.methods)} methods, raters wanted for each: {raters}")
    say_left_out(made)
    print(f"Rate with `loupe label {name}`; take in a model's ratings with `loupe ratings import FILE --round {name}`")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="JSON lines: one rating a line")],
    round_: Annotated[str | None, typer.Option("--round", help="The set, for lines that name none")] = None,
    images: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder with the pictures that the file names")
    ] = None,
) -> None:
    """Take ratings of a language model or an expert, and say what was taken and what was not, and why."""
    from labelling.exchange.rating_files import import_ratings
    from labelling.store import Store

    with Store.open() as store:
        report = import_ratings(store, file, round_, images)
    print("\n".join(report.lines()))
    if report.in_vain:
        raise typer.Exit(1)


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="The set")],
    out: Annotated[Path, typer.Option(help="The file to write: .parquet or .csv")],
    unreviewed: Annotated[
        bool, typer.Option("--unreviewed", help="Let ratings of language models count that nobody reviewed")
    ] = False,
) -> None:
    """Write every rating and review of a set to a file, with those marked that count."""
    from labelling.exchange.rating_files import export_ratings
    from labelling.store import Store

    with Store.open() as store:
        print(export_ratings(store, name, out, unreviewed))
