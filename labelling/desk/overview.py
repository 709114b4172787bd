"""The numbers of the watch page: how far every round is, how far people agree, and who seems not to look.

Runs in the web server every few seconds, so it uses numpy alone, and computes a round anew only when the log of the
label store has moved.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from labelling.desk.rating_agreement import among_people, models_with_people
from labelling.exchange.suspects import answers_of
from labelling.store import VISITOR, Batch, Store, StoredRating, Tally, UnknownRound, is_undecidable
from models.preference.agreement import (
    agreement_with_majority,
    krippendorff_alpha,
    pairwise_agreement,
    position_bias,
    repeat_consistency,
)
from models.preference.outliers import Verdict, judge

_LOW, _HIGH, _TIE, _UNSURE = range(4)  # as labelling.store.records.CHOICES
_VOTE, _REPEAT = range(2)  # as labelling.store.records.PURPOSES

_kept: weakref.WeakKeyDictionary[Store, dict[str, tuple[Any, dict[str, Any]]]] = weakref.WeakKeyDictionary()


def overview(store: Store) -> dict[str, Any]:
    """Every round of the store as the watch page shows it, and the time. None stands for what is not defined (yet).

    alpha: Krippendorff's, nominal over the two pictures and "about the same" ("can't tell" is no answer); in a round of
    ratings the mean over its criteria, ordinal, of people among people, with `models` for language models. pairwise:
    share of equal answers among all pairs of answers to a pair. agreement: how often an observer agrees with the majority
    of the others. left_p: see `agreement.position_bias`; suspect, untold: see `outliers.Verdict`, the reasons joined.
    Raises StoreUnavailable.
    """
    kept = _kept.setdefault(store, {})
    people = [o.name for o in store.observers() if o.revoked_at is None and o.role not in ("manager", VISITOR)]
    rounds = []
    for name in store.rounds():
        try:
            position = store.log_position(name)
            if name not in kept or kept[name][0] != position:
                kept[name] = (position, _round(store, store.batch(name)))
        except UnknownRound:  # registered otherwise at this moment; the next call shows it
            continue
        rounds.append(_with_people(kept[name][1], people))
    return {"rounds": rounds, "at": datetime.now(UTC).isoformat(timespec="seconds")}


def _round(store: Store, batch: Batch) -> dict[str, Any]:
    found = _pairs(store.tally(batch.round), batch) if batch.task == "pairs" else _ratings(store, batch)
    need = batch.need(found["undecidable"])
    return {
        "round": batch.round,
        "task": batch.task,
        "kind": batch.kind,
        "pairs": batch.pairs,
        "votes_per_pair": batch.votes_per_pair,
        "need": need,
        "complete": found["have"] >= need,
        **found,
        "have": min(found["have"], need),
    }


def _with_people(round: dict[str, Any], people: Sequence[str]) -> dict[str, Any]:
    """The round with those who may work on it and have not begun."""
    begun = {observer["name"] for observer in round["observers"]}
    waiting = [] if round["kind"] != "people" else [name for name in people if name not in begun]
    nothing = _observer("", round["kind"], done=0, owes=round["open"])
    return round | {"observers": [*round["observers"], *(nothing | {"name": name} for name in waiting)]}


def _observer(name: str, kind: str, **known: Any) -> dict[str, Any]:
    empty = {
        "repeat_consistency": None, "repeats": 0, "left_share": None, "left_p": None, "median_seconds": None,
        "agreement": None, "suspect": None, "untold": None,
    }  # fmt: skip
    return {"name": name, "kind": kind, **empty, **known}


# Pairs


def _pairs(tally: Tally, batch: Batch) -> dict[str, Any]:
    votes = tally.purpose == _VOTE
    cells = tally.position[votes].astype(np.int64) * 4 + tally.choice[votes]
    counts = np.bincount(cells, minlength=4 * tally.pairs).reshape(-1, 4).astype(np.int32)
    told = counts[:, :_UNSURE]
    per_pair, unsure = told.sum(axis=1), counts[:, _UNSURE]
    undecidable = is_undecidable(per_pair, unsure, tally.votes_per_pair)
    have = int(np.minimum(per_pair, tally.votes_per_pair)[~undecidable].sum())
    left = batch.need(int(undecidable.sum())) - have  # no more are asked for, whatever pairs lack
    owing = (per_pair < tally.votes_per_pair) & ~undecidable & (left > 0)
    alpha = krippendorff_alpha(told)
    verdicts = judge(answers_of(tally))
    return {
        "have": have,
        "open": min(int(owing.sum()), max(left, 0)),
        "unsure": int(unsure.sum()),
        "undecidable": int(undecidable.sum()),
        "alpha": alpha.value,
        "alpha_reason": alpha.reason,
        "pairwise": pairwise_agreement(told),
        "observers": [
            _voter(tally, index, name, batch.kind, counts, owing, left, verdicts[index])
            for index, name in enumerate(tally.names)
        ],
    }  # fmt: skip


def _voter(
    tally: Tally, index: int, name: str, kind: str, counts: np.ndarray, owing: np.ndarray, left: int, verdict: Verdict
) -> dict[str, Any]:
    mine = tally.observer == index
    votes, repeats = np.flatnonzero(mine & (tally.purpose == _VOTE)), np.flatnonzero(mine & (tally.purpose == _REPEAT))
    position, choice = tally.position[votes], tally.choice[votes]
    first = np.full(tally.pairs, -1, dtype=np.int8)
    first[position] = np.where(choice == _UNSURE, -1, choice)
    again = np.where(tally.choice[repeats] == _UNSURE, -1, tally.choice[repeats])
    before = first[tally.position[repeats]]
    consistency = repeat_consistency(before, again)
    chosen = choice < _TIE
    others = counts[position[chosen], :_TIE].copy()
    others[np.arange(len(others)), choice[chosen]] -= 1
    agreement = agreement_with_majority(choice[chosen], others)

    answers = np.concatenate([votes, repeats])
    decided = answers[tally.choice[answers] < _TIE]
    bias = position_bias((tally.choice[decided] == _LOW) == tally.left_low[decided])
    seconds = tally.seconds[answers]
    seconds = seconds[~np.isnan(seconds)]
    median = float(np.median(seconds)) if len(seconds) else None
    voted = np.zeros(tally.pairs, dtype=bool)
    voted[position] = True
    return _observer(
        name,
        kind,
        done=len(votes),
        owes=min(int((owing & ~voted).sum()), max(left, 0)),
        repeat_consistency=consistency.rate,
        repeats=consistency.total,
        left_share=bias.left.rate,
        left_p=bias.p,
        median_seconds=median,
        agreement=agreement.rate,
        suspect="; ".join(verdict.reasons) or None,
        untold=verdict.untold,
    )


# Ratings


def _ratings(store: Store, batch: Batch) -> dict[str, Any]:
    first: dict[tuple[str, str], StoredRating] = {}
    reviews: dict[str, int] = {}
    reviewed: set[str | None] = set()
    for rating in store.ratings(batch.round, effective=False):
        if rating.reviews is None:
            first.setdefault((rating.item, rating.observer), rating)
        else:
            reviewed.add(rating.reviews)
            reviews[rating.verdict or ""] = reviews.get(rating.verdict or "", 0) + 1
    asked = set(store.items(batch.round))
    ratings = [rating for rating in first.values() if rating.item in asked]
    items = {item: row for row, item in enumerate(asked)}
    raters: dict[str, set[str]] = {item: set() for item in asked}
    for rating in ratings:
        # Where reviews are asked for, a picture has what it owes once what a model rated was reviewed.
        counts = (
            rating.kind == batch.kind if batch.task == "ratings" else rating.kind == "llm" and rating.id in reviewed
        )
        if counts:
            raters[rating.item].add(rating.observer)
    criteria = [criterion.name for criterion in batch.options.criteria]
    alphas = among_people(ratings, items, criteria)
    known = [value for value in alphas.values() if value is not None]
    owing = {item for item, names in raters.items() if len(names) < batch.votes_per_pair}
    return {
        "have": sum(min(len(names), batch.votes_per_pair) for names in raters.values()),
        "open": len(owing),
        "unsure": 0,
        "undecidable": 0,
        "alpha": float(np.mean(known)) if known else None,
        "alpha_reason": None if known else "nothing was judged by two people yet, or nobody differs in anything",
        "pairwise": None,
        "models": models_with_people(ratings, items, criteria),
        "criteria": alphas,
        "reviews": reviews,
        "observers": [
            _rater(name, kind, ratings, owing) for name, kind in sorted({(r.observer, r.kind) for r in ratings})
        ],
    }  # fmt: skip


def _rater(name: str, kind: str, ratings: Sequence[StoredRating], owing: set[str]) -> dict[str, Any]:
    mine = [rating for rating in ratings if rating.observer == name and rating.kind == kind]
    seconds = [rating.seconds for rating in mine if rating.seconds is not None]
    median = float(np.median(seconds)) if seconds else None
    owes = len(owing - {rating.item for rating in mine}) if kind == "people" else 0
    return _observer(name, kind, done=len(mine), owes=owes, median_seconds=median)
