"""Which photo and files a pair of the store stands for: from the pipeline's tables and the manifests of studies.

The store itself knows pictures by content only. Where nothing is known of a pair its pictures go by their sha256.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

from labelling import manifest
from labelling.connection import project_root
from labelling.records import pair_key
from pictures import FileFault, check_regular

MAX_TABLE = 1 << 30


@dataclass(frozen=True)
class PairNames:
    """A pair as its maker calls it; `first` and `second` are files."""

    image: str
    first: str
    second: str
    first_sha256: str
    second_sha256: str


def names_of(round: str) -> dict[str, PairNames]:
    """Pair key -> names, for the pairs of `round` whose origin is known in this project."""
    study = manifest.find(round)
    if study is not None:
        files = {(picture.method, picture.photo): picture.file for picture in study.pictures}
        return {
            pair.key: PairNames(
                pair.photo,
                files[pair.first_method, pair.photo],
                files[pair.second_method, pair.photo],
                pair.first_sha256,
                pair.second_sha256,
            )
            for pair in study.pairs
        }
    data = project_root() / "data"
    if round == manifest.VALIDATION:
        return _validation(data / "evaluate" / "enhanced.parquet")
    return {
        row["key"]: PairNames(row["image"], row["first"], row["second"], row["first_sha256"], row["second_sha256"])
        for row in _rows(data / "pairs" / round / "pairs.parquet")
    }


def _validation(path: Path) -> dict[str, PairNames]:
    """All pairings of the outputs of one image: a superset of what is labelled."""
    by_image: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(path):
        by_image.setdefault(row["image"], []).append(row)
    found: dict[str, PairNames] = {}
    for image, rows in by_image.items():
        for one, two in permutations(rows, 2):
            if one["model"] < two["model"] and one["sha256"] != two["sha256"]:
                key = pair_key(one["sha256"], two["sha256"])
                found.setdefault(key, PairNames(image, one["path"], two["path"], one["sha256"], two["sha256"]))
    return found


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a table of the pipeline; none where it is not there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        check_regular(path, MAX_TABLE)
        rows: list[dict[str, Any]] = pq.read_table(path, partitioning=None).to_pylist()
    except (FileFault, OSError, pa.ArrowInvalid):
        return []
    return rows
