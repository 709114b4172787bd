"""User studies: any number of methods' output folders, compared in pairs (HiLLIE, Sec. 4.4) or rated one by one.

A study is a round of the label store, so the same pages, the same observers and the same export serve it. Which picture
is whose is in the study's manifest (labelling.manifest) alone.
"""

from __future__ import annotations

import csv
import io
import random
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from labelling import manifest
from labelling.folders import Collected, collect
from labelling.manifest import Manifest, StudyError, StudyPair, StudyPicture
from labelling.questions import question_id, same_question
from labelling.store import Options, PairImages, RatingItem, SourceImage, Store, StoredVote, pair_key
from models.preference.pairing import all_pairings, balanced_pairings
from models.preference.thurstone import DisconnectedComparisons, GlobalScores, thurstone_scores
from models.preference.votes import count_matrix
from tasks.files import atomic_path

QUESTION = "Which picture looks better overall?"
RATING_QUESTION = "How good is this fusion of the infrared and the visible picture?"


@dataclass(frozen=True)
class Created:
    """A study that is now registered, the photos that are not in it, each with its reason, and what else the folders hold."""

    manifest: Manifest
    left_out: dict[str, str]
    notes: list[str] = field(default_factory=list)


def create_pairs(
    store: Store,
    name: str,
    methods: Mapping[str, Path],
    sources: Mapping[str, Path],
    *,
    per_photo: int | None = None,
    votes: int = 15,
    question: str = QUESTION,
    options: Options | None = None,
) -> Created:
    """Register the comparisons of a study as the round `name`, for people; the same call again changes nothing.

    methods, sources: name -> folder; pictures belong together by their name without suffix. per_photo: how many pairs
    of methods to compare on each photo, balanced over the study; None: all of them. Raises StudyError, FolderError,
    ImageError; nothing is registered then.
    """
    manifest.check_study_name(name)
    if len(methods) < 2:
        raise StudyError("a study of pairs compares at least two methods; name them as METHOD=DIR")
    found = collect(methods, sources)
    names = list(methods)
    possible = len(names) * (len(names) - 1) // 2
    if per_photo is not None and not 1 <= per_photo <= possible:
        raise StudyError(f"{len(names)} methods have {possible} pairs a photo, so --per-image is 1 to {possible}")
    count = len(found.photos)
    chosen = all_pairings(count, len(names)) if per_photo is None else balanced_pairings(count, len(names), per_photo)
    pairs: list[StudyPair] = []
    identical: list[StudyPair] = []
    for photo, pairings in zip(found.photos, chosen, strict=True):
        for one, two in pairings:
            pair = _pair(found, photo, names[one], names[two])
            (identical if pair.first_sha256 == pair.second_sha256 else pairs).append(pair)
    if not pairs:
        raise StudyError("all methods made the same pictures, so there is nothing to compare")
    # The first pairs serve for training, so they should not all be of one photo.
    random.Random(name).shuffle(pairs)
    made = Manifest(name, "pairs", question, tuple(names), _pictures(found), tuple(pairs), tuple(identical))
    _check_new(store, made, question_id(question))
    pngs = {picture.sha256: picture.png for picture in found.pictures.values()}
    offered = {
        pair.key: PairImages(
            key=pair.key,
            first_sha256=pair.first_sha256,
            second_sha256=pair.second_sha256,
            first_png=pngs[pair.first_sha256],
            second_png=pngs[pair.second_sha256],
            sources=_sources(found, pair.photo),
        )
        for pair in pairs
    }
    made.save()
    store.register(name, "people", list(offered.values()), votes, question, options or Options())
    return Created(made, found.left_out, found.notes)


def create_ratings(
    store: Store,
    name: str,
    methods: Mapping[str, Path],
    sources: Mapping[str, Path],
    *,
    options: Options,
    raters: int = 1,
    question: str = RATING_QUESTION,
) -> Created:
    """Register every picture of the methods to be rated by `raters` people, by the criteria in `options`."""
    manifest.check_study_name(name)
    if not methods:
        raise StudyError("ratings need at least one method; name it as METHOD=DIR")
    found = collect(methods, sources)
    made = Manifest(name, "ratings", question, tuple(methods), _pictures(found))
    criteria = tuple((c.name, c.title, *c.scale) for c in options.criteria)
    _check_new(store, made, question_id(question, criteria))
    items: dict[str, RatingItem] = {}
    for (_, photo), picture in found.pictures.items():
        sha256 = picture.sha256
        items.setdefault(sha256, RatingItem(sha256=sha256, png=picture.png, sources=_sources(found, photo)))
    order = list(items.values())
    random.Random(name).shuffle(order)
    made.save()
    store.register_ratings(name, "people", order, raters, question, options)
    return Created(made, found.left_out, found.notes)


def _pair(found: Collected, photo: str, first: str, second: str) -> StudyPair:
    one, two = found.pictures[first, photo].sha256, found.pictures[second, photo].sha256
    return StudyPair(pair_key(one, two), photo, first, one, second, two)


