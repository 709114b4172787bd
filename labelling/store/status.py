"""The one answer to "are a round's labels in?", for gate, flow and app."""

from __future__ import annotations

from labelling.store import Store
from labelling.store.records import LabelsStatus


def labels_status(round: str, store: Store | None = None) -> LabelsStatus:
    """How far the labelling of `round` is, in `store` or in the store of the environment.

    Raises UnknownRound where no pairs of the round are registered, StoreUnavailable where the store cannot be read.
    """
    if store is not None:
        return store.status(round)
    with Store.open() as opened:
        return opened.status(round)
