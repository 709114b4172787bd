"""Labels spent against what a judge has learnt from them: pairs chosen by gap, at random, by information; simulated observers.

    python -m benchmarks.choices [--judge features] [--seeds 1 2 3 4 5] [--rounds 10] [--k 24] [--members 5]

Eight versions of crops of the sample photographs make pairs. A judge that starts from a ranking by sharpness, which is not what
the panel likes, learns round by round from k pairs more, which three simulated observers voted on; as in the rounds
each judge goes on from the one before. Accuracy is on all pairs of photographs that it never saw, against the hidden
utility. Prints a markdown table: the mean over seeds and panels at so many labelled pairs, and what `information` saves.

--judge features: a small network on 31 numbers of a picture, in minutes. --judge ranker: the project's, on the pictures.
--speed: only the seconds that choosing 300 of 100,000 pairs takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from models.degradation import darken
from models.judges import create
from models.judges.base import Judge, costs, member_cost_of_pairs, member_costs
from models.losses.ranking import margin_ranking
from models.preference.choice import STRATEGIES, Candidates, choose
from models.preference.observers import SimulatedObserver
from models.preference.votes import majority
from tasks.datasets.crops import crops_of, generator
from tasks.datasets.photos import PHOTOS
from tasks.measuring.scoring import score

CROP, CROPS, VERSIONS = 96, 8, 8
HELD_OUT = 4
"""Photographs."""
FIRST = "ag"
"""The metric that the first judge ranks by: sharper is better."""
MARGIN = 0.5
NOISE = 0.25
"""Of an observer's perceived quality, in standard deviations of the utility's differences within a pair."""


def natural(seen: dict[str, float]) -> float:
    """Neither dark nor glaring, neither pale nor gaudy."""
    return -(((seen["light"] - 0.45) / 0.12) ** 2) - ((seen["chroma"] - 0.1) / 0.05) ** 2


def vivid(seen: dict[str, float]) -> float:
    """Colour and contrast, without a cast and without clipping."""
    return 8 * seen["chroma"] + 4 * seen["contrast"] - 12 * seen["cast"] - 10 * seen["clipped"]


def faithful(seen: dict[str, float]) -> float:
    """Structure of the well-lit crop, which no judge sees, and detail."""
    return seen["ssim"] + 0.2 * seen["entropy"]


PANELS: dict[str, Callable[[dict[str, float]], float]] = {"natural": natural, "vivid": vivid, "faithful": faithful}
"""Hidden utilities."""
RANKER = {
    "widths": [8, 8, 8, 16, 16, 24, 24, 32, 32, 32],
    "strides": [2, 1, 2, 1, 2, 1, 2, 1, 1],
    "hidden": 16,
    "reduce": 1,
}


@dataclass(frozen=True)
class World:
    """Pictures (N, 3, CROP, CROP), what a judge of features sees of them (N, F); of each its scene, its photograph, and what
    utilities are made of.
    """

    pictures: torch.Tensor
    features: torch.Tensor
    scenes: list[str]
    photographs: list[str]
    seen: list[dict[str, float]]

    def pairs(self, photographs: set[str]) -> list[tuple[int, int]]:
        """All pairs of versions of one scene of these photographs."""
        of: dict[str, list[int]] = {}
        for place, scene in enumerate(self.scenes):
            if self.photographs[place] in photographs:
                of.setdefault(scene, []).append(place)
        return [pair for places in of.values() for pair in combinations(places, 2)]


def world() -> World:
    """Versions of crops: darker or brighter, noisier or smoother, paler or more colourful, off in white, by chance."""
    pictures, scenes, photographs, seen = [], [], [], []
    for photo in PHOTOS:
        random = generator(0, "choices", photo.name)
        for name, crop in crops_of(photo, "low_light.dataset", CROP, CROPS, random):
            for _ in range(VERSIONS):
                made = version(crop, random)
                pictures.append(torch.tensor(made).permute(2, 0, 1).float() / 255)
                scenes.append(name)
                photographs.append(photo.name)
                scored = score(["ssim", "entropy", FIRST], made, np.round(crop * 255).astype(np.uint8))
                seen.append({name: float(value or 0) for name, value in scored.items()} | look(made / 255))
    stacked = torch.stack(pictures)
    return World(stacked, features(stacked), scenes, photographs, seen)


def look(made: np.ndarray) -> dict[str, float]:
    """What a taste goes by, of a picture (H, W, 3) in [0, 1]."""
    light = made.mean(2)
    colour = made - light[..., None]
    return {
        "light": float(light.mean()), "contrast": float(light.std()), "chroma": float(np.sqrt(np.square(colour).mean())),
        "cast": float(np.linalg.norm(colour.mean((0, 1)))), "clipped": float((made > 0.995).mean()),
    }  # fmt: skip


def version(crop: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One version of a well-lit crop (H, W, 3), float in [0, 1]: uint8."""
    stops = np.full(crop.shape[:2], random.uniform(0, 1.5))
    made = np.asarray(darken(crop, stops, 0.0005, 0.002 + 0.03 * random.random() ** 2, random), dtype=float)
    made = made / 255 if made.max() > 1 else made
    made = np.clip(made, 0, 1) ** np.exp(random.normal(-0.25, 0.3))
    grey = made.mean(2, keepdims=True)
    made = grey + np.exp(random.normal(0, 0.35)) * (made - grey)
    made = made * np.exp(random.normal(0, 0.06, 3))
    if random.random() < 0.4:
        tensor = torch.tensor(made).permute(2, 0, 1)[None]
        soft = F.avg_pool2d(F.pad(tensor, (1, 1, 1, 1), mode="reflect"), 3, stride=1)[0].permute(1, 2, 0).numpy()
        part = random.random()
        made = (1 - part) * made + part * soft
    found: np.ndarray = np.round(np.clip(made, 0, 1) * 255).astype(np.uint8)
    return found


