"""The tables of `loupe scale`: scores, tests, observers and scores for each scene, as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from labelling.exchange.csv_files import write_rows
from labelling.exchange.scaled import Scaled
from labelling.exchange.vote_columns import VoteFileError

SCORES = (
    "item",
    "score",
    "standard_error",
    "low",
    "high",
    "jod",
    "jod_low",
    "jod_high",
    "letters",
    "wins",
    "votes",
    "from_prior",
)
TESTS = ("better", "worse", "difference", "jod", "standard_error", "p", "p_holm", "differs", "by")
PEOPLE = (
    "observer", "votes", "ties", "left", "of_sided", "as_others", "of_shared", "as_scores", "of_decided", "repeats_same",
    "of_repeats", "suspect", "cannot_be_told",
)  # fmt: skip
SCENES = ("scene", "item", "score", "standard_error", "low", "high", "jod", "wins", "votes", "from_prior")


def write_scaled(found: Scaled, out: Path) -> list[Path]:
    """scores.csv, tests.csv, observers.csv and scenes.csv in the folder `out`. Raises VoteFileError."""
    if out.exists() and not out.is_dir():
        raise VoteFileError(f"{out} is a file, not a folder; choose another --out")
    tables = {
        "scores.csv": (SCORES, score_rows(found)), "tests.csv": (TESTS, difference_rows(found)),
        "observers.csv": (PEOPLE, people_rows(found)), "scenes.csv": (SCENES, scene_rows(found)),
    }  # fmt: skip
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, (columns, rows) in tables.items():
            write_rows([columns, *rows], out / name)
    except OSError as error:
        raise VoteFileError(
            f"the scores cannot be written into {out} ({error.strerror}); choose another --out"
        ) from error
    return [out / name for name in tables]


def score_rows(found: Scaled) -> list[list[Any]]:
    """The columns SCORES of every item, the best first; the interval is that of the bootstrap where it was asked for."""
    scores, jod = found.scores, found.scores.link.jod
    low, high = found.intervals
    errors = scores.errors if found.drawn is None else found.drawn.errors
    return [
        [
            scores.items[i], *(f"{value:.4f}" for value in (scores.scores[i], errors[i], low[i], high[i])),
            *(f"{value / jod:.4f}" for value in (scores.scores[i], low[i], high[i])),
            found.letters[i] if found.letters else "", f"{scores.wins[i]:g}", f"{scores.votes[i]:g}", scores.from_prior[i] or "",
        ]
        for i in found.order
    ]  # fmt: skip


def difference_rows(found: Scaled) -> list[list[Any]]:
    items = found.scores.items
    return [
        [
            items[one.better], items[one.worse], f"{one.difference:.4f}", f"{one.difference / found.scores.link.jod:.4f}",
            "" if one.error is None else f"{one.error:.4f}", f"{one.p:.3g}", f"{one.corrected:.3g}",
            "yes" if one.differs else "no", one.by,
        ]
        for one in found.differences
    ]  # fmt: skip


def people_rows(found: Scaled) -> list[list[Any]]:
    return [
        [
            one.name, one.votes, one.ties, one.left, one.sided, one.agreed, one.shared, one.as_scores, one.decided, one.same,
            one.repeats, "; ".join(one.verdict.reasons) if one.verdict else "",
            (one.verdict.untold or "") if one.verdict else "not judged",
        ]
        for one in found.people
    ]  # fmt: skip


def scene_rows(found: Scaled) -> list[list[Any]]:
    return [
        [
            scene, own.items[i], *(f"{value:.4f}" for value in (own.scores[i], own.errors[i], own.low[i], own.high[i])),
            f"{own.jod[i]:.4f}",
            f"{own.wins[i]:g}", f"{own.votes[i]:g}", own.from_prior[i] or "",
        ]
        for scene, own in found.scenes.items()
        for i in np.argsort(-own.scores, kind="stable")
    ]  # fmt: skip
