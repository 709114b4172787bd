"""Scores with intervals of 10^4, 10^5 and 10^6 votes: seconds and memory, and whether they grow with the votes.

    python -m benchmarks.scaling [--model bradley-terry]

Every item is in 200 votes on average, of 200 observers about 1000 photographs, of random pairs, with ties by Davidson's
model. Time is that of the processor, which other work on the machine does not lengthen; memory the peak of a process of its
own. Beside it choix (if it can be imported: `pip install choix`) finds scores without intervals, ties left out, where its
dense matrices of items by items allow: at most 1000 items here.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable

import numpy as np

from benchmarks.measure import Result, peak_memory
from models.preference.comparisons import FIRST, SECOND, TIE, Comparisons
from models.preference.scaling import scale

SIZES = ((10_000, 100), (100_000, 1_000), (1_000_000, 10_000))
_OBSERVERS, _SCENES, _NU = 200, 1000, 0.25
_MOST_OF_CHOIX = 1_000


def simulated(votes: int, items: int, seed: int = 0) -> tuple[Comparisons, np.ndarray]:
    """Votes, and the true scores (items,), standard normal in units of the logarithm of the odds."""
    random = np.random.default_rng(seed)
    true = random.standard_normal(items)
    first = random.integers(0, items, votes)
    second = (first + random.integers(1, items, votes)) % items
    half = (true[first] - true[second]) / 2
    total = np.exp(half) + np.exp(-half) + _NU
    drawn = random.random(votes)
    choice = np.where(drawn < np.exp(half) / total, FIRST, np.where(drawn > 1 - _NU / total, TIE, SECOND))
    names = (tuple(map(str, range(count))) for count in (items, _OBSERVERS, _SCENES))
    return Comparisons(
        items=next(names), observers=next(names), scenes=next(names), first=first, second=second, choice=choice,
        observer=random.integers(0, _OBSERVERS, votes), scene=random.integers(0, _SCENES, votes),
    ), true  # fmt: skip


def score(votes: str, items: str, model: str) -> None:
    scale(simulated(int(votes), int(items))[0], model)


def by_choix(comparisons: Comparisons) -> np.ndarray:
    """(M,) scores by choix's iterative Luce spectral ranking."""
    import choix

    told = comparisons.choice != TIE
    first, second = comparisons.first[told], comparisons.second[told]
    won = comparisons.choice[told] == FIRST
    winners, losers = np.where(won, first, second), np.where(won, second, first)
    return np.asarray(choix.ilsr_pairwise(len(comparisons.items), list(zip(winners, losers, strict=True)), alpha=1e-3))


def results(repeats: int, model: str = "bradley-terry") -> list[Result]:
    """Rows of `make bench`: each size beside ten times the one before, its memory, and choix where that can be imported."""
    found: list[Result] = []
    before: float | None = None
    for votes, items in SIZES:
        comparisons, true = simulated(votes, items)
        seconds = _least(lambda c=comparisons: scale(c, model), repeats)  # type: ignore[misc]
        name = f"scores with intervals, {votes:,} votes, {items:,} items"
        if before is not None:
            found.append(Result(name, seconds, "CPU s", 10 * before, "ten times a tenth", seconds / (10 * before)))
        before = seconds
        peak, own = peak_memory("benchmarks.scaling", "score", str(votes), str(items), model)
        found.append(Result(f"{name}: memory", peak, "MB", own, "of the imports", peak / own))
        if importlib.util.find_spec("choix") is not None and items <= _MOST_OF_CHOIX:
            other = _least(lambda c=comparisons: by_choix(c), 1)  # type: ignore[misc]
            found.append(
                Result(f"{name}, beside choix", seconds, "CPU s", other, "choix, no intervals", seconds / other)
            )
            ours, theirs = (
                np.corrcoef(one, true)[0, 1] for one in (scale(comparisons, model).scores, by_choix(comparisons))
            )
            found.append(Result(f"{name}: correlation with the truth", ours, "", theirs, "choix", ours / theirs))
    return found


def _least(call: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(max(1, repeats)):
        begun = time.process_time()
        call()
        times.append(time.process_time() - begun)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="bradley-terry", help="bradley-terry or thurstone")
    parser.add_argument("--repeats", type=int, default=1)
    chosen = parser.parse_args()
    for row in results(chosen.repeats, chosen.model):
        print(
            f"| {row.name} | {row.value:.4g} {row.unit} | {row.other_name}: {row.other:.4g} | {row.ratio:.2f} |",
            flush=True,
        )
    if importlib.util.find_spec("choix") is None:
        print("choix cannot be imported: no rows beside it (`pip install choix`)")


if __name__ == "__main__":
    main()
