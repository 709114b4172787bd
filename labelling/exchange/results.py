"""What a study found: its votes, count matrix and scores, with and without the people who seem not to have looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelling.exchange import manifest
from labelling.exchange.csv_files import write_rows
from labelling.exchange.manifest import Manifest, StudyError, StudyPair
from labelling.exchange.suspects import answers_of
from labelling.store import UNSURE, Store, StoredVote
from models.preference.comparisons import Comparisons, comparisons_of
from models.preference.outliers import Answers, Verdict, judge
from models.preference.reliability import Reliability
from models.preference.scaling import Scores, scale
from models.preference.tastes import Tastes, agreed


@dataclass(frozen=True)
class Results:
    """rows: one per vote (see `votes_of`). scores: Thurstone's model, with clustered errors. counts: (M, M), [i, j] is how
    often method i was preferred to method j.

    have, need: votes; unsure: how many answers are "can't tell", undecidable: pairs of which too many are. warning: why
    scores should be read with care, else None. without: who was left out by name. verdicts: on each observer that was
    not. unsuspected: the scores without those whom a verdict names; None where it names nobody, or nobody else voted.
    reliability: of each observer (`observers`, in its order), estimated with the methods' scores; tastes: whether there are two.
    """

    methods: tuple[str, ...]
    rows: list[dict[str, Any]]
    counts: np.ndarray
    scores: Scores
    have: int
    need: int
    warning: str | None
    unsure: int
    undecidable: int
    without: tuple[str, ...]
    verdicts: dict[str, Verdict]
    unsuspected: Scores | None
    observers: tuple[str, ...]
    reliability: Reliability
    tastes: Tastes

    @property
    def suspects(self) -> dict[str, str]:
        """Observer -> why the answers look as if nobody looked."""
        return {name: "; ".join(verdict.reasons) for name, verdict in self.verdicts.items() if verdict.reasons}


def votes_of(study: Manifest, votes: list[StoredVote]) -> list[dict[str, Any]]:
    """One row per vote and pair of the study, in the methods' names, sorted by photo, methods and observer."""
    by_key: dict[str, list[StudyPair]] = {}
    for pair in study.pairs:
        by_key.setdefault(pair.key, []).append(pair)
    rows = []
    for vote in votes:
        for pair in by_key.get(vote.key, ()):
            sides = {pair.first_sha256: "first", pair.second_sha256: "second"}
            rows.append(
                {
                    "study": study.name,
                    "photo": pair.photo,
                    "first_method": pair.first_method,
                    "second_method": pair.second_method,
                    "observer": vote.observer,
                    "choice": sides.get(vote.preferred, vote.preferred),
                    "left": sides[vote.left],
                    "seconds": vote.seconds,
                    "made_at": vote.made_at,
                    "id": vote.id,
                }
            )
    return sorted(rows, key=lambda r: (r["photo"], r["first_method"], r["second_method"], r["observer"]))


def results(store: Store, name: str, without: Sequence[str] = ()) -> Results:
    """Count the votes of a study, fit Thurstone's model, and judge its observers; `without` are left out of all of it.

    Raises StudyError where there are no votes, and for a name in `without` that has none.
    """
    study = manifest.load(name, "pairs")
    status = store.status(name)
    votes = store.votes([pair.key for pair in study.pairs], "people", store.batch(name).question)
    known = sorted({vote.observer for vote in votes})
    if missing := [observer for observer in without if observer not in known]:
        raise StudyError(
            f"nobody called {missing[0]!r} voted in the study {name!r}; who did: {', '.join(known) or 'nobody yet'}"
        )
    votes = [vote for vote in votes if vote.observer not in set(without)]
    rows = votes_of(study, votes)
    unsure = sum(vote.preferred == UNSURE for vote in votes)
    if not any(row["choice"] != UNSURE for row in rows):
        raise StudyError(_no_votes(name, without, unsure))
    answers = _answers(study, rows)
    scores = scale(answers)
    verdicts = _judge(store, study, without)
    suspects = {observer for observer, verdict in verdicts.items() if verdict.reasons}
    others = [row for row in rows if row["observer"] not in suspects]
    left = bool(suspects) and any(row["choice"] != UNSURE for row in others)
    reliability, tastes = agreed(answers, pooled=True)
    return Results(
        study.methods, rows, answers.wins(), scores, status.have, status.need, " ".join(scores.cautions) or None, unsure,
        status.undecidable, tuple(without), verdicts, scale(_answers(study, others)) if left else None,
        answers.observers, reliability, tastes,
    )  # fmt: skip


def _no_votes(name: str, without: Sequence[str], unsure: int) -> str:
    if without:
        return f"the study {name!r} has no votes of others than {', '.join(without)}; leave fewer people out"
    if unsure:
        return (
            f'the study {name!r} has no votes: all its {unsure} answers are "can\'t tell"; ask more people, or about '
            "pictures that differ more"
        )
    return f"the study {name!r} has no votes yet; label with `loupe label {name}`"


def _answers(study: Manifest, rows: Sequence[dict[str, Any]]) -> Comparisons:
    columns = ("first_method", "second_method", "choice", "observer", "photo", "left")
    return comparisons_of(study.methods, (tuple(row[name] for name in columns) for row in rows))


