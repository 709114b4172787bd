"""What a table of votes says: scores, tests between items, observers, and scenes each for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelling.exchange.vote_columns import VoteFileError
from labelling.exchange.vote_files import VoteFile
from models.preference.comparisons import FIRST, TIE, UNKNOWN, Comparisons
from models.preference.outliers import Answers, Verdict, judge
from models.preference.resampling import Drawn, bootstrap
from models.preference.scaling import Scores, scale
from models.preference.significance import MOST, Difference, differences, letters

_MOST_CELLS = 10_000_000  # items of a scene squared, over scenes, beyond which scenes are not scored each for itself
_MOST_JUDGED = 20_000_000  # votes times observers, beyond which people are not judged


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaled:
    """differences, letters: empty for more than `MOST` items; drawn: of --bootstrap; people: one a person; scenes: name ->
    scores of its votes alone, empty for one scene, or where they are too many; warnings: what must be known, each a sentence.
    """

    comparisons: Comparisons
    scores: Scores
    differences: tuple[Difference, ...]
    letters: tuple[str, ...]
    drawn: Drawn | None
    people: tuple[Person, ...]
    scenes: dict[str, Scores]
    warnings: tuple[str, ...]

    @property
    def intervals(self) -> tuple[np.ndarray, np.ndarray]:
        """(M,) bounds: of the bootstrap where it was asked for."""
        return (self.scores.low, self.scores.high) if self.drawn is None else (self.drawn.low, self.drawn.high)

    @property
    def order(self) -> np.ndarray:
        """(M,) places of items, the best first."""
        return np.argsort(-self.scores.scores, kind="stable")


@dataclass(frozen=True, kw_only=True)
class Person:
    """Of one observer: votes and ties; left: votes for the left one, of `sided`; agreed: as most of the others on the same two
    items of the same scene, of `shared`; as_scores: for the item of the higher score, of `decided`; same: repeats answered as
    before, of `repeats`.
    """

    name: str
    votes: int
    ties: int
    left: int
    sided: int
    agreed: int
    shared: int
    as_scores: int
    decided: int
    same: int
    repeats: int
    verdict: Verdict | None


def scaled(
    votes: VoteFile, model: str = "thurstone", ties: str | None = None, draws: int = 0, without: Sequence[str] = ()
) -> Scaled:
    """Raises VoteFileError: a name in `without` that has no votes, or nobody left."""
    comparisons = _without(votes.comparisons, without)
    scores = scale(comparisons, model, ties)
    found = differences(scores, comparisons) if len(scores.items) <= MOST else ()
    units = _units(comparisons)
    verdicts = _verdicts(comparisons, units)
    return Scaled(
        comparisons=comparisons, scores=scores, differences=found, letters=letters(len(scores.items), found) if found else (),
        drawn=bootstrap(scores, comparisons, draws) if draws else None, people=_people(comparisons, scores, units, verdicts),
        scenes=_scenes(comparisons, model, ties), warnings=_warnings(comparisons, scores, units, verdicts),
    )  # fmt: skip


def _without(comparisons: Comparisons, names: Sequence[str]) -> Comparisons:
    if missing := [name for name in names if name not in comparisons.observers]:
        known = ", ".join(comparisons.observers[:20])
        raise VoteFileError(f"nobody called {missing[0]!r} voted; who did: {known}")
    gone = [comparisons.observers.index(name) for name in names]
    left = comparisons.where(~np.isin(comparisons.observer, gone))
    if not len(left):
        raise VoteFileError(f"there are no votes of others than {', '.join(names)}; leave fewer people out")
    return left


@dataclass(frozen=True, eq=False)
class _Units:
    """Two items on a scene. unit: (N,) which each vote is of; pair: (U,) which two items; low: (N,) whether the lower item was
    preferred, ties False; again: (N,) asked of this observer before."""

    unit: np.ndarray
    pair: np.ndarray
    low: np.ndarray
    again: np.ndarray
    count: int


def _units(comparisons: Comparisons) -> _Units:
    first, second = comparisons.first.astype(np.int64), comparisons.second.astype(np.int64)
    pair = np.minimum(first, second) * len(comparisons.items) + np.maximum(first, second)
    pair = np.unique(pair, return_inverse=True)[1].reshape(-1)
    pairs = int(pair.max()) + 1
    codes, unit = np.unique(comparisons.scene.astype(np.int64) * pairs + pair, return_inverse=True)
    unit = unit.reshape(-1)
    low = (comparisons.choice != TIE) & ((comparisons.choice == FIRST) == (first < second))
    asked = unit * len(comparisons.observers) + comparisons.observer
    again = np.ones(len(comparisons), dtype=bool)
    again[np.unique(asked, return_index=True)[1]] = False
    return _Units(unit, codes % pairs, low, again, len(codes))


def _verdicts(comparisons: Comparisons, units: _Units) -> list[Verdict] | None:
    """A verdict on each observer; None where there is one, or too much to judge."""
    people = len(comparisons.observers)
    if len(np.unique(comparisons.observer)) < 2 or len(comparisons) * people > _MOST_JUDGED:
        return None
    sides = (comparisons.left != UNKNOWN).all()
    first_low = comparisons.first < comparisons.second
    answers = Answers(
        pair=units.unit, observer=comparisons.observer,
        choice=np.where(comparisons.choice == TIE, 2, np.where(units.low, 0, 1)),
        left_low=(comparisons.left == FIRST) == first_low if sides else np.ones(len(comparisons), dtype=bool),
        seconds=np.full(len(comparisons), np.nan), repeat=units.again, pairs=units.count, observers=people,
        group=units.pair if len(comparisons.scenes) > 1 else None,
    )  # fmt: skip
    return judge(answers)


def _people(
    comparisons: Comparisons, scores: Scores, units: _Units, verdicts: list[Verdict] | None
) -> tuple[Person, ...]:
    who, many = comparisons.observer, len(comparisons.observers)
    sign = np.where(comparisons.choice == TIE, 0, np.where(units.low, 1, -1))
    others = np.bincount(units.unit, sign, units.count)[units.unit] - sign
    ahead = np.sign(scores.scores[comparisons.first] - scores.scores[comparisons.second])
    said = np.where(comparisons.choice == TIE, 0, np.where(comparisons.choice == FIRST, 1, -1))
    # The first answer to each, of the same person: sorted stably, the one before the repeats.
    asked = units.unit * many + who
    _, begun, of = np.unique(asked, return_index=True, return_inverse=True)
    same = units.again & (sign == sign[begun[of.reshape(-1)]])

    def count(mask: np.ndarray) -> list[int]:
        return [int(number) for number in np.bincount(who[mask], minlength=many)]

    decided, sided = said != 0, (comparisons.left != UNKNOWN) & (said != 0)
    shared = decided & (others != 0)
    table = zip(
        count(np.ones(len(who), dtype=bool)), count(~decided), count(sided & (comparisons.choice == comparisons.left)),
        count(sided), count(shared & (np.sign(others) == sign)), count(shared), count(decided & (ahead == said)), count(decided),
        count(same), count(units.again), strict=True,
    )  # fmt: skip
    names = ("votes", "ties", "left", "sided", "agreed", "shared", "as_scores", "decided", "same", "repeats")
    return tuple(
        Person(
            name=comparisons.observers[k],
            verdict=None if verdicts is None else verdicts[k],
            **dict(zip(names, row, strict=True)),
        )
        for k, row in enumerate(table)
        if row[0]
    )


def _scenes(comparisons: Comparisons, model: str, ties: str | None) -> dict[str, Scores]:
    used = np.unique(comparisons.scene)
    if len(used) < 2 or _cells(comparisons) > _MOST_CELLS:
        return {}
    order = np.argsort(comparisons.scene, kind="stable")
    parts = np.split(order, np.searchsorted(comparisons.scene[order], used[1:]))
    found = {}
    for scene, rows in zip(used, parts, strict=True):
        part = comparisons.where(rows)
        items, place = np.unique(np.concatenate([part.first, part.second]), return_inverse=True)
        first, second = np.split(place.reshape(-1), 2)
        own = Comparisons(
            items=tuple(comparisons.items[i] for i in items), observers=part.observers, scenes=part.scenes, first=first,
            second=second, choice=part.choice, observer=part.observer, scene=part.scene, left=part.left,
        )  # fmt: skip
        found[comparisons.scenes[scene]] = scale(own, model, ties)
    return found


def _cells(comparisons: Comparisons) -> int:
    items = np.concatenate([comparisons.first, comparisons.second]).astype(np.int64)
    codes = np.unique(np.tile(comparisons.scene.astype(np.int64), 2) * len(comparisons.items) + items)
    return int((np.bincount(codes // len(comparisons.items)).astype(np.int64) ** 2).sum())


def _warnings(
    comparisons: Comparisons, scores: Scores, units: _Units, verdicts: list[Verdict] | None
) -> tuple[str, ...]:
    said = list(scores.cautions)
    if scores.observers == 1:
        said.append("all votes are one observer's: how others would answer cannot be told, and nobody can be judged")
    elif verdicts is None:
        said.append("observers are not judged: there are too many votes and observers for it")
    if scores.scenes == 1:
        said.append("all votes are about one photograph: how scores differ on others cannot be told")
    if units.again.any():
        sign = np.where(comparisons.choice == TIE, 0, np.where(units.low, 1, -1))
        asked = units.unit * len(comparisons.observers) + comparisons.observer
        _, begun, of = np.unique(asked, return_index=True, return_inverse=True)
        against = int((sign != sign[begun[of.reshape(-1)]]).sum())
        again = int(units.again.sum())
        if scores.observers > 1 or scores.scenes > 1:
            said.append(
                f"{again} answers are of an observer who had answered the same question before, {against} of them otherwise; "
                "all of them count"
            )
    if len(scores.items) > MOST:
        said.append(f"every two items are tested where there are at most {MOST}, and here are {len(scores.items)}")
    if scores.scenes > 1 and _cells(comparisons) > _MOST_CELLS:
        said.append("scenes have no scores of their own: there are too many items and scenes for it")
    return tuple(said)
