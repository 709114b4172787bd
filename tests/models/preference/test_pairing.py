from __future__ import annotations

from collections import Counter

import pytest

from models.preference.pairing import all_pairings, balanced_pairings


def test_all_pairings_of_the_papers_study() -> None:
    found = all_pairings(40, 9)
    assert sum(len(pairs) for pairs in found) == 1440
    assert len(set(found[0])) == 36


@pytest.mark.parametrize(("photos", "methods", "per_photo"), [(40, 9, 6), (7, 4, 1), (10, 5, 3), (3, 3, 3), (50, 2, 1)])
def test_a_subset_is_balanced(photos: int, methods: int, per_photo: int) -> None:
    found = balanced_pairings(photos, methods, per_photo, seed=5)
    assert [len(set(pairs)) for pairs in found] == [per_photo] * photos
    pairings = Counter(pair for pairs in found for pair in pairs)
    possible = methods * (methods - 1) // 2
    counts = [pairings[pair] for pair in pairings] + [0] * (possible - len(pairings))
    assert max(counts) - min(counts) <= 1
    turns = Counter(method for pairs in found for pair in pairs for method in pair)
    assert max(turns.values()) - min(turns[m] for m in range(methods)) <= methods


def test_methods_take_turns_within_a_photo() -> None:
    """Two pairs of four methods: at first nobody comes twice on one photo."""
    (pairs,) = balanced_pairings(1, 4, 2)
    assert sorted(method for pair in pairs for method in pair) == [0, 1, 2, 3]


def test_the_same_seed_gives_the_same_study() -> None:
    assert balanced_pairings(12, 6, 4, seed=1) == balanced_pairings(12, 6, 4, seed=1)
    assert balanced_pairings(12, 6, 4, seed=1) != balanced_pairings(12, 6, 4, seed=2)


@pytest.mark.parametrize(("photos", "methods", "per_photo"), [(1, 3, 0), (1, 3, 4), (0, 3, 1), (1, 1, 1)])
def test_impossible_studies_are_refused(photos: int, methods: int, per_photo: int) -> None:
    with pytest.raises(ValueError, match=r"pairings a photo|at least two methods"):
        balanced_pairings(photos, methods, per_photo)
