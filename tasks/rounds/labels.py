"""The `labels` stage of a round, the gate: register what is asked in the label store and collect the answers.

With `labels.source: simulated` the simulated observers vote here, through the same store as people. With `people` the
stage prints have/need and how to label, and ends with exit code 75 until enough votes are there; then it writes them.
With `llm` a language model votes (`tasks.rounds.llm`); with `labels.asks: ratings` single pictures are rated, in the phases of
`tasks.rounds.rating_phases`.
Reads data/KIND/questions/ROUND, the pictures it names and the dataset; writes data/KIND/labels/ROUND.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from labelling.store import (
    CHOICES,
    PURPOSES,
    TIE,
    UNSURE,
    PairImages,
    Store,
    StoredVote,
    UnknownRound,
    batch_id,
    undecidable_pairs,
)
from pictures import fresh_folder, read_uint8, write_json
from tasks.config import View
from tasks.config.asking import Labels
from tasks.datasets.subjects import Subject, subjects_of
from tasks.measuring.utility import panel, utility
from tasks.rounds.showing import offered, options, vote_of
from tasks.stage import tables
from tasks.stage.mapping import Workers, map_images
from tasks.stage.places import Places, store_round
from tasks.stage.runtime import stage, workers

PARAMS = ("{kind}.labels", "rounds.{kind}-{round}.label_rev")
LABELS_MISSING = 75


def _measure(job: tuple[str, Subject, tuple[str, ...]]) -> dict[str, float | None]:
    from tasks.measuring.scoring import score_files  # imports torch, which the votes of people do without

    path, subject, metrics = job
    return score_files(metrics, read_uint8(path), subject.reference, subject.sources)


def utilities(pairs: pd.DataFrame, kind: str, settings: Labels, where: Workers) -> dict[str, float]:
    """sha256 -> hidden utility of every picture of the pairs."""
    of = {subject.id: subject for subject in subjects_of(kind)}
    found: dict[str, tuple[str, str]] = {}
    for row in tables.rows(pairs):
        found.setdefault(row.first_sha256, (row.image, row.first))
        found.setdefault(row.second_sha256, (row.image, row.second))
    weights = settings.simulated.utility
    jobs = [(path, of[image], tuple(weights)) for image, path in found.values()]
    # A process costs seconds to start: it pays only for many pictures.
    scores = map_images(_measure, jobs, where if where.cluster or len(jobs) > 400 else 1, "hidden utility")
    return {
        sha: utility(weights, values, image) for (sha, (image, _)), values in zip(found.items(), scores, strict=True)
    }


def simulate(
    store: Store, round_name: str, pairs: pd.DataFrame, settings: Labels, hidden_of: Callable[[], Mapping[str, float]]
) -> list[StoredVote]:
    """Let the simulated observers vote on the pairs they have not voted on yet; returns their votes.

    hidden_of: `utilities` of the pairs, asked for where somebody has yet to vote.
    """
    observers = {observer.name: observer for observer in panel(settings.simulated)[: settings.votes]}
    keys = list(pairs.key)
    done = {(vote.observer, vote.key) for vote in store.votes(keys, "simulated", settings.question)}
    owed = [(name, row) for row in tables.rows(pairs) for name in observers if (name, row.key) not in done]
    if owed:
        hidden = hidden_of()
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


def rows_of(
    pairs: pd.DataFrame, votes: list[StoredVote], asked: int, again: Mapping[tuple[str, str], str]
) -> list[dict[str, object]]:
    """The labels table: each answer as first or second of the pairs table; `asked` votes were wanted on each pair.

    again: (key, observer) -> the answer to a repeat, as `Vote.preferred`.
    """
    by_key = {row.key: row for row in tables.rows(pairs)}
    undecidable = undecidable_pairs(votes, asked)
    rows = []
    for vote in votes:
        pair = by_key[vote.key]
        sides = {pair.first_sha256: "first", pair.second_sha256: "second"}
        repeat = again.get((vote.key, vote.observer))
        rows.append(
            {
                "round": pair.round,
                "key": vote.key,
                "image": pair.image,
                "observer": vote.observer,
                "kind": vote.kind,
                "choice": sides.get(vote.preferred, vote.preferred),
                "undecidable": vote.key in undecidable,
                "left": sides.get(vote.left),
                "again": sides.get(repeat, repeat),
            }
        )
    return rows


def repeats(store: Store, round_name: str) -> dict[tuple[str, str], str]:
    """(key, observer) -> the answer when the pair came again, as `Vote.preferred`; the sides were swapped."""
    tally, pairs = store.tally(round_name), store.pairs(round_name)
    found = {}
    for place in np.flatnonzero(tally.purpose == PURPOSES.index("repeat")):
        key, low, high = pairs[tally.position[place]]
        choice = CHOICES[tally.choice[place]]
        found[(key, tally.names[tally.observer[place]])] = {"low": low, "high": high}.get(choice, choice)
    return found


def votes_of_people(store: Store, name: str, pairs: Sequence[PairImages], settings: Labels) -> list[StoredVote] | None:
    """People's votes on the pairs; None, with how to go on, while some are missing."""
    batch = store.register(name, "people", pairs, settings.votes, settings.question, options(settings))
    status = store.status(name, batch)
    if not status.complete:
        print(
            f"round {name} waits for labels: {status.have} of {status.need} votes on {status.pairs} pairs are "
            f"in{status.words()}.\n"
            f"Label with `loupe label {name}`, then run `dvc repro` again.",
            flush=True,
        )
        return None
    votes = store.votes([pair.key for pair in pairs], "people", settings.question)
    cast = sum(vote.preferred != UNSURE for vote in votes)
    print(f"round {name}: {cast} votes of people on {len(pairs)} pairs{status.words()}")
    return votes


