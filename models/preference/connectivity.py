"""Which scores votes determine, and which come from the prior (Ford, American Mathematical Monthly 1957)."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from models.preference.pairs import Pairs


def groups(pairs: Pairs) -> int:
    """How many sets of items were never compared with each other."""
    return int(connected_components(_graph(pairs), directed=False)[0])


def from_prior(pairs: Pairs) -> tuple[str | None, ...]:
    """(M,) why an item's score comes from the prior, None where votes determine it.

    Scores are determined within a set of items of which each beats each other one, if only through others: the graph of
    wins is strongly connected; a tie is half a win each way. The largest such set is the one the others are marked
    against; where no set is the largest, all are marked.
    """
    graph = _graph(pairs)
    strong, of = connected_components(graph, directed=True, connection="strong")
    if strong <= 1:
        return (None,) * pairs.size
    weak, part = connected_components(graph, directed=False)
    wins, votes = pairs.wins, pairs.votes
    sizes = np.bincount(of)
    largest = np.flatnonzero(sizes == sizes.max())
    kept = int(largest[0]) if len(largest) == 1 and sizes.max() > 1 else None
    # A part of the graph that is one strong set: it is compared, but not with the others.
    strong_in = np.bincount(part[np.unique(of, return_index=True)[1]], minlength=weak)

    def reason(i: int) -> str | None:
        if of[i] == kept:
            return None
        if votes[i] == 0:
            return "never compared"
        if wins[i] == votes[i]:
            return "undefeated"
        if wins[i] == 0:
            return "never preferred"
        if weak > 1 and strong_in[part[i]] == 1:
            return "compared only within its group"
        return "compared with the others only one way round"

    return tuple(reason(i) for i in range(pairs.size))


def _graph(pairs: Pairs) -> csr_array:
    """(M, M), an entry where item i was preferred to item j, or tied."""
    gained, given = pairs.won + pairs.tied > 0, pairs.lost + pairs.tied > 0
    rows = np.concatenate([pairs.first[gained], pairs.second[given]])
    columns = np.concatenate([pairs.second[gained], pairs.first[given]])
    return coo_array((np.ones(len(rows)), (rows, columns)), shape=(pairs.size, pairs.size)).tocsr()
