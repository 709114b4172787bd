"""Which pair of a study serves its goal best, given all votes so far, whoever cast them. No torch: the web server uses it.

The store does not know which pairs compare the same two methods; the study's manifest does. Which two methods meet is
chosen by what a vote is expected to tell (models.preference.adaptive); on which photograph, so that photographs come
equally often, first for these two methods and then for this observer. Nothing is drawn or kept: the same votes give the same
pair, in every process, and after a restart. Votes that are on their way are not waited for: that some are missing costs
little (benchmarks/adaptive.py).
"""

from __future__ import annotations

import logging

import numpy as np
from sqlalchemy import Connection, select

from labelling.exchange import manifest
from labelling.store import CHOICES, PURPOSES, UNSURE, Batch, Log, Tally
from labelling.store.database import schema
from models.preference.adaptive import gains, posterior
from models.preference.comparisons import Comparisons

_VOTE = PURPOSES.index("vote")

_log = logging.getLogger(__name__)


class Chooser:
    """Chooses among the pairs of one batch.

    low, high: (pairs,) methods whose pictures are a pair's low and high, by position in the batch. kind: (pairs,) place of
    the two methods among itertools.combinations. photo: (pairs,) photograph.
    """

    def __init__(self, batch: Batch, study: manifest.Manifest, pairs: list[tuple[str, str]]) -> None:
        """pairs: (key, low picture) of the batch, in its order. Raises KeyError for one that is not in the manifest."""
        self.batch = batch
        known: dict[str, manifest.StudyPair] = {}
        for pair in study.pairs:
            known.setdefault(pair.key, pair)
        found = [known[key] for key, _ in pairs]
        self.methods = study.methods
        self.photos = tuple(sorted({pair.photo for pair in found}))
        of_method, of_photo = ({name: i for i, name in enumerate(names)} for names in (self.methods, self.photos))
        first = np.array([of_method[pair.first_method] for pair in found])
        second = np.array([of_method[pair.second_method] for pair in found])
        turned = np.array([pair.first_sha256 != low for pair, (_, low) in zip(found, pairs, strict=True)])
        self.low, self.high = np.where(turned, second, first), np.where(turned, first, second)
        self.photo = np.array([of_photo[pair.photo] for pair in found])
        kinds = np.zeros((len(self.methods), len(self.methods)), dtype=int)
        ends = np.triu_indices(len(self.methods), 1)
        kinds[ends] = np.arange(len(ends[0]))
        self.kind = kinds[np.minimum(first, second), np.maximum(first, second)]
        self._found: tuple[Tally, np.ndarray] | None = None

    def choose(self, log: Log, observer: int, order: np.ndarray, wanted: np.ndarray) -> int | None:
        """The position to ask about next, of those `wanted`, (pairs,) bool; None where there is none.

        observer: number in the log, -1 for one without answers. order: positions in the observer's own order, which
        decides where nothing else does.
        """
        if not wanted.any():
            return None
        rank = np.empty(len(order), dtype=int)
        rank[order] = np.arange(len(order))
        expected = self._expected(log.tally())
        ties = np.full(len(expected), len(order))
        np.minimum.at(ties, self.kind[wanted], rank[wanted])
        kind = np.lexsort((ties, -expected, ties == len(order)))[0]
        at = np.flatnonzero(wanted & (self.kind == kind))
        mine = np.bincount(self.photo[log.votes["position"][log.votes.of(observer)]], minlength=len(self.photos))
        asked = log.counts[at] + log.unsure[at]
        return int(at[np.lexsort((rank[at], mine[self.photo[at]], asked))[0]])

    def _expected(self, tally: Tally) -> np.ndarray:
        """What a vote on each kind of pair is expected to gain."""
        if self._found is None or self._found[0] is not tally:
            self._found = tally, gains(posterior(self._comparisons(tally).wins()), self.batch.options.goal)
        return self._found[1]

    def _comparisons(self, tally: Tally) -> Comparisons:
        told = (tally.purpose == _VOTE) & (tally.choice != CHOICES.index(UNSURE))
        position = tally.position[told]
        return Comparisons(
            items=self.methods, observers=tally.names, scenes=self.photos, first=self.low[position],
            second=self.high[position], choice=tally.choice[told], observer=tally.observer[told],
            scene=self.photo[position], left=(~tally.left_low[told]).astype(np.int8),
        )  # fmt: skip


def chooser(db: Connection, batch: Batch) -> Chooser | None:
    """The chooser of a study, None where its manifest is not there: everybody has an order of their own, then."""
    members, pairs = schema.batch_pairs, schema.pairs
    query = select(pairs.c.key, pairs.c.low).join(members, members.c.pair == pairs.c.key)
    rows = db.execute(query.where(members.c.batch == batch.id).order_by(members.c.position))
    try:
        study = manifest.find(batch.round)
        if study is not None:
            return Chooser(batch, study, [(key, low) for key, low in rows])
        why = "it has no manifest here"
    except manifest.StudyError as error:
        why = str(error)
    except KeyError:
        why = "its manifest is that of other pairs"
    _log.warning("the pairs of %s are not chosen by the votes so far: %s", batch.round, why)
    return None
