"""Who is named: simulated panels of honest observers, and of one who is random, opposite, or always presses left.

    python -m benchmarks.outliers [--panels 60] [--seed 0]

prints a markdown table of false alarms (share of honest observers named) and of finds, by the difference of the two
pictures of each pair in units of the noise of one perceived quality (models.preference.observers).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import numpy as np

from models.preference.outliers import Answers, Verdict, judge

FAMILIES = ("honest", "random", "opposite", "left")
DIFFERENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
REPEATS = 0.1


def panel(family: str, difference: float, pairs: int, observers: int, random: np.random.Generator) -> Answers:
    """One panel that sees every pair, a tenth of them twice; its observer 0 is of `family`, the others are honest."""
    p = 0.5 * (1 + math.erf(difference / 2))  # Phi(difference / sqrt 2)
    better_low = random.random(pairs) < 0.5
    again = max(8, round(REPEATS * pairs))
    pair = np.concatenate([np.arange(pairs), random.permutation(pairs)[:again]])
    low, sides = [], []
    for observer in range(observers):
        first_left = random.random(pairs) < 0.5
        shown = np.concatenate([first_left, ~first_left[pair[pairs:]]])
        right = random.random(len(pair)) < p
        if observer == 0 and family == "random":
            right = random.random(len(pair)) < 0.5
        if observer == 0 and family == "opposite":
            right = ~right
        chosen = right == better_low[pair]
        low.append(shown if observer == 0 and family == "left" else chosen)
        sides.append(shown)
    return Answers(
        pair=np.tile(pair, observers), observer=np.repeat(np.arange(observers), len(pair)),
        choice=np.where(np.concatenate(low), 0, 1), left_low=np.concatenate(sides),
        seconds=np.full(observers * len(pair), 3.0), repeat=np.tile(np.arange(len(pair)) >= pairs, observers),
        pairs=pairs, observers=observers,
    )  # fmt: skip


def row(
    difference: float, pairs: Sequence[int], observers: Sequence[int], panels: int, random: np.random.Generator
) -> dict[str, float]:
    """Shares of observers: honest ones named, in honest panels (false) and beside a bad one (beside), and those found."""
    named = {"false": [0, 0], "beside": [0, 0], "untold": [0, 0]} | {f: [0, 0] for f in FAMILIES[1:]}
    for family in FAMILIES:
        for number in range(panels):
            size = observers[number % len(observers)]
            verdicts = judge(panel(family, difference, pairs[number % len(pairs)], size, random))
            honest = verdicts if family == "honest" else verdicts[1:]
            _add(named["false" if family == "honest" else "beside"], honest)
            if family == "honest":
                named["untold"][0] += sum(v.untold is not None for v in honest)
                named["untold"][1] += len(honest)
            else:
                _add(named[family], verdicts[:1])
    return {what: count / total for what, (count, total) in named.items()}


def _add(counted: list[int], verdicts: Sequence[Verdict]) -> None:
    counted[0] += sum(bool(v.reasons) for v in verdicts)
    counted[1] += len(verdicts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panels", type=int, default=60, help="simulated panels of each family and row")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    print(
        "| pairs | observers | difference | honest named | beside a bad one | cannot be told | random | opposite | left |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for pairs in (48, 60, 96, 144):
        for observers in (6, 15):
            for difference in DIFFERENCES:
                random = np.random.default_rng([chosen.seed, pairs, observers, round(10 * difference)])
                found = row(difference, [pairs], [observers], chosen.panels, random)
                shown = " | ".join(f"{100 * value:.1f} %" for value in found.values())
                print(f"| {pairs} | {observers} | {difference} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
