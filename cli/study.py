"""`loupe study`: compare any methods' outputs by people (HiLLIE, Sec. 4.4)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.errors import plain_errors

if TYPE_CHECKING:
    from labelling.study import Created

app = typer.Typer(help="User studies: people compare the outputs of methods.", no_args_is_help=True)

Methods = Annotated[list[str], typer.Argument(metavar="METHOD=DIR...", help="A name and the folder of its pictures")]
Sources = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="NAME=DIR", help="What was fused, shown beside (infrared=DIR); repeatable"),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The study's name; it becomes a round of the label store")],
    methods: Methods,
    source: Sources = None,
    pairs: Annotated[
        Literal["all", "balanced"], typer.Option(help="all pairs of methods on every photo, or a balanced subset")
    ] = "all",
    per_image: Annotated[int | None, typer.Option(min=1, help="balanced: how many pairs of methods a photo")] = None,
    votes: Annotated[int, typer.Option(min=1, help="Observers per pair")] = 15,
    question: Annotated[str | None, typer.Option(help="The question above the pictures")] = None,
    tie: Annotated[bool, typer.Option("--tie", help='Offer "about the same"')] = False,
    unsure: Annotated[bool, typer.Option("--unsure", help='Offer "can\'t tell"')] = False,
    repeats: Annotated[float, typer.Option(min=0, max=0.5, help="Share of pairs shown again, sides swapped")] = 0.1,
    training: Annotated[int, typer.Option(min=0, help="Pairs shown first that do not count")] = 3,
) -> None:
    """Register the outputs of two or more methods for comparison, joined by file name."""
    from labelling.folders import parse
    from labelling.manifest import StudyError
    from labelling.store import Options, Store
    from labelling.study import QUESTION, create_pairs

    if (pairs == "balanced") != (per_image is not None):
        raise StudyError("--pairs balanced and --per-image K belong together: K pairs of methods are shown a photo")
    options = Options(allow_tie=tie, allow_unsure=unsure, repeats=repeats, training=training)
    with Store.open() as store, plain_errors():
        made = create_pairs(
            store,
            name,
            parse(methods, "method"),
            parse(source or [], "source"),
            per_photo=per_image,
            votes=votes,
            question=question or QUESTION,
            options=options,
        )
    count = len({pair.key for pair in made.manifest.pairs})
    print(f"study {name}: {count} pairs of {len(made.manifest.methods)} methods, votes wanted on each: {votes}")
    if made.manifest.identical:
        print(f"{len(made.manifest.identical)} pairs left out: both methods made the same picture")
    say_left_out(made)
    print(f"Label with `loupe label {name}`; then `loupe study results {name} --out results`")


@app.command()
def results(
    name: Annotated[str, typer.Argument(help="The study")],
    out: Annotated[Path, typer.Option(help="Folder for votes.parquet, counts.csv and scores.csv")],
) -> None:
    """Count the votes of a study: every vote, the count matrix, and Thurstone's global scores."""
    from labelling.store import Store
    from labelling.study import results as count_votes
    from labelling.study import score_rows, write_results

    with Store.open() as store:
        found = count_votes(store, name)
    written = write_results(found, out)
    unsure = (
        f'; {found.unsure} answers are "can\'t tell", {found.undecidable} pairs undecidable' if found.unsure else ""
    )
    print(f"{found.have} of {found.need} votes are in{unsure}")
    print(f"{'method':<24} {'score':>8} {'error':>8} {'wins':>8} {'votes':>8}")
    for method, score, error, wins, total in score_rows(found):
        print(f"{method:<24} {float(score):>8.2f} {float(error):>8.2f} {wins:>8} {total:>8}")
    if found.warning:
        print(f"warning: {found.warning}")
    print(f"written: {', '.join(map(str, written))}")


def say_left_out(made: Created) -> None:
    """What the folders hold beside photos, and one line per photo that is not in the study, the first ten."""
    for note in made.notes:
        print(note)
    for photo, reason in list(made.left_out.items())[:10]:
        print(f"left out: {photo}: {reason}")
    if len(made.left_out) > 10:
        print(f"left out: {len(made.left_out) - 10} more photos")
