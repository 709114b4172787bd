"""Which photo and files a pair of the store stands for, where that is known: of studies by their manifests.

The store itself knows pictures by content only. Where nothing is known of a pair its pictures go by their sha256.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from labelling.exchange import manifest


@dataclass(frozen=True)
class PairNames:
    """A pair as its maker calls it; `first` and `second` are files."""

    image: str
    first: str
    second: str
    first_sha256: str
    second_sha256: str


NamesOf = Callable[[str], dict[str, PairNames]]


def names_of_study(round: str) -> dict[str, PairNames]:
    """Pair key -> names, for the pairs of a study of this project; none for another round."""
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
    return {}