def _pictures(found: Collected) -> tuple[StudyPicture, ...]:
    return tuple(
        StudyPicture(picture.sha256, method, photo, str(picture.path))
        for (method, photo), picture in sorted(found.pictures.items())
    )


def _sources(found: Collected, photo: str) -> tuple[SourceImage, ...]:
    return tuple(
        SourceImage(name=name, sha256=picture.sha256, png=picture.png)
        for (name, of), picture in found.sources.items()
        if of == photo
    )


def _check_new(store: Store, made: Manifest, asked: str) -> None:
    """Refuse to replace another study, or a round that is none; `asked` is the id of the question."""
    before = manifest.find(made.name)
    if before is None:
        if made.name in store.rounds():
            raise StudyError(
                f"the store has a round {made.name!r} that is no study of this project; choose another name"
            )
        return
    same = before.task == made.task and set(before.pictures) == set(made.pictures)
    if not same or {pair.key for pair in before.pairs} != {pair.key for pair in made.pairs}:
        raise StudyError(
            f"the study {made.name!r} exists with other pictures or pairs; choose another name (or delete "
            f"{manifest.place(made.name).parent} if its results are not needed)"
        )
    before_id = store.batch(made.name).question_id if made.name in store.rounds() else asked
    if same_question(before.question) != same_question(made.question) or before_id != asked:
        raise StudyError(
            f"the study {made.name!r} asks {before.question!r}"
            f"{', by other criteria' if before.question == made.question else ''}; its answers are to that question, so "
            "choose another name for another one"
        )


# Results


@dataclass(frozen=True)
class Results:
    """rows: one per vote (see `votes_of`). counts: (M, M), [i, j] is how often method i was preferred to method j.

    scores: Thurstone's model. have, need: votes; unsure: how many answers are "can't tell", undecidable: pairs of which
    too many are. warning: why scores should be read with care, else None.
    """

    methods: tuple[str, ...]
    rows: list[dict[str, Any]]
    counts: np.ndarray
    scores: GlobalScores
    have: int
    need: int
    warning: str | None
    unsure: int = 0
    undecidable: int = 0


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


def results(store: Store, name: str) -> Results:
    """Count the votes of a study and fit Thurstone's model. Raises StudyError where there are none."""
    study = manifest.load(name, "pairs")
    status = store.status(name)
    votes = store.votes([pair.key for pair in study.pairs], "people", store.batch(name).question)
    rows = votes_of(study, votes)
    counts = count_matrix(study.methods, [(r["first_method"], r["second_method"], r["choice"]) for r in rows])
    if not counts.any() and status.unsure:
        raise StudyError(
            f'the study {name!r} has no votes: all its {status.unsure} answers are "can\'t tell"; ask more people, or about '
            "pictures that differ more"
        )
    if not counts.any():
        raise StudyError(f"the study {name!r} has no votes yet; label with `loupe label {name}`")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DisconnectedComparisons)
        scores = thurstone_scores(counts)
    said = [str(entry.message) for entry in caught if issubclass(entry.category, DisconnectedComparisons)]
    warning = said[0] if said else None
    return Results(
        study.methods, rows, counts, scores, status.have, status.need, warning, status.unsure, status.undecidable
    )


def write_results(found: Results, out: Path) -> list[Path]:
    """Write votes.parquet, counts.csv and scores.csv into the folder `out`; returns their paths. Raises StudyError."""
    from labelling.exchange import STUDY_VOTES, write_parquet

    if out.exists() and not out.is_dir():
        raise StudyError(f"{out} is a file, not a folder; choose another --out")
    paths = [out / "votes.parquet", out / "counts.csv", out / "scores.csv"]
    try:
        write_parquet(found.rows, STUDY_VOTES, paths[0])
        rows: list[list[Any]] = [["preferred", *found.methods]]
        rows += [[method, *(f"{n:g}" for n in row)] for method, row in zip(found.methods, found.counts, strict=True)]
        _write_csv(paths[1], rows)
        _write_csv(paths[2], [["method", "score", "standard_error", "wins", "votes"], *score_rows(found)])
    except OSError as error:
        raise StudyError(
            f"the results cannot be written into {out} ({error.strerror}); choose another --out"
        ) from error
    return paths


def score_rows(found: Results) -> list[list[Any]]:
    """method, score, standard error, wins and votes of every method, the best first; a tie is half a win."""
    wins, losses = found.counts.sum(1), found.counts.sum(0)
    return [
        [
            found.methods[i],
            f"{found.scores.scores[i]:.4f}",
            f"{found.scores.errors[i]:.4f}",
            f"{wins[i]:g}",
            f"{wins[i] + losses[i]:g}",
        ]
        for i in np.argsort(-found.scores.scores, kind="stable")
    ]


def _write_csv(path: Path, rows: list[list[Any]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    with atomic_path(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
