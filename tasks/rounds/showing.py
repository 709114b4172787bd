"""How a round's pairs and pictures are handed to the label store, with what they were made of, and simulated votes on them."""

from __future__ import annotations

import uuid
from functools import lru_cache, partial

import pandas as pd

from labelling.store import Options, PairImages, SourceImage, Vote, question_id
from models.preference.observers import SimulatedObserver
from pictures import MAX_PICTURE, read_regular
from tasks import kinds
from tasks.config.asking import Labels
from tasks.datasets.subjects import Subject, subjects_of
from tasks.stage import tables

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


_id_of = lru_cache(maxsize=8)(question_id)


def vote_of(observer: SimulatedObserver, round_name: str, key: str, sides: dict[str, float], question: str) -> Vote:
    """One simulated vote. Its id follows from observer, pair and question, so that voting again is voting once."""
    answer = observer.vote(key, sides)
    return Vote(
        id=str(uuid.uuid5(VOTE_NAMESPACE, f"{observer.name}/{key}/{_id_of(question)}")),
        key=key,
        observer=observer.name,
        kind="simulated",
        preferred=answer.preferred,
        left=answer.left,
        round=round_name,
    )
