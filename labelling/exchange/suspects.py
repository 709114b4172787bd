"""The answers of a round, as models.preference.outliers judges them. numpy only: the web server uses it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelling.store import PURPOSES, Tally
from models.preference.outliers import Answers


def answers_of(tally: Tally, without: Sequence[str] = ()) -> Answers:
    """The votes and repeats of a round; practice is left out, and what the observers in `without` said."""
    gone = [tally.names.index(name) for name in without if name in tally.names]
    rows = (tally.purpose != PURPOSES.index("training")) & ~np.isin(tally.observer, gone)
    return Answers(
        pair=tally.position[rows], observer=tally.observer[rows], choice=tally.choice[rows],
        left_low=tally.left_low[rows], seconds=tally.seconds[rows],
        repeat=tally.purpose[rows] == PURPOSES.index("repeat"), pairs=tally.pairs, observers=len(tally.names),
    )  # fmt: skip
