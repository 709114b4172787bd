"""The `labels` stage of a round, the gate: register the chosen pairs in the label store and collect their votes.

With `labels.source: simulated` the simulated observers vote here, through the same store as people. With `people` the
stage prints have/need and how to label, and ends with exit code 75 until enough votes are there; then it writes them.
Reads data/KIND/questions/ROUND, the pictures it names and the dataset; writes data/KIND/labels/ROUND.
"""

from __future__ import annotations

import uuid
from functools import partial

import pandas as pd

from labelling.store import (
    UNSURE,
    Options,
    PairImages,
    SourceImage,
    Store,
    StoredVote,
    Vote,
    question_id,
    undecidable_pairs,
)
from models.preference.observers import SimulatedObserver
from pictures import MAX_PICTURE, read_regular, read_uint8
from tasks import kinds
from tasks.config import View
from tasks.config.rounds import Labels
from tasks.datasets.subjects import Subject, subjects_of
from tasks.measuring.utility import panel, utility
from tasks.stage import tables
from tasks.stage.mapping import map_images
from tasks.stage.places import Places, store_round
from tasks.stage.runtime import stage, workers

PARAMS = ("{kind}.labels", "rounds.{kind}-{round}.label_rev")
LABELS_MISSING = 75
VOTE_NAMESPACE = uuid.UUID("6f0d9c1e-6a0c-4a52-9a53-0b6f7a1f4e2d")


def sources_of(names: tuple[str, ...], subject: Subject) -> tuple[SourceImage, ...]:
    """The files that a picture was fused from, as the store takes them."""
    return tuple(
        SourceImage(name=name, sha256=sha256, png=partial(read_regular, path, MAX_PICTURE))
        for name, path, sha256 in zip(names, subject.sources, subject.hashes, strict=True)
    )


def offered(pairs: pd.DataFrame, kind: str) -> list[PairImages]:
    """The rows of a pairs table as the store takes them, with the exposures that a fused picture was made from."""
    names = kinds.named(kind).source_names
    of = {subject.id: subject for subject in subjects_of(kind)} if names else {}
    return [
        PairImages(
            key=row.key,
            first_sha256=row.first_sha256,
            second_sha256=row.second_sha256,
            first_png=partial(read_regular, row.first, MAX_PICTURE),
            second_png=partial(read_regular, row.second, MAX_PICTURE),
            sources=sources_of(names, of[row.image]) if names else (),
        )
        for row in tables.rows(pairs)
    ]


def options(settings: Labels) -> Options:
    """How people are shown the pairs. They are kept with the round in the store, where the labelling app finds them."""
    return Options(
        allow_tie=settings.allow_tie,
        allow_unsure=settings.allow_unsure,
        repeats=settings.repeats,
        training=settings.training,
    )


def _measure(job: tuple[str, Subject, tuple[str, ...]]) -> dict[str, float | None]:
    from tasks.measuring.scoring import score_files  # imports torch, which the votes of people do without

    path, subject, metrics = job
    return score_files(metrics, read_uint8(path), subject.reference, subject.sources)


def utilities(pairs: pd.DataFrame, kind: str, settings: Labels, processes: int) -> dict[str, float]:
    """sha256 -> hidden utility of every picture of the pairs."""
    of = {subject.id: subject for subject in subjects_of(kind)}
    found: dict[str, tuple[str, str]] = {}
    for row in tables.rows(pairs):
        found.setdefault(row.first_sha256, (row.image, row.first))
        found.setdefault(row.second_sha256, (row.image, row.second))
    weights = settings.simulated.utility
    jobs = [(path, of[image], tuple(weights)) for image, path in found.values()]
    # A process costs seconds to start: it pays only for many pictures.
    scores = map_images(_measure, jobs, processes if len(jobs) > 400 else 1, "hidden utility")
    return {
        sha: utility(weights, values, image) for (sha, (image, _)), values in zip(found.items(), scores, strict=True)
    }


def vote_of(observer: SimulatedObserver, round_name: str, key: str, sides: dict[str, float], question: str) -> Vote:
    """One simulated vote. Its id follows from observer, pair and question, so that voting again is voting once."""
    answer = observer.vote(key, sides)
    return Vote(
        id=str(uuid.uuid5(VOTE_NAMESPACE, f"{observer.name}/{key}/{question_id(question)}")),
        key=key,
        observer=observer.name,
        kind="simulated",
        preferred=answer.preferred,
        left=answer.left,
        round=round_name,
    )


def simulate(
    store: Store, round_name: str, pairs: pd.DataFrame, kind: str, settings: Labels, processes: int
) -> list[StoredVote]:
    """Let the simulated observers vote on the pairs they have not voted on yet; returns their votes."""
    observers = {observer.name: observer for observer in panel(settings.simulated)[: settings.votes]}
    keys = list(pairs.key)
    done = {(vote.observer, vote.key) for vote in store.votes(keys, "simulated", settings.question)}
    owed = [(name, row) for row in tables.rows(pairs) for name in observers if (name, row.key) not in done]
    if owed:
        hidden = utilities(pairs, kind, settings, processes)
        store.add_votes(
            [
                vote_of(
                    observers[name],
                    round_name,
                    row.key,
                    {sha: hidden[sha] for sha in (row.first_sha256, row.second_sha256)},
                    settings.question,
                )
                for name, row in owed
            ]
        )
    return [vote for vote in store.votes(keys, "simulated", settings.question) if vote.observer in observers]


def rows_of(pairs: pd.DataFrame, votes: list[StoredVote], asked: int) -> list[dict[str, object]]:
    """The labels table: each answer as first or second of the pairs table; `asked` votes were wanted on each pair."""
    by_key = pairs.set_index("key")
    undecidable = undecidable_pairs(votes, asked)
    rows = []
    for vote in votes:
        pair = by_key.loc[vote.key]
        sides = {pair.first_sha256: "first", pair.second_sha256: "second"}
        rows.append(
            {
                "round": pair["round"],
                "key": vote.key,
                "image": pair.image,
                "observer": vote.observer,
                "kind": vote.kind,
                "choice": sides.get(vote.preferred, vote.preferred),
                "undecidable": vote.key in undecidable,
            }
        )
    return rows


def run(params: View, round: str) -> int:
    settings = params.labels
    at, kind = Places(params.kind), params.kind
    pairs = tables.read("pairs", at.questions(round) / "pairs.parquet")
    name = store_round(kind, round)
    with Store.open() as store:
        batch = store.register(
            name,
            settings.source,
            offered(pairs, kind),
            settings.votes,
            settings.question,
            options(settings),
        )
        if settings.source == "simulated":
            votes = simulate(store, name, pairs, kind, settings, workers(params))
            print(f"round {name}: {len(votes)} votes of {settings.votes} simulated observers on {len(pairs)} pairs")
        else:
            status = store.status(name, batch)
            if not status.complete:
                print(
                    f"round {name} waits for labels: {status.have} of {status.need} votes on {status.pairs} pairs are "
                    f"in{status.words()}.\n"
                    f"Label with `loupe label {name}`, then run `dvc repro` again.",
                    flush=True,
                )
                return LABELS_MISSING
            votes = store.votes(list(pairs.key), "people", settings.question)
            cast = sum(vote.preferred != UNSURE for vote in votes)
            print(f"round {name}: {cast} votes of people on {len(pairs)} pairs{status.words()}")
    tables.write("labels", rows_of(pairs, votes, settings.votes), at.labels(round) / "labels.parquet")
    return 0


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures", "round": "r01, r02, ..."})
