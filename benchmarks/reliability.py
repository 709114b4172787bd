"""What reliability recovers beside majority, and whether two tastes are seen: simulated panels with known truth.

    python -m benchmarks.reliability [--panels 20] [--seed 0] [--part pairs methods tastes alarms]

prints markdown tables. Pairs alone are what the rounds ask (pictures in one pair each), methods what a study asks (six methods on
photographs). Truth: differences of pairs are normal with standard deviation 1 in units of the noise of a difference; honest
observers' sensitivity is lognormal (0.3), they lapse in 2 % and lean a little to a side. Nothing here is drawn from the grid
that the estimator believes in.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from scipy.stats import kendalltau

from models.preference.comparisons import Comparisons
from models.preference.reliability import reliability
from models.preference.tastes import agreed, tastes

FAMILIES = ("honest", "careless", "left", "opposite", "taste", "colluding")
"""Of the bad observers: guess in 9 of 10; prefer the left one; prefer the contrary; have another taste (unrelated differences);
agreed on an answer for each pair."""
SIZES = ((6, 3, 100), (10, 10, 60), (15, 3, 300))
"""Observers, votes a pair, pairs alone."""
STUDIES = ((6, 6), (10, 10))
"""Observers, photographs; every observer sees each pair of six methods on each photograph."""
SHARES = (0.1, 0.2, 0.3, 0.4)
METHODS = 6


@dataclass(frozen=True)
class Panel:
    """difference: of each pair (P,), or scores of the methods. bad: names of the bad observers."""

    truth: np.ndarray
    compared: Comparisons
    bad: frozenset[str]


def observers_of(family: str, observers: int, bad: int, random: np.random.Generator) -> tuple[np.ndarray, ...]:
    """sensitivity, bias, lapse (O,); the first `bad` observers are of the family."""
    sensitivity, bias = np.exp(random.normal(0, 0.3, observers)), random.normal(0, 0.1, observers)
    lapse, first = np.full(observers, 0.02), slice(0, bad)
    if family == "careless":
        lapse[first] = 0.9
    elif family == "left":
        bias[first] = 2.0
    elif family == "opposite":
        sensitivity[first] *= -1
    return sensitivity, bias, lapse


def seen_by(family: str, difference: np.ndarray, other: np.ndarray, observers: int, bad: int) -> np.ndarray:
    """(O, P): the differences that each observer sees. other: of the other taste."""
    seen = np.tile(difference, (observers, 1))
    if family == "taste":
        seen[:bad] = other
    elif family == "colluding":
        seen[:bad] = 3.0 * np.sign(other)
    return seen


def answered(
    seen: np.ndarray, of: tuple[np.ndarray, ...], observer: np.ndarray, pair: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """choice and left (N,) of these observers on these pairs."""
    sensitivity, bias, lapse = of
    left = random.integers(0, 2, len(observer))
    shift = np.where(left == 0, 1, -1) * bias[observer]
    first = lapse[observer] / 2 + (1 - lapse[observer]) * ndtr(sensitivity[observer] * seen[observer, pair] + shift)
    return (random.random(len(observer)) >= first).astype(int), left.astype(np.int8)


def pairs_panel(
    family: str, observers: int, votes: int, pairs: int, share: float, random: np.random.Generator, spread: float = 0.0
) -> Panel:
    """Pairs alone, each answered by `votes` observers. spread: of the differences as each observer sees them."""
    bad = round(share * observers)
    difference, other = random.normal(0, 1, (2, pairs))
    of = observers_of(family, observers, bad, random)
    observer = np.concatenate([random.permutation(observers)[:votes] for _ in range(pairs)])
    pair = np.repeat(np.arange(pairs), votes)
    seen = seen_by(family, difference, other, observers, bad) + spread * random.standard_normal((observers, pairs))
    choice, left = answered(seen, of, observer, pair, random)
    names = tuple(f"o{place:02d}" for place in range(observers))
    compared = Comparisons(
        items=("first", "second"), observers=names, scenes=tuple(f"{place:04d}" for place in range(pairs)),
        first=np.zeros(len(pair), dtype=int), second=np.ones(len(pair), dtype=int), choice=choice, observer=observer,
        scene=pair, left=left,
    )  # fmt: skip
    return Panel(difference, compared, frozenset(names[:bad]))


def study_panel(
    family: str, observers: int, photos: int, share: float, random: np.random.Generator, spread: float = 0.0
) -> Panel:
    """Every observer sees each pair of methods on each photograph, which shifts the methods by 0.3. spread: of each observer's
    taste about the methods.
    """
    bad = round(share * observers)
    scores, other = random.normal(0, 0.5, (2, METHODS))
    i, j = np.triu_indices(METHODS, 1)
    first, second, scene = np.tile(i, photos), np.tile(j, photos), np.repeat(np.arange(photos), len(i))
    shifts = random.normal(0, 0.3, (photos, METHODS))
    of_photo = shifts[scene, first] - shifts[scene, second]
    of = observers_of(family, observers, bad, random)
    seen = seen_by(
        family, scores[first] - scores[second] + of_photo, other[first] - other[second] + of_photo, observers, bad
    )
    own = random.normal(0, spread, (observers, METHODS))
    seen = seen + own[:, first] - own[:, second]
    pair, observer = np.tile(np.arange(len(first)), observers), np.repeat(np.arange(observers), len(first))
    choice, left = answered(seen, of, observer, pair, random)
    names = tuple(f"o{place:02d}" for place in range(observers))
    compared = Comparisons(
        items=tuple(f"m{place}" for place in range(METHODS)), observers=names,
        scenes=tuple(f"{place:04d}" for place in range(photos)), first=first[pair], second=second[pair], choice=choice,
        observer=observer, scene=scene[pair], left=left,
    )  # fmt: skip
    return Panel(scores, compared, frozenset(names[:bad]))


def of_pairs(panel: Panel) -> dict[str, float]:
    """Right winners by majority (a balanced pair is half right), by reliability where all are of one taste, and by
    `agreed`, as labels.consensus: reliability has it; and of what a judge is taught: the pairs that have a majority, and pairs
    drawn by their weight.
    """
    better = panel.truth > 0
    balance = np.bincount(panel.compared.scene, np.where(panel.compared.choice == 0, 1.0, -1.0), len(better))
    majority = np.where(balance == 0, 0.5, (balance > 0) == better)
    found, _ = agreed(panel.compared)
    one = (reliability(panel.compared).preferred > 0.5) == better
    right = (found.preferred > 0.5) == better
    return {
        "majority": float(majority.mean()), "one taste": float(one.mean()), "reliability": float(right.mean()),
        "taught by majority": float(majority[balance != 0].mean()),
        "taught by reliability": float(np.average(right, weights=2 * found.confidence - 1)),
    }  # fmt: skip


def of_methods(panel: Panel) -> dict[str, float]:
    """Kendall's tau of the true order: by the share of votes won, and by reliability's scores."""
    wins = panel.compared.wins()
    one, (found, _) = reliability(panel.compared, pooled=True), agreed(panel.compared, pooled=True)
    shares = wins.sum(1) / (wins + wins.T).sum(1)
    return {
        "votes": float(kendalltau(shares, panel.truth).statistic),
        "one taste": float(kendalltau(one.scores, panel.truth).statistic),
        "reliability": float(kendalltau(found.scores, panel.truth).statistic),
    }


def shares_of(family: str, observers: int) -> list[float]:
    """Shares of bad observers, those of one number of them once."""
    return [0.0] if family == "honest" else sorted({round(share * observers) / observers for share in SHARES})


def print_pairs(panels: int, seed: int) -> None:
    print(
        "\n| people | votes | pairs | bad | share | majority | one taste | reliability | majority teaches | reliability teaches |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for observers, votes, pairs in SIZES:
        for family in FAMILIES:
            for share in shares_of(family, observers):
                random = np.random.default_rng([seed, observers, votes, FAMILIES.index(family), round(100 * share)])
                rows = [of_pairs(pairs_panel(family, observers, votes, pairs, share, random)) for _ in range(panels)]
                means = [100 * np.mean([row[name] for row in rows]) for name in rows[0]]
                bad = f"{round(share * observers)} of {observers}"
                print(f"| {observers} | {votes} | {pairs} | {family} | {bad} | ", end="")
                print(" | ".join(f"{mean:.1f} %" for mean in means), "|", flush=True)


def print_methods(panels: int, seed: int) -> None:
    print("\n| people | photographs | bad | share | votes won | one taste | reliability |")
    print("|---|---|---|---|---|---|---|")
    for observers, photos in STUDIES:
        for family in FAMILIES:
            for share in shares_of(family, observers):
                random = np.random.default_rng([seed, observers, photos, FAMILIES.index(family), round(100 * share)])
                rows = [of_methods(study_panel(family, observers, photos, share, random)) for _ in range(panels)]
                means = [np.mean([row[name] for row in rows]) for name in rows[0]]
                print(f"| {observers} | {photos} | {family} | {round(share * observers)} of {observers} | ", end="")
                print(" | ".join(f"{mean:.2f}" for mean in means), "|", flush=True)


def print_tastes(panels: int, seed: int) -> None:
    """How often two tastes are said where there are, and how often with exactly the right groups."""
    print("\n| asked | people | bad | share | two tastes said | exactly the right groups |")
    print("|---|---|---|---|---|---|")
    for asked, sizes in (("pairs", SIZES), ("methods", STUDIES)):
        for size in sizes:
            for family in ("taste", "colluding", "opposite"):
                for share in shares_of(family, size[0]):
                    if round(share * size[0]) < 2:
                        continue
                    random = np.random.default_rng([seed, *size, FAMILIES.index(family), round(100 * share), 1])
                    told, right = 0, 0
                    for _ in range(panels):
                        panel = _panel(asked, family, size, share, random)
                        found = tastes(panel.compared, pooled=asked == "methods")
                        told += bool(found.groups)
                        right += any(frozenset(group) == panel.bad for group in found.groups)
                    bad = f"{round(share * size[0])} of {size[0]}"
                    print(f"| {_asked(asked, size)} | {size[0]} | {family} | {bad} | ", end="")
                    print(f"{100 * told / panels:.0f} % | {100 * right / panels:.0f} % |", flush=True)


def print_alarms(panels: int, seed: int) -> None:
    """How often two tastes are said where there is one: also of careless people, and where each has a taste of their own."""
    print("\n| asked | people | panel | two tastes said |")
    print("|---|---|---|---|")
    for asked, sizes in (("pairs", SIZES), ("methods", STUDIES)):
        for size in sizes:
            for name, family, share, spread in (
                ("honest", "honest", 0.0, 0.0), ("40 % careless", "careless", 0.4, 0.0), ("40 % left", "left", 0.4, 0.0),
                ("each a taste of their own (0.4)", "honest", 0.0, 0.4),
            ):  # fmt: skip
                random = np.random.default_rng([seed, *size, FAMILIES.index(family), round(10 * spread), 2])
                told = sum(
                    bool(tastes(_panel(asked, family, size, share, random, spread).compared, pooled=asked == "methods").groups)
                    for _ in range(panels)
                )  # fmt: skip
                print(f"| {_asked(asked, size)} | {size[0]} | {name} | {told} of {panels} |", flush=True)


def _panel(
    asked: str, family: str, size: tuple[int, ...], share: float, random: np.random.Generator, spread: float = 0.0
) -> Panel:
    if asked == "pairs":
        return pairs_panel(family, size[0], size[1], size[2], share, random, spread)
    return study_panel(family, size[0], size[1], share, random, spread)


def _asked(asked: str, size: tuple[int, ...]) -> str:
    return f"{size[2]} pairs, {size[1]} votes each" if asked == "pairs" else f"6 methods, {size[1]} photographs"


PARTS = {"pairs": print_pairs, "methods": print_methods, "tastes": print_tastes, "alarms": print_alarms}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panels", type=int, default=20, help="simulated panels of each row")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS))
    chosen = parser.parse_args()
    for part in chosen.part:
        PARTS[part](chosen.panels, chosen.seed)


if __name__ == "__main__":
    main()
