"""`loupe study`: compare any methods' outputs by people (HiLLIE, Sec. 4.4)."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli import open_studies
from cli.errors import plain_errors
from cli.planning import plan

if TYPE_CHECKING:
    from labelling.exchange.results import Results
    from labelling.exchange.study import Created

app = typer.Typer(help="User studies: people compare the outputs of methods.", no_args_is_help=True)
app.command()(plan)
open_studies.add_to(app)

Methods = Annotated[list[str], typer.Argument(metavar="METHOD=DIR...", help="A name and the folder of its pictures")]
Sources = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="NAME=DIR", help="What was fused, shown beside (infrared=DIR); repeatable"),
]
Recursive = Annotated[
    bool,
    typer.Option("--recursive", help="Read sub-folders too; pictures then belong together by their path below DIR"),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The study's name; it becomes a round of the label store")],
    methods: Methods,
    source: Sources = None,
    pairs: Annotated[
        Literal["all", "balanced", "adaptive"],
        typer.Option(
            help="all pairs of methods on every photo, a balanced subset, or the next one by all votes so far"
        ),
    ] = "all",
    per_image: Annotated[int | None, typer.Option(min=1, help="balanced: how many pairs of methods a photo")] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="adaptive: votes after which the study is complete")] = None,
    goal: Annotated[
        Literal["order", "best"] | None,
        typer.Option(
            help="adaptive: what to learn soonest, the order of all methods (as if not given) or the best one"
        ),
    ] = None,
    votes: Annotated[int, typer.Option(min=1, help="Observers per pair; adaptive: at most so many")] = 15,
    question: Annotated[str | None, typer.Option(help="The question above the pictures")] = None,
    tie: Annotated[bool, typer.Option("--tie", help='Offer "about the same"')] = False,
    unsure: Annotated[bool, typer.Option("--unsure", help='Offer "can\'t tell"')] = False,
    repeats: Annotated[float, typer.Option(min=0, max=0.5, help="Share of pairs shown again, sides swapped")] = 0.1,
    training: Annotated[int, typer.Option(min=0, help="Pairs shown first that do not count")] = 3,
    recursive: Recursive = False,
) -> None:
    """Register the outputs of two or more methods for comparison, joined by file name."""
    from labelling.exchange.folders import parse
    from labelling.exchange.manifest import StudyError
    from labelling.exchange.study import QUESTION, create_pairs
    from labelling.store import Options, Store

    if (pairs == "balanced") != (per_image is not None):
        raise StudyError("--pairs balanced and --per-image K belong together: K pairs of methods are shown a photo")
    if (pairs == "adaptive") != (budget is not None):
        raise StudyError(
            "--pairs adaptive and --budget VOTES belong together: the study is complete after so many votes"
        )
    if goal is not None and pairs != "adaptive":
        raise StudyError("--goal says what the next pair is chosen for; it needs --pairs adaptive and --budget VOTES")
    options = Options(
        allow_tie=tie, allow_unsure=unsure, repeats=repeats, training=training, budget=budget,
        goal=(goal or "order") if pairs == "adaptive" else "",
    )  # fmt: skip
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
            recursive=recursive,
        )
    count = len({pair.key for pair in made.manifest.pairs})
    wanted = f"votes wanted on each: {votes}" if budget is None else f"votes wanted: {budget}, at most {votes} on each"
    print(f"study {name}: {count} pairs of {len(made.manifest.methods)} methods, {wanted}")
    if made.manifest.identical:
        same = len(made.manifest.identical)
        print(f"{same} pair{'' if same == 1 else 's'} left out: both methods made the same picture")
    say_left_out(made)
    print(f"Label with `loupe label {name}`; then `loupe study results {name} --out results`")


@app.command()
def results(
    name: Annotated[str, typer.Argument(help="The study")],
    out: Annotated[Path, typer.Option(help="Folder for votes.parquet, counts.csv, scores.csv and observers.csv")],
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="NAME", help="Leave this observer out; repeatable")
    ] = None,
) -> None:
    """Count the votes of a study: every vote, the count matrix, Thurstone's scores, and who seems not to have looked."""
    from labelling.exchange.results import results as count_votes
    from labelling.exchange.results import write_results
    from labelling.store import Store

    with Store.open() as store, plain_errors():
        found = count_votes(store, name, list(dict.fromkeys(without or [])))
    written = write_results(found, out)
    unsure = (
        f'; {found.unsure} answers are "can\'t tell", {found.undecidable} pairs undecidable' if found.unsure else ""
    )
    print(f"{found.have} of {found.need} votes are in{unsure}")
    if found.without:
        print(f"left out: the votes of {', '.join(found.without)}")
    say_scores(found)
    print(f"written: {', '.join(map(str, written))}")


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="The study")],
    out: Annotated[Path, typer.Option(help="CSV file to write")],
    form: Annotated[
        Literal["pwcmp", "long"],
        typer.Option("--format", help="pwcmp's table, or one row per vote: observer, scene, condition A and B, choice"),
    ] = "long",
) -> None:
    """Write the votes of a study as other tools read them; `loupe scale` reads both."""
    from labelling.exchange.results import export_votes
    from labelling.store import Store

    with Store.open() as store, plain_errors():
        print(export_votes(store, name, out, form))


def say_scores(found: Results) -> None:
    """The table of scores, beside those without suspects, and what to know of them."""
    from labelling.exchange.results import SCORES, score_rows

    beside = found.unsuspected is not None
    print(
        f"{'method':<24} {'score':>8} {'error':>8} {'95 % interval':>16} {'wins':>8} {'votes':>8}"
        f"{'   without suspects' if beside else ''}"
    )
    for method, *cells in score_rows(found):
        score, error, low, high, wins, votes, prior = cells[: len(SCORES) - 1]
        other = cells[len(SCORES) - 1 :]
        print(
            f"{method:<24} {float(score):>8.2f} {float(error):>8.2f} {_interval(low, high):>16} {wins:>8} {votes:>8}"
            f"{f'   {float(other[0]):.2f} ({_interval(other[2], other[3])})' if beside else ''}{' *' if prior else ''}"
        )
    print(found.scores.errors_of)
    for method, reason in zip(found.methods, found.scores.from_prior, strict=True):
        if reason:
            print(f"* {method}: {reason}, so its score and error come from the prior, not from votes")
    if found.warning:
        print(f"warning: {found.warning}")
    for observer, reason in found.suspects.items():
        print(f"look at {observer}: {reason} (leave out with --without {shlex.quote(observer)})")
    if said := found.tastes.sentence():
        print(f"look at the panel: {said}")
    untold = [observer for observer, verdict in found.verdicts.items() if verdict.untold]
    if untold:
        print(
            f"cannot be told from a guesser by these votes: {len(untold)} of {len(found.verdicts)} (observers.csv says why)"
        )


def _interval(low: str, high: str) -> str:
    return f"{float(low):.2f} to {float(high):.2f}"


def say_left_out(made: Created) -> None:
    """What the folders hold beside photos, and one line per photo that is not in the study, the first ten."""
    for note in made.notes:
        print(note)
    for photo, reason in list(made.left_out.items())[:10]:
        print(f"left out: {photo}: {reason}")
    if len(made.left_out) > 10:
        print(f"left out: {len(made.left_out) - 10} more photos")