def features(pictures: torch.Tensor) -> torch.Tensor:
    """Standardised numbers (N, F) of pictures: levels, contrasts and colours, edges at three scales and their statistics."""
    light = pictures.mean(1)
    chroma = pictures - light[:, None]
    flat = light.flatten(1)
    parts = [
        torch.quantile(flat, torch.linspace(0.02, 0.98, 9), dim=1).T,
        pictures.mean((2, 3)),
        pictures.std((2, 3)),
        chroma.square().mean((1, 2, 3)).sqrt()[:, None],
        chroma.mean((2, 3)).square().sum(1, keepdim=True).sqrt(),
        (flat > 0.99).float().mean(1, keepdim=True),
        (flat < 0.02).float().mean(1, keepdim=True),
    ]
    scale = light[:, None]
    for _ in range(3):
        across, down = scale.diff(dim=3)[:, 0].flatten(1).abs(), scale.diff(dim=2)[:, 0].flatten(1).abs()
        edges = torch.cat([across, down], 1)
        parts += [edges.mean(1, keepdim=True), edges.median(1).values[:, None], edges.std(1, keepdim=True)]
        parts.append((edges.median(1).values / (edges.mean(1) + 1e-4))[:, None])
        scale = F.avg_pool2d(scale, 2)
    found = torch.cat(parts, 1)
    return (found - found.mean(0)) / (found.std(0) + 1e-6)


class FeatureJudge(Judge):
    """Networks of one hidden layer on features (N, F), all `members` in one: lower is better."""

    def __init__(self, size: int, members: int, width: int = 32) -> None:
        super().__init__()
        self.members = members
        self.first = nn.Parameter(torch.randn(members, size, width) / size**0.5)
        self.offset = nn.Parameter(torch.zeros(members, 1, width))
        self.last = nn.Parameter(torch.randn(members, width, 1) / width**0.5)

    def member_scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        hidden = F.leaky_relu(torch.baddbmm(self.offset, pictures.expand(self.members, -1, -1), self.first), 0.1)
        return (hidden @ self.last)[..., 0].T

    def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        return self.member_scores(pictures).mean(1)


def train(
    judge: Judge, shown: torch.Tensor, pairs: Sequence[tuple[int, int]], steps: int, rate: float, seed: int, batch: int
) -> None:
    """Learn ranked pairs (better, worse), every member each of them."""
    judge.train()
    drawn = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(judge.parameters(), lr=rate, weight_decay=1e-4)
    better, worse = (torch.tensor([pair[side] for pair in pairs]) for side in (0, 1))
    for _ in range(steps):
        some = torch.randint(len(pairs), (min(batch, len(pairs)),), generator=drawn)
        good, bad = member_cost_of_pairs(judge, shown[better[some]], shown[worse[some]])
        optimiser.zero_grad()
        (margin_ranking(good, bad, MARGIN) * judge.members).backward()
        optimiser.step()
    judge.eval()


@torch.no_grad()
def said(judge: Judge, shown: torch.Tensor) -> np.ndarray:
    """(N, K) costs."""
    return torch.cat([member_costs(judge, part) for part in shown.split(128)]).double().numpy()


@dataclass(frozen=True)
class Setting:
    judge: str
    rounds: int
    k: int
    members: int
    steps: int = 60
    votes: int = 3


