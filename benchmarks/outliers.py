"""Who is named: simulated panels of honest observers, and of one who is random, opposite, or always presses left.

    python -m benchmarks.outliers [--panels 60] [--pairs 60 144] [--observers 6 15] [--methods known] [--seed 0]

prints a markdown table of false alarms (share of honest observers named) and of finds, by the difference of the two
pictures of each pair in units of the noise of one perceived quality (models.preference.observers).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import numpy as np

from models.preference.outliers import Answers, judge

FAMILIES = ("honest", "random", "opposite", "left")
DIFFERENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
REPEATS = 0.1


def panel(
    family: str, difference: float, pairs: int, observers: int, known: bool, random: np.random.Generator
) -> Answers:
    """One panel that sees every pair, a tenth of them twice; its observer 0 is of `family`, the others are honest.

    known: the pairs are of six pairs of methods, and the rule is told which; else it knows no methods.
    """
    p = 0.5 * (1 + math.erf(difference / 2))  # Phi(difference / sqrt 2)
    group = np.arange(pairs) % 6
    better_low = (random.random(6) < 0.5)[group] if known else random.random(pairs) < 0.5
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
        pairs=pairs, observers=observers, group=group if known else None,
    )  # fmt: skip


def shares(
    difference: float, pairs: int, observers: int, known: bool, panels: int, random: np.random.Generator
) -> dict[str, float]:
    """Shares of honest observers named in honest panels and beside a bad one; of those for whom it cannot be told; of
    bad ones named, by family.
    """
    counted = {what: [0, 0] for what in ("honest", "beside", "untold", *FAMILIES[1:])}

    def add(what: str, told: Sequence[bool]) -> None:
        counted[what][0] += sum(told)
        counted[what][1] += len(told)

    for family in FAMILIES:
        for _ in range(panels):
            verdicts = judge(panel(family, difference, pairs, observers, known, random))
            named = [bool(verdict.reasons) for verdict in verdicts]
            if family == "honest":
                add("honest", named)
                add("untold", [verdict.untold is not None for verdict in verdicts])
            else:
                add("beside", named[1:])
                add(family, named[:1])
    return {what: count / total for what, (count, total) in counted.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panels", type=int, default=60, help="simulated panels of each family and row")
    parser.add_argument("--pairs", type=int, nargs="+", default=[48, 60, 96, 144])
    parser.add_argument("--observers", type=int, nargs="+", default=[6, 10, 15])
    parser.add_argument("--methods", choices=["both", "known", "unknown"], default="both")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    for known in {"both": (False, True), "known": (True,), "unknown": (False,)}[chosen.methods]:
        print("\nMethods known (results)" if known else "\nPairs alone (the page that watches)")
        print(
            "\n| pairs | people | difference | honest named | beside a bad one | cannot be told | random | opposite | left |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        for pairs in chosen.pairs:
            for people in chosen.observers:
                for difference in DIFFERENCES:
                    random = np.random.default_rng([chosen.seed, pairs, people, round(10 * difference), known])
                    found = shares(difference, pairs, people, known, chosen.panels, random)
                    cells = " | ".join(f"{100 * value:.1f} %" for value in found.values())
                    print(f"| {pairs} | {people} | {difference} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
