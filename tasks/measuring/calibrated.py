"""How far the judges' preferences can be believed, from the votes on validation pictures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from models.preference.calibration import brier, calibration, fit_scale, held_out_preference
from models.preference.votes import clustered, drawn_means
from tasks.measuring.summaries import WORTH


def of_judges(votes: pd.DataFrame, opinions: pd.DataFrame, draws: int, seed: int) -> dict[str, dict[str, Any]]:
    """judge -> its calibration (`models.preference.calibration`), each photograph by a scale that it had no part in.

    opinions: judge, image, model and members, the costs of a picture by each member of the judge. A judge that scored
    the pictures of two voted photographs at least is there; brier_low, brier_high: 95 %, by a bootstrap over photographs.
    """
    known = votes[votes.choice.isin(WORTH)]
    found = {}
    for judge, part in opinions.groupby("judge", sort=True):
        members = {
            (image, model): np.asarray(costs, dtype=float)
            for image, model, costs in zip(part.image, part.model, part.members, strict=True)
            if np.isfinite(costs).all()
        }
        sides = [
            list(zip(known.image.tolist(), known[column].tolist(), strict=True))
            for column in ("first_model", "second_model")
        ]
        both = [place for place in range(len(known)) if sides[0][place] in members and sides[1][place] in members]
        photographs = known.photograph.to_numpy()[both]
        if len(set(photographs)) < 2:
            continue
        differences = np.array([members[sides[0][place]] - members[sides[1][place]] for place in both])
        wins = known.choice.map(WORTH).to_numpy(dtype=float)[both]
        said = held_out_preference(differences, wins, list(photographs))
        low, high = _interval(np.square(said - wins), photographs, draws, seed)
        found[str(judge)] = {
            **asdict(calibration(said, wins, seed)), "brier": brier(said, wins), "brier_low": low, "brier_high": high,
            "scale": fit_scale(differences, wins), "votes": len(both), "photographs": len(set(photographs)),
        }  # fmt: skip
    return found


def _interval(errors: np.ndarray, photographs: np.ndarray, draws: int, seed: int) -> tuple[float, float]:
    low, high = np.percentile(drawn_means(*clustered(errors, list(photographs)), draws, seed), [2.5, 97.5])
    return float(low), float(high)


def doubt(opinions: pd.DataFrame) -> dict[str, dict[str, float]]:
    """judge -> model -> mean over images of how far the judge's members differ (standard deviation), in its own units.

    opinions: as `of_judges`. Judges of one opinion are left out.
    """
    found: dict[str, dict[str, float]] = {}
    for (judge, model), part in opinions.groupby(["judge", "model"], sort=True):
        members = np.array([np.asarray(costs, dtype=float) for costs in part.members])
        if members.shape[1] > 1:
            found.setdefault(str(judge), {})[str(model)] = float(members.std(1).mean())
    return found
