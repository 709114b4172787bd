"""Which photo and files the pairs of the rounds stand for, from the tables that asked for them."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pandas as pd

from labelling.exchange.names import PairNames, names_of_study
from labelling.store import pair_key, project_root
from tasks.registry import KINDS
from tasks.rounds.voted import VALIDATION
from tasks.stage import tables
from tasks.stage.places import Places


def names_of(round: str) -> dict[str, PairNames]:
    """Pair key -> names, for the pairs of a round of the pipeline or of a study, as far as they are known here."""
    kind, _, name = round.rpartition("-")
    if kind not in KINDS:
        return names_of_study(round)
    root = project_root()
    at = Places(kind, root / "data")
    try:
        if name == VALIDATION:
            return _validation(tables.read("enhanced", at.evaluate / "enhanced.parquet"), root)
        pairs = tables.read("pairs", at.questions(name) / "pairs.parquet")
    except tables.TableError:  # not there, or not readable: the pictures then go by their sha256
        return {}
    return {
        row.key: PairNames(
            row.image, _from(root, row.first), _from(root, row.second), row.first_sha256, row.second_sha256
        )
        for row in tables.rows(pairs)
    }


def _from(root: Path, path: str) -> str:
    return tables.relative(path, root)


def _validation(enhanced: pd.DataFrame, root: Path) -> dict[str, PairNames]:
    """All pairings of the outputs of one image: a superset of what is labelled."""
    found: dict[str, PairNames] = {}
    for image, group in enhanced.groupby("image"):
        for one, two in permutations(list(tables.rows(group)), 2):
            if one.model < two.model and one.sha256 != two.sha256:
                names = PairNames(str(image), _from(root, one.path), _from(root, two.path), one.sha256, two.sha256)
                found.setdefault(pair_key(one.sha256, two.sha256), names)
    return found
