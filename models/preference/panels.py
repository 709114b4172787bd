"""Simulated studies, many at once: methods of known quality, photographs and observers that differ, lapses.

What a method makes of a photograph is its quality, a part that this photograph shares and a part that this observer shares,
and Thurstone's noise of a difference (Case V: standard deviation 1, the unit of everything here). One just-objectionable
difference (JOD), where three of four prefer the better one, is 0.6745 of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import ndtri

from models.preference.adaptive import Posterior, gains, posterior
from models.preference.comparisons import Comparisons

JOD = float(ndtri(0.75))
PHOTO_SPREAD, OBSERVER_SPREAD, LAPSE = 0.5, 0.4, 0.02


@dataclass(frozen=True, eq=False)
class Panel:
    """S studies of M methods, P photographs and O observers. quality: (S, M); of_photo: (S, P, M); of_observer: (S, O, M).

    lapse: chance of a random answer.
    """

    quality: np.ndarray
    of_photo: np.ndarray
    of_observer: np.ndarray
    lapse: float

    @classmethod
    def drawn(
        cls, quality: np.ndarray, studies: int, photos: int, observers: int, random: np.random.Generator,
        spreads: tuple[float, float] = (PHOTO_SPREAD, OBSERVER_SPREAD), lapse: float = LAPSE, centred: bool = False,
    ) -> Self:  # fmt: skip
        """Methods in an order drawn anew for each study. spreads: standard deviations of photographs and of observers.

        quality: (M,). centred: the photographs and the observers of a study balance, so that its true order is that of
        `quality` and not only that of endless photographs and observers.
        """
        size = len(quality)
        parts = [spread * random.standard_normal((studies, count, size)) for spread, count in
                 zip(spreads, (photos, observers), strict=True)]  # fmt: skip
        if centred:
            parts = [part - part.mean(1, keepdims=True) for part in parts]
        mixed = random.permuted(np.broadcast_to(quality - np.mean(quality), (studies, size)), axis=1)
        return cls(mixed, parts[0], parts[1], lapse)

    def answers(
        self, first: np.ndarray, second: np.ndarray, photo: np.ndarray, observer: np.ndarray,
        random: np.random.Generator,
    ) -> np.ndarray:  # fmt: skip
        """(S, N) bool, whether the first is preferred, of S rows of N votes by places of methods, photo and observer."""
        study = np.arange(len(self.quality))[:, None]
        seen = random.standard_normal(first.shape)
        for sign, method in ((1, first), (-1, second)):
            seen += sign * (
                self.quality[study, method]
                + self.of_photo[study, photo, method]
                + self.of_observer[study, observer, method]
            )
        guess = random.random(first.shape)
        return np.where(random.random(first.shape) < self.lapse, guess < 0.5, seen > 0)


def quality_of(differences: np.ndarray, spreads: tuple[float, float] = (PHOTO_SPREAD, OBSERVER_SPREAD)) -> np.ndarray:
    """(M,) qualities whose neighbours are preferred as `differences` (M - 1,) in JOD say, over photographs and observers.

    The spreads of two methods add to the noise of a difference, so that on one photograph they differ by more.
    """
    noise = np.sqrt(1 + 2 * spreads[0] ** 2 + 2 * spreads[1] ** 2)
    return np.concatenate([[0.0], np.cumsum(np.asarray(differences, dtype=float))]) * JOD * noise


@dataclass(frozen=True, eq=False)
class Votes:
    """(S, N) of S studies, in the order cast: places of methods, photograph and observer, and whether the first won."""

    first: np.ndarray
    second: np.ndarray
    photo: np.ndarray
    observer: np.ndarray
    won: np.ndarray

    def wins(self, size: int, until: int | None = None) -> np.ndarray:
        """(S, M, M) counts of the first `until` votes."""
        first, second, won = self.first[:, :until], self.second[:, :until], self.won[:, :until]
        studies = np.arange(len(first))[:, None]
        cells = (studies * size + np.where(won, first, second)) * size + np.where(won, second, first)
        counts = np.bincount(cells.reshape(-1), minlength=len(first) * size * size)
        return counts.reshape(len(first), size, size).astype(float)

    def comparisons(self, study: int, size: int, photos: int, observers: int) -> Comparisons:
        """The votes of one study."""
        return Comparisons(
            items=tuple(f"method {i + 1}" for i in range(size)), observers=tuple(map(str, range(observers))),
            scenes=tuple(map(str, range(photos))), first=self.first[study], second=self.second[study],
            choice=1 - self.won[study].astype(np.int8), observer=self.observer[study], scene=self.photo[study],
        )  # fmt: skip


def cast(
    panel: Panel, kinds: np.ndarray, photo: np.ndarray, observer: np.ndarray, random: np.random.Generator
) -> Votes:
    """Votes on pairs of methods given by place, `kinds`, among itertools.combinations; all (S, N)."""
    first, second = (ends[kinds] for ends in np.triu_indices(panel.quality.shape[1], 1))
    return Votes(first, second, photo, observer, panel.answers(first, second, photo, observer, random))


def adaptive_votes(
    panel: Panel,
    votes: int,
    goal: str,
    random: np.random.Generator,
    together: int = 1,
    gain: Callable[[Posterior, str], np.ndarray] = gains,
) -> Votes:
    """`votes` votes of each study, each pair of methods chosen by those before; `together` at a time, on the same pair.

    Photographs take turns within a pair of methods; nobody sees the same two pictures twice. gain: see adaptive.gains.
    """
    studies, size = panel.quality.shape
    photos, observers = panel.of_photo.shape[1], panel.of_observer.shape[1]
    pairs = size * (size - 1) // 2
    turn = np.argsort(random.random((studies, pairs, photos)), axis=-1)
    begin = random.integers(0, observers, (studies, pairs))
    used = np.zeros((studies, pairs), dtype=int)
    wins, start = np.zeros((studies, size, size)), np.zeros((studies, size))
    row = np.arange(studies)
    parts: list[Votes] = []
    while (left := votes - sum(part.won.shape[1] for part in parts)) > 0:
        found = posterior(wins, start=start)
        start = found.mean
        worth = gain(found, goal)
        worth = np.where(used >= photos * observers, -1.0, worth)
        kind = np.lexsort((random.random(worth.shape), -worth), axis=-1)[:, 0]
        count = min(together, left)
        use = used[row, kind][:, None] + np.arange(count)
        place = use % photos
        observer = (begin[row, kind][:, None] + use // photos + place) % observers
        photo = turn[row[:, None], kind[:, None], place]
        part = cast(panel, np.repeat(kind[:, None], count, axis=1), photo, observer, random)
        used[row, kind] += count
        wins += part.wins(size)
        parts.append(part)
    return Votes(*(np.concatenate([getattr(part, name) for part in parts], axis=1) for name in Votes.__annotations__))
