"""The evaluation's votes: of the simulated panel on all pairs of models, or of people on the last model against the first."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import Any

import pandas as pd

from labelling.store import Store, pair_key
from tasks.config import View
from tasks.measuring.utility import panel, utility
from tasks.rounds.showing import offered, options
from tasks.stage import tables
from tasks.stage.places import Places, store_round

VALIDATION = "validation"


def simulated_votes(
    outputs: pd.DataFrame, measured: dict[tuple[str, str], dict[str, float | None]], params: View
) -> list[dict[str, Any]]:
    """The panel's votes on all pairs of models on every validation image."""
    settings = params.labels.simulated
    observers = panel(settings)[: params.labels.votes]
    rows, made = [], defaultdict(list)
    for row in tables.rows(outputs):
        made[row.image, row.photograph].append(row)
    for (image, photograph), group in sorted(made.items(), key=lambda one: one[0]):
        hidden = {row.sha256: utility(settings.utility, measured[image, row.model], image) for row in group}
        for first, second in combinations(group, 2):
            key = pair_key(first.sha256, second.sha256)
            for observer in observers:
                choice = "tie"
                if first.sha256 != second.sha256:
                    sides = {side: hidden[side] for side in (first.sha256, second.sha256)}
                    choice = "first" if observer.vote(key, sides).preferred == first.sha256 else "second"
                rows.append(
                    _vote_row(
                        image,
                        photograph,
                        first.model,
                        second.model,
                        observer=observer.name,
                        kind="simulated",
                        choice=choice,
                    )
                )
    return rows


def peoples_votes(outputs: pd.DataFrame, last: str, params: View) -> list[dict[str, Any]]:
    """Register last f(n) against f(0) and the input on every validation image, and return the votes that are there."""
    name, pictures = store_round(params.kind, VALIDATION), Places(params.kind).evaluate / "outputs"
    pairs = []
    table = {(row.image, row.model): row for row in tables.rows(outputs)}
    for image in sorted(set(outputs.image)):
        for other in ("f0", "input"):
            one, two = table[image, other], table[image, last]
            if one.sha256 != two.sha256:
                pairs.append(
                    {
                        "key": pair_key(one.sha256, two.sha256),
                        "image": image,
                        "photograph": one.photograph,
                        "first_model": other,
                        "first": str(pictures / one.path),
                        "first_sha256": one.sha256,
                        "second_model": last,
                        "second": str(pictures / two.path),
                        "second_sha256": two.sha256,
                    }
                )
    if not pairs:
        return []
    frame = pd.DataFrame(pairs)
    with Store.open() as store:
        settings = params.labels
        unique = offered(frame.drop_duplicates("key"), params.kind)
        store.register(name, "people", unique, settings.votes, settings.question, options(settings))
        votes = store.votes(list(frame.key), "people", settings.question)
    print(f"{name}: {len(votes)} votes of people on {len(frame)} pairs are in (`loupe label {name}` adds more)")
    rows, by_key = [], defaultdict(list)
    for pair in tables.rows(frame):
        by_key[pair.key].append(pair)
    for vote in votes:
        for pair in by_key[vote.key]:
            sides = {pair.first_sha256: "first", pair.second_sha256: "second"}
            rows.append(
                _vote_row(
                    pair.image,
                    pair.photograph,
                    pair.first_model,
                    pair.second_model,
                    observer=vote.observer,
                    kind="people",
                    choice=sides.get(vote.preferred, vote.preferred),
                )
            )
    return rows


def _vote_row(
    image: str, photograph: str, first: str, second: str, *, observer: str, kind: str, choice: str
) -> dict[str, Any]:
    return {
        "image": image,
        "photograph": photograph,
        "first_model": first,
        "second_model": second,
        "observer": observer,
        "kind": kind,
        "choice": choice,
    }
