"""`loupe scale`: scores of anything that was compared, from a table of votes alone."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from labelling.exchange.scaled import Scaled
    from labelling.exchange.vote_files import VoteFile
    from tasks.pages.ranking import Ranking

Column = str | None
_SHOWN = 40


def scale(
    file: Annotated[
        Path, typer.Argument(help="Votes: .csv (one row per vote, ranking labels, a count matrix) or .parquet")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for scores, tests, observers, scenes, the page and the plot")
    ] = None,
    model: Annotated[
        Literal["thurstone", "bradley-terry"],
        typer.Option(help="Of scores; thurstone is that of `loupe study results`"),
    ] = "thurstone",
    ties: Annotated[
        Literal["half", "davidson"] | None,
        typer.Option(
            help="A tie: half a vote each, or an answer of its own (bradley-terry); davidson there by default"
        ),
    ] = None,
    bootstrap: Annotated[
        int, typer.Option(metavar="N", help="Draw observers and photographs N times anew for the intervals")
    ] = 0,
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="NAME", help="Leave this observer out; repeatable")
    ] = None,
    observer: Annotated[
        Column, typer.Option(metavar="COLUMN", help="Who answered; guessed by its name by default")
    ] = None,
    scene: Annotated[Column, typer.Option(metavar="COLUMN", help="About which photograph")] = None,
    first: Annotated[Column, typer.Option(metavar="COLUMN", help="What was compared")] = None,
    second: Annotated[Column, typer.Option(metavar="COLUMN", help="What it was compared with")] = None,
    choice: Annotated[
        Column, typer.Option(metavar="COLUMN", help="The answer: a word, a number, or the winner's name")
    ] = None,
    left: Annotated[Column, typer.Option(metavar="COLUMN", help="Which was shown left")] = None,
    choices: Annotated[
        str | None, typer.Option(metavar="FIRST,SECOND[,TIE]", help="What the column of answers holds, such as 1,2,0")
    ] = None,
) -> None:
    """Scores with intervals, tests, observers and scenes from a table of votes; no pictures are needed."""
    from cli.errors import UserError
    from labelling.exchange.scaled import scaled
    from labelling.exchange.vote_files import read_votes

    said = {"observer": observer, "scene": scene, "first": first, "second": second, "choice": choice, "left": left}
    if (first is None) != (second is None):
        raise UserError("--first and --second belong together: the two columns of what was compared")
    if 0 < bootstrap < 20:
        raise UserError(f"--bootstrap {bootstrap}: an interval needs at least 20 draws")
    if model == "thurstone" and ties == "davidson":
        raise UserError(
            "--ties davidson belongs to --model bradley-terry; with thurstone a tie is half a vote for each side"
        )
    votes = read_votes(file, {role: name for role, name in said.items() if name}, choices.split(",") if choices else ())
    say_file(votes)
    found = scaled(votes, model, ties, bootstrap, list(dict.fromkeys(without or [])))
    say_scores(found, without or [])
    if out is not None:
        print(f"written: {', '.join(map(str, write_all(found, votes, file, out, without or [])))}")


def say_file(votes: VoteFile) -> None:
    compared = votes.comparisons
    sizes = {"item": compared.items, "observer": compared.observers, "scene": compared.scenes}
    items, people, scenes = (f"{len(of)} {name}{'s' if len(of) != 1 else ''}" for name, of in sizes.items())
    print(f"{len(compared)} votes on {items} by {people} about {scenes} ({votes.layout})")
    for note in votes.notes:
        print(f"note: {note}")
    if votes.refused:
        print(
            f"left out: {votes.refused} {'line that is no vote' if votes.refused == 1 else 'lines that are no votes'}"
        )
        for place, reason in votes.broken:
            print(f"  {place}: {reason}")
        if votes.refused > len(votes.broken):
            print(f"  and {votes.refused - len(votes.broken)} more")


def say_scores(found: Scaled, without: Sequence[str]) -> None:
    from labelling.exchange.scaled_files import score_rows

    scores = found.scores
    if without:
        print(f"left out: the votes of {', '.join(without)}")
    print(f"{_model(found)}; 1 JOD is {scores.link.jod:.3f} of these")
    print(
        f"{'item':<28} {'score':>8} {'error':>7} {'95 % interval':>16} {'JOD':>7} {'letters':>8} {'wins':>9} {'votes':>8}"
    )
    for row in score_rows(found)[:_SHOWN]:
        name, score, error, low, high, jod, _, _, letters, wins, count, prior = row
        interval = f"{float(low):.2f} to {float(high):.2f}"
        print(
            f"{name:<28.60} {float(score):>8.2f} {float(error):>7.2f} {interval:>16} {float(jod):>7.2f} {letters:>8} {wins:>9} "
            f"{count:>8}{' *' if prior else ''}"
        )
    if len(scores.items) > _SHOWN:
        print(f"and {len(scores.items) - _SHOWN} more (scores.csv has all: --out FOLDER)")
    if found.letters:
        told = sum(one.differs for one in found.differences)
        print(
            f"items that share a letter are not told apart: {told} of {len(found.differences)} differences are significant (Holm)"
        )
    print(
        scores.errors_of
        if found.drawn is None
        else f"intervals by {found.drawn.draws} draws of observers and photographs"
    )
    marked = [(item, why) for item, why in zip(scores.items, scores.from_prior, strict=True) if why]
    for item, why in marked[:10]:
        print(f"* {item}: {why}, so its score and error come from the prior, not from votes")
    if len(marked) > 10:
        print(f"* and {len(marked) - 10} more")
    for warning in found.warnings:
        print(f"warning: {warning}")
    suspects = [one for one in found.people if one.verdict and one.verdict.reasons]
    for one in suspects:
        why = "; ".join(one.verdict.reasons if one.verdict else ())
        print(f"look at {one.name}: {why} (leave out with --without {shlex.quote(one.name)})")
    untold = sum(bool(one.verdict and one.verdict.untold) for one in found.people)
    if untold:
        print(f"cannot be told from a guesser by these votes: {untold} of {len(found.people)} (observers.csv says why)")


def _model(found: Scaled) -> str:
    link, scores = found.scores.link, found.scores
    tie = "a tie is half a vote for each side"
    if link.davidson:
        tie = f"ties by Davidson's model, nu {scores.nu:.2f}"
    name = {"bradley-terry": "Bradley-Terry", "thurstone": "Thurstone, Case V"}[link.model]
    return f"{name}; scores are in units of the {link.unit}; {tie}"


def write_all(found: Scaled, votes: VoteFile, file: Path, out: Path, without: Sequence[str]) -> list[Path]:
    """The tables, ranking.png, ranking.svg and scale.html. Raises UserError, VoteFileError."""
    from cli.errors import UserError
    from labelling.exchange.scaled_files import (
        PEOPLE,
        SCENES,
        SCORES,
        TESTS,
        difference_rows,
        people_rows,
        scene_rows,
        score_rows,
        write_scaled,
    )  # fmt: skip
    from pictures import atomic_path
    from tasks.pages.ranking import drawn
    from tasks.pages.scaled import page

    written = write_scaled(found, out)
    ranking = ranking_of(found)
    scores = found.scores
    facts = [
        ("Votes", f"{len(found.comparisons)}, {scores.ties} of them ties"), ("Items", str(len(scores.items))),
        ("Observers", str(scores.observers) + (f" (without {', '.join(without)})" if without else "")),
        ("Photographs", str(scores.scenes)), ("Model", _model(found)), ("Errors", scores.errors_of),
    ]  # fmt: skip
    tables = [
        {"title": "Scores", "columns": SCORES, "rows": score_rows(found), "file": "scores.csv",
         "text": f"In units of the {scores.link.unit}, and in JOD; a tie is half a win."},
        {"title": "Which two differ", "columns": TESTS, "rows": difference_rows(found), "file": "tests.csv",
         "text": "Every two items; p two-sided, then corrected by Holm for how many there are."},
        {"title": "Observers", "columns": PEOPLE, "rows": people_rows(found), "file": "observers.csv",
         "text": "How often each answered as most of the others, and as the scores; and who seems not to have looked."},
        {"title": "Photographs", "columns": SCENES, "rows": scene_rows(found), "file": "scenes.csv",
         "text": "Scores from the votes on one photograph alone, about the mean of its items."},
    ]  # fmt: skip
    notes = [*votes.notes, *([f"{votes.refused} lines are no votes"] if votes.refused else [])]
    notes += [f"{place}: {reason}" for place, reason in votes.broken]
    svg = drawn(ranking, "svg")
    files = {
        "ranking.svg": svg, "ranking.png": drawn(ranking, "png"),
        "scale.html": page(svg, file.name, facts, found.warnings, notes, tables).encode(),
    }  # fmt: skip
    for name, content in files.items():
        try:
            with atomic_path(out / name) as temporary:
                temporary.write_bytes(content)
        except OSError as error:
            raise UserError(f"{out / name} cannot be written ({error.strerror}); choose another --out") from error
        written.append(out / name)
    return written


def ranking_of(found: Scaled) -> Ranking:
    """As it is drawn: in JOD, the best first."""
    import numpy as np

    from tasks.pages.ranking import Ranking

    order, scores = found.order, found.scores
    low, high = found.intervals
    differs = None
    if found.differences:
        rank = np.argsort(order)
        differs = np.zeros((len(order), len(order)), dtype=bool)
        for one in found.differences:
            differs[rank[one.better], rank[one.worse]] = one.differs
    return Ranking(
        names=[scores.items[i] for i in order], scores=scores.jod[order], low=low[order] / scores.link.jod,
        high=high[order] / scores.link.jod, open=[scores.from_prior[i] is not None for i in order],
        letters=[found.letters[i] if found.letters else "" for i in order], differs=differs,
    )  # fmt: skip