def votes_of_model(
    store: Store, name: str, kind: str, pairs: Sequence[PairImages], settings: Labels
) -> tuple[list[StoredVote], dict[str, Any]] | None:
    """A language model's votes and a summary; with `labels.route` people's in place of its ties. None while some are missing."""
    from tasks.rounds import llm

    keys = [pair.key for pair in pairs]
    try:
        complete = store.status(name, batch_id(name, "llm", 1, settings.question, keys)).complete
    except UnknownRound:
        complete = False
    if not complete:
        store.register(name, "llm", pairs, 1, settings.question, options(settings))
    found = llm.votes_on_pairs(store, name, kind, settings, pairs)
    if found is None or not settings.route:
        return found
    votes, summary = found
    decided = {vote.key for vote in votes if vote.preferred != TIE}
    near = [pair for pair in pairs if pair.key not in decided]
    if not near:
        return votes, summary | {"routed": 0}
    print(f"round {name}: {len(near)} pairs that the language model does not decide go to people")
    theirs = votes_of_people(store, name, near, settings)
    if theirs is None:
        return None
    return [*(vote for vote in votes if vote.key in decided), *theirs], summary | {"routed": len(near)}


def run(params: View, round: str) -> int:
    settings = params.labels
    if settings.asks == "ratings":
        from tasks.rounds import rating_phases

        return 0 if rating_phases.run(params, round) else LABELS_MISSING
    at, kind = Places(params.kind), params.kind
    pairs = tables.read("pairs", at.questions(round) / "pairs.parquet")
    name, shown = store_round(kind, round), offered(pairs, kind)
    summary: dict[str, Any] = {}
    with Store.open() as store:
        votes: list[StoredVote] | None
        if settings.source == "simulated":
            store.register(name, "simulated", shown, settings.votes, settings.question, options(settings))
            hidden = partial(utilities, pairs, kind, settings, workers(params))
            votes = simulate(store, name, pairs, settings, hidden)
            print(f"round {name}: {len(votes)} votes of {settings.votes} simulated observers on {len(pairs)} pairs")
        elif settings.source == "llm":
            found = votes_of_model(store, name, kind, shown, settings)
            votes, summary = (None, {}) if found is None else (found[0], {"llm": found[1]})
        else:
            votes = votes_of_people(store, name, shown, settings)
        again = repeats(store, name) if votes is not None else {}
    if votes is None:
        return LABELS_MISSING
    with fresh_folder(at.labels(round)) as folder:
        tables.write("labels", rows_of(pairs, votes, settings.votes, again), folder / "labels.parquet")
        if summary:
            write_json(folder / "summary.json", summary)
    return 0


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures", "round": "r01, r02, ..."})
