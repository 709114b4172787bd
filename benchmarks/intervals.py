"""Do the 95 % intervals of a study's scores cover, where votes share observers and photographs?

    python -m benchmarks.intervals [--studies 500] [--seed 0] [--bootstrap 100]

simulates studies of four methods: a method's quality on a photograph is its own plus a part that this photograph shares
(standard deviation 0.5) and a part that this observer shares (0.4), in units of the noise of a difference. Prints, for
each size, how often the intervals of independent votes and those of models.preference.clustered hold the true score
(that of infinitely many photographs and observers), as a markdown table; with --bootstrap also that of
models.preference.resampling, of so many draws.
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from models.preference.clustered import independent_errors
from models.preference.comparisons import FIRST, SECOND, Comparisons
from models.preference.resampling import bootstrap
from models.preference.scaling import Scores, scale

QUALITY = np.array([0.45, 0.15, -0.15, -0.45])
NAMES = tuple("abcd")
SIZES = ((12, 6), (12, 10), (12, 15), (24, 6), (24, 10), (24, 15))


def simulated(photos: int, observers: int, photo: float, observer: float, random: np.random.Generator) -> Comparisons:
    """The votes of every observer on every pair of methods on every photograph."""
    size = len(QUALITY)
    of_photo = photo * random.standard_normal((photos, size))
    of_observer = observer * random.standard_normal((observers, size))
    first, second = np.tril_indices(size, -1)
    shape = (photos, len(first), observers)
    quality = QUALITY + of_photo
    difference = (quality[:, first] - quality[:, second])[..., None]
    seen = difference + (of_observer[:, first] - of_observer[:, second]).T + random.standard_normal(shape)
    scene, pair, person = (place.ravel() for place in np.indices(shape))
    return Comparisons(
        items=NAMES, observers=tuple(map(str, range(observers))), scenes=tuple(map(str, range(photos))), first=first[pair],
        second=second[pair], choice=np.where(seen.ravel() > 0, FIRST, SECOND), observer=person, scene=scene,
    )  # fmt: skip


def true_scores(photo: float, observer: float) -> np.ndarray:
    """(4,) what Thurstone's model finds with endless votes: the spreads add to the noise of a difference."""
    return QUALITY / math.sqrt(1 + 2 * photo**2 + 2 * observer**2)


def covered(found: Scores, true: np.ndarray) -> tuple[int, int]:
    """How many scores the clustered intervals hold, and how many those of independent votes hold."""
    plain = 1.96 * independent_errors(found.fit)
    return int(((found.low <= true) & (true <= found.high)).sum()), int((abs(found.scores - true) <= plain).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--photo", type=float, default=0.5)
    parser.add_argument("--observer", type=float, default=0.4)
    parser.add_argument("--bootstrap", type=int, default=0, help="draws; 0 leaves its column out")
    chosen = parser.parse_args()
    true = true_scores(chosen.photo, chosen.observer)
    print(f"| photographs | observers | independent votes | clustered |{' bootstrap |' if chosen.bootstrap else ''}")
    print(f"|---|---|---|---|{'---|' if chosen.bootstrap else ''}")
    for photos, observers in SIZES:
        random = np.random.default_rng([chosen.seed, photos, observers])
        counted, drawn = np.zeros(2), 0
        for _ in range(chosen.studies):
            votes = simulated(photos, observers, chosen.photo, chosen.observer, random)
            found = scale(votes)
            counted += covered(found, true)
            if chosen.bootstrap:
                by_draws = bootstrap(found, votes, chosen.bootstrap)
                drawn += int(((by_draws.low <= true) & (true <= by_draws.high)).sum())
        clustered, plain = 100 * counted / (chosen.studies * len(QUALITY))
        last = f" {100 * drawn / (chosen.studies * len(QUALITY)):.1f} % |" if chosen.bootstrap else ""
        print(f"| {photos} | {observers} | {plain:.1f} % | {clustered:.1f} % |{last}", flush=True)


if __name__ == "__main__":
    main()
