"""User studies: any number of methods' output folders, compared in pairs (HiLLIE, Sec. 4.4) or rated one by one.

A study is a round of the label store, so the same pages, the same observers and the same export serve it. Which picture
is whose is in the study's manifest (labelling.exchange.manifest) alone.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labelling.exchange import manifest
from labelling.exchange.folders import Collected, collect
from labelling.exchange.manifest import Manifest, StudyError, StudyPair, StudyPicture
from labelling.store import Options, PairImages, RatingItem, SourceImage, Store, pair_key, question_id, same_question
from models.preference.pairing import all_pairings, balanced_pairings

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
    recursive: bool = False,
) -> Created:
    """Register the comparisons of a study as the round `name`, for people; the same call again changes nothing.

    methods, sources: name -> folder; pictures belong together by their name without suffix. per_photo: how many pairs
    of methods to compare on each photo, balanced over the study; None: all of them. recursive: sub-folders too. Raises
    StudyError, FolderError, ImageError; nothing is registered then.
    """
    manifest.check_study_name(name)
    if len(methods) < 2:
        raise StudyError("a study of pairs compares at least two methods; name them as METHOD=DIR")
    found = collect(methods, sources, recursive)
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
    if options is not None and options.budget is not None:
        most = len({pair.key for pair in pairs}) * votes
        if options.budget > most:
            raise StudyError(
                f"{len(pairs)} pairs with at most {votes} votes on each take {most} votes, less than --budget "
                f"{options.budget}; lower it, or raise --votes"
            )
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
    recursive: bool = False,
) -> Created:
    """Register every picture of the methods to be rated by `raters` people, by the criteria in `options`."""
    manifest.check_study_name(name)
    if not methods:
        raise StudyError("ratings need at least one method; name it as METHOD=DIR")
    found = collect(methods, sources, recursive)
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