def _judge(store: Store, study: Manifest, without: Sequence[str]) -> dict[str, Verdict]:
    """Judge the observers, knowing which pairs compare the same methods (the label store does not)."""
    tally = store.tally(study.name)
    pairs: dict[str, StudyPair] = {}
    for pair in study.pairs:
        pairs.setdefault(pair.key, pair)
    groups: dict[tuple[str, str], int] = {}
    group, turned = np.zeros(tally.pairs, dtype=int), np.zeros(tally.pairs, dtype=bool)
    for position, (key, low, _) in enumerate(store.pairs(study.name)):
        methods = pairs[key].first_method, pairs[key].second_method
        group[position] = groups.setdefault((min(methods), max(methods)), len(groups))
        of_low = methods[0] if pairs[key].first_sha256 == low else methods[1]
        turned[position] = of_low != min(methods)
    asked = answers_of(tally, without)
    flip = turned[asked.pair]
    choice = np.where(flip & (asked.choice < 2), 1 - asked.choice, asked.choice)
    oriented = Answers(
        pair=asked.pair, observer=asked.observer, choice=choice, left_low=asked.left_low ^ flip, seconds=asked.seconds,
        repeat=asked.repeat, pairs=asked.pairs, observers=asked.observers, group=group,
    )  # fmt: skip
    verdicts = judge(oriented)
    return {name: verdict for name, verdict in zip(tally.names, verdicts, strict=True) if name not in without}


# Single votes

PWCMP = ("observer", "session", "scene", "condition_1", "condition_2", "selection")
LONG = ("observer", "scene", "condition_a", "condition_b", "choice")


def export_votes(store: Store, name: str, out: Path, form: str) -> str:
    """Write the votes of a study as CSV; returns what was done. form: pwcmp (its columns; selection 1 or 2, no ties) or long.

    Ties and "can't tell" have no place in pwcmp's table and are left out and counted. Raises StudyError.
    """
    if out.suffix != ".csv":
        raise StudyError(f"{out} should end in .csv")
    study = manifest.load(name, "pairs")
    votes = store.votes([pair.key for pair in study.pairs], "people", store.batch(name).question)
    rows = votes_of(study, votes)
    if not rows:
        raise StudyError(_no_votes(name, (), 0))
    words = (
        {"first": "1", "second": "2"}
        if form == "pwcmp"
        else {"first": "A", "second": "B", "tie": "tie", "unsure": "unsure"}
    )
    told = [row for row in rows if row["choice"] in words]
    cells = [
        [row["observer"], *(["1"] if form == "pwcmp" else []), row["photo"], row["first_method"], row["second_method"],
         words[row["choice"]]]
        for row in told
    ]  # fmt: skip
    try:
        write_rows([PWCMP if form == "pwcmp" else LONG, *cells], out)
    except OSError as error:
        raise StudyError(f"{out} cannot be written ({error.strerror}); choose another --out") from error
    gone = len(rows) - len(told)
    left = f"; {gone} ties and \"can't tell\" left out, which pwcmp's table cannot hold" if gone else ""
    return f"{len(told)} votes written to {out}{left}"


# Files

SCORES = ("method", "score", "standard_error", "low", "high", "wins", "votes", "from_prior")
UNSUSPECTED = tuple(f"{column}_without_suspects" for column in SCORES[1:])


def write_results(found: Results, out: Path) -> list[Path]:
    """Write votes.parquet, counts.csv, scores.csv and observers.csv into the folder `out`; returns their paths.

    Raises StudyError.
    """
    from labelling.exchange.answers import STUDY_VOTES, write_parquet

    if out.exists() and not out.is_dir():
        raise StudyError(f"{out} is a file, not a folder; choose another --out")
    paths = [out / name for name in ("votes.parquet", "counts.csv", "scores.csv", "observers.csv")]
    try:
        write_parquet(found.rows, STUDY_VOTES, paths[0])
        rows: list[list[Any]] = [["preferred", *found.methods]]
        rows += [[method, *(f"{n:g}" for n in row)] for method, row in zip(found.methods, found.counts, strict=True)]
        write_rows(rows, paths[1])
        write_rows([[*SCORES, *UNSUSPECTED], *score_rows(found)], paths[2])
        write_rows([OBSERVERS, *observer_rows(found)], paths[3])
    except OSError as error:
        raise StudyError(
            f"the results cannot be written into {out} ({error.strerror}); choose another --out"
        ) from error
    return paths


def score_rows(found: Results) -> list[list[str]]:
    """The columns SCORES and UNSUSPECTED of every method, the best first; a tie is half a win; "" is none."""
    others = found.unsuspected
    return [
        [
            found.methods[i],
            *_cells(found.scores, i),
            *(_cells(others, i) if others is not None else [""] * len(UNSUSPECTED)),
        ]
        for i in np.argsort(-found.scores.scores, kind="stable")
    ]


def _cells(scores: Scores, i: int) -> list[str]:
    wins, votes = scores.wins[i], scores.votes[i]
    values = (scores.scores[i], scores.errors[i], scores.low[i], scores.high[i])
    return [*(f"{value:.4f}" for value in values), f"{wins:g}", f"{votes:g}", scores.from_prior[i] or ""]


TOLD = ("reliability", "reliability_error", "left", "left_error", "lapse", "lapse_error")
OBSERVERS = ("observer", "votes", "suspect", "cannot_be_told", *TOLD)


def observer_rows(found: Results) -> list[list[Any]]:
    """The columns OBSERVERS of everybody, sorted by name; "" is none. TOLD are of `models.preference.reliability`."""
    votes = [row["observer"] for row in found.rows if row["choice"] != UNSURE]
    place = {name: i for i, name in enumerate(found.observers)}
    told = [getattr(found.reliability, name) for name in TOLD]
    return [
        [
            name, votes.count(name), "; ".join(verdict.reasons), verdict.untold or "",
            *(f"{values[place[name]]:.3f}" if name in place else "" for values in told),
        ]
        for name, verdict in sorted(found.verdicts.items())
    ]  # fmt: skip