def curve(there: World, panel: str, strategy: str, seed: int, setting: Setting) -> list[float]:
    """Accuracy on pairs of held-out photographs before any label, and after each round."""
    hidden = np.array([PANELS[panel](row) for row in there.seen])
    first = np.array([row[FIRST] for row in there.seen])
    names = sorted(set(there.photographs))
    held = {names[place] for place in np.random.default_rng(seed).permutation(len(names))[:HELD_OUT]}
    pool, test = there.pairs(set(names) - held), there.pairs(held)
    differences = hidden[[a for a, _ in pool]] - hidden[[b for _, b in pool]]
    noise = NOISE * float(differences.std())
    observers = [SimulatedObserver(f"o{n}", noise, 0.02, 0.0, seed) for n in range(setting.votes)]
    torch.manual_seed(seed)
    features = setting.judge == "features"
    shown = there.features if features else there.pictures
    rate, batch = (0.01, 64) if features else (0.001, 16)
    steps = setting.steps
    judge: Judge = (
        FeatureJudge(shown.shape[1], setting.members)
        if features
        else create("ensemble", of="ranker", options=RANKER, members=setting.members)
    )
    train(judge, shown, [(a, b) if first[a] > first[b] else (b, a) for a, b in pool], steps, rate, seed, batch)
    free, known, found = list(range(len(pool))), [], [accuracy(judge, shown, test, hidden)]
    for round_ in range(1, setting.rounds + 1):
        every = said(judge, shown)
        before, after = (every[[pool[place][side] for place in free]] for side in (0, 1))
        photos = [there.photographs[pool[place][0]] for place in free]
        chosen = choose(strategy, Candidates(before, after, photos), setting.k, seed * 1000 + round_)
        for place in (free[i] for i in chosen):
            a, b = pool[place]
            answers = [one.vote(f"{place}", {"a": hidden[a], "b": hidden[b]}).preferred for one in observers]
            liked = majority("first" if answer == "a" else "second" for answer in answers)
            known.append((a, b) if liked == "first" else (b, a))
        taken = set(chosen.tolist())
        free = [place for i, place in enumerate(free) if i not in taken]
        train(judge, shown, known, steps, rate, seed + round_, batch)
        found.append(accuracy(judge, shown, test, hidden))
    return found


@torch.no_grad()
def accuracy(judge: Judge, shown: torch.Tensor, pairs: Sequence[tuple[int, int]], hidden: np.ndarray) -> float:
    """Share of pairs whose better picture by the hidden utility costs less."""
    cost = torch.cat([costs(judge, part) for part in shown.split(128)]).numpy()
    first, second = np.array(pairs).T
    return float(((cost[first] < cost[second]) == (hidden[first] > hidden[second])).mean())


def spent(curve_: np.ndarray, wanted: float, k: int) -> float:
    """Labels at which a curve first reaches an accuracy, between rounds by a straight line; infinite where it never does."""
    above = np.flatnonzero(curve_ >= wanted)
    if not len(above):
        return float("inf")
    place = int(above[0])
    if place == 0:
        return 0.0
    low, high = curve_[place - 1], curve_[place]
    return float(k * (place - 1 + (wanted - low) / (high - low)))


def speed(members: int, candidates: int = 100_000, k: int = 300) -> None:
    """Print the seconds of each strategy, five pairs to a photograph."""
    random = np.random.default_rng(0)
    photographs = [str(place // 5) for place in range(candidates)]
    first, second = random.normal(size=(2, candidates, members))
    offered = Candidates(first, second, photographs)
    for strategy in STRATEGIES:
        begun, used = time.monotonic(), time.process_time()
        choose(strategy, offered, k, 0)
        print(
            f"{strategy}: {k} of {candidates:,} by {members} members in {time.monotonic() - begun:.2f} s "
            f"({time.process_time() - used:.2f} s of one core)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", choices=["features", "ranker"], default="features")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--k", type=int, default=24)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60, help="of each training")
    parser.add_argument("--panels", nargs="+", default=list(PANELS), choices=list(PANELS))
    parser.add_argument("--strategies", nargs="+", default=["gap", "random", "information"])
    parser.add_argument("--speed", action="store_true")
    chosen = parser.parse_args()
    if chosen.speed:
        speed(chosen.members)
        return
    setting = Setting(chosen.judge, chosen.rounds, chosen.k, chosen.members, chosen.steps)
    there = world()
    found: dict[tuple[str, str], np.ndarray] = {}
    labels = [chosen.k * number for number in range(chosen.rounds + 1)]
    print(f"| panel | pairs by | {' | '.join(map(str, labels))} |\n|---|---|{'---|' * len(labels)}")
    for panel in chosen.panels:
        for strategy in chosen.strategies:
            curves = np.array([curve(there, panel, strategy, seed, setting) for seed in chosen.seeds])
            found[panel, strategy] = curves
            print(f"| {panel} | {strategy} | {' | '.join(f'{value:.3f}' for value in curves.mean(0))} |", flush=True)
    for strategy in chosen.strategies:
        means = np.mean([found[panel, strategy].mean(0) for panel in chosen.panels], axis=0)
        print(f"| all | {strategy} | {' | '.join(f'{value:.3f}' for value in means)} |")
    for panel in chosen.panels:
        base = chosen.strategies[0]
        wanted = found[panel, base].mean(0)[-1]
        for strategy in chosen.strategies[1:]:
            needed = spent(found[panel, strategy].mean(0), wanted, chosen.k)
            told = "never" if needed == float("inf") else f"with {needed:.0f} of {labels[-1]} labels"
            print(f"{panel}: {strategy} reaches the last {wanted:.3f} of {base} {told}")


if __name__ == "__main__":
    main()
