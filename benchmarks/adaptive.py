"""How many votes until the order of nine methods is right, and until the best one is found, by how pairs are chosen?

    python -m benchmarks.adaptive [--studies 60] [--seed 0] [--curve FILE.png]

simulates studies of nine methods on 40 photographs with 15 observers who lapse in 2 % of their answers (a method's quality
on a photograph has a part that it shares, standard deviation 0.5, and one that the observer shares, 0.4, in units of the
noise of a difference). Balanced: every pair of methods once before any comes again. Random: drawn. Scores: the vote that
is expected to tell most about the scores, as in ASAP. Order, best: as `loupe study create --pairs adaptive` chooses. At the
end scores are fitted to all votes so far, the same way for all. Prints, as markdown tables, after how many votes 50, 80 and
90 % of the studies have it right (averaged over five checks in a row), and the share of adaptive votes in balanced ones.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.special import ndtr

from models.preference.adaptive import Posterior, posterior
from models.preference.fitting import PRIOR
from models.preference.panels import Panel, Votes, adaptive_votes, cast, quality_of

PHOTOS, OBSERVERS, METHODS = 40, 15, 9
PAIRS = METHODS * (METHODS - 1) // 2
STEP = 12  # votes between two looks
SHARES = (0.5, 0.8, 0.9)
# Differences of neighbours in JOD, and the most votes that are simulated for the order and for the best method.
SPACINGS: dict[str, tuple[tuple[float, ...], int, int]] = {
    "even, 0.5": ((0.5,) * 8, 1800, 600),
    "even, 0.3": ((0.3,) * 8, 3600, 1200),
    "uneven, 0.2 to 0.9": ((0.2, 0.9, 0.4, 0.7, 0.2, 0.9, 0.4, 0.5), 3600, 900),
    "three groups": ((0.3, 0.3, 1.2, 0.3, 0.3, 1.2, 0.3, 0.3), 3600, 1200),
}
_HOULSBY = np.sqrt(np.pi * np.log(2) / 2)


def score_information(found: Posterior, goal: str) -> np.ndarray:
    """(..., P) bits that a vote is expected to tell about the scores (Houlsby et al. 2011, Sec. 2.2)."""
    first, second = np.triu_indices(found.mean.shape[-1], 1)
    mean, variance = found.differences[..., first, second], found.variances[..., first, second]
    chance = ndtr(mean / np.sqrt(1 + variance))
    entropy = -(chance * np.log2(chance) + (1 - chance) * np.log2(1 - chance))
    return entropy - _HOULSBY / np.sqrt(variance + _HOULSBY**2) * np.exp(-(mean**2) / (2 * (variance + _HOULSBY**2)))


def fixed_votes(panel: Panel, votes: int, random: np.random.Generator, balanced: bool) -> Votes:
    """Votes on pairs of methods that do not follow from votes.

    Balanced: photographs and observers take turns within a pair, as where pairs are chosen; else all is by chance.
    """
    studies = len(panel.quality)
    if not balanced:
        kinds, photo, observer = (random.integers(0, n, (studies, votes)) for n in (PAIRS, PHOTOS, OBSERVERS))
        return cast(panel, kinds, photo, observer, random)
    rounds = -(-votes // PAIRS)
    kinds = np.argsort(random.random((studies, rounds, PAIRS)), axis=-1).reshape(studies, -1)[:, :votes]
    study, use = np.arange(studies)[:, None], np.arange(votes)[None] // PAIRS
    turn = np.argsort(random.random((studies, PAIRS, PHOTOS)), axis=-1)
    begin = random.integers(0, OBSERVERS, (studies, PAIRS))
    photo = turn[study, kinds, use % PHOTOS]
    observer = (begin[study, kinds] + use // PHOTOS + use % PHOTOS) % OBSERVERS
    return cast(panel, kinds, photo, observer, random)


Design = Callable[[Panel, int, np.random.Generator], Votes]
DESIGNS: dict[str, Design] = {
    "balanced": lambda panel, votes, random: fixed_votes(panel, votes, random, balanced=True),
    "random": lambda panel, votes, random: fixed_votes(panel, votes, random, balanced=False),
    "scores": lambda panel, votes, random: adaptive_votes(panel, votes, "order", random, gain=score_information),
    "order": lambda panel, votes, random: adaptive_votes(panel, votes, "order", random),
    "order, 8 at once": lambda panel, votes, random: adaptive_votes(panel, votes, "order", random, together=8),
    "best": lambda panel, votes, random: adaptive_votes(panel, votes, "best", random),
}


def looked_at(panel: Panel, votes: Votes) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(T,) share of studies whose order is right, whose best is, mean Kendall tau and mean correlation, every STEP votes."""
    found = []
    start = np.zeros_like(panel.quality)
    true = np.argsort(panel.quality, axis=-1)
    for until in range(STEP, votes.won.shape[1] + 1, STEP):
        scores = start = posterior(votes.wins(METHODS, until), PRIOR, start).mean
        order = np.argsort(scores, axis=-1)
        concordant = np.sign(_differences(scores)) * np.sign(_differences(panel.quality))  # no two are equal
        right = (order == true).all(-1).mean()
        found.append(
            (right, (order[:, -1] == true[:, -1]).mean(), concordant.mean(), _correlation(scores, panel.quality))
        )
    return tuple(np.array(found).T)  # type: ignore[return-value]


def _differences(scores: np.ndarray) -> np.ndarray:
    first, second = np.triu_indices(METHODS, 1)
    return scores[..., first] - scores[..., second]


def _correlation(scores: np.ndarray, quality: np.ndarray) -> float:
    """Pearson's, the mean over studies; both are about their means."""
    spread = np.sqrt((scores**2).sum(-1) * (quality**2).sum(-1))
    return float(((scores * quality).sum(-1) / np.maximum(spread, 1e-12)).mean())


def needed(right: np.ndarray, share: float) -> int | None:
    """Votes after which `share` of the studies have it right, over five looks in a row."""
    smooth = np.convolve(right, np.ones(5) / 5, "valid")
    at = np.flatnonzero(smooth >= share)
    return None if not len(at) else int((at[0] + 3) * STEP)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--curve", type=Path, help="draw the share of right orders against votes into this picture")
    chosen = parser.parse_args()
    begun = time.process_time()
    curves: dict[str, dict[str, np.ndarray]] = {}
    for title, place, designs in (
        ("order", 0, ("balanced", "random", "scores", "order", "order, 8 at once")),
        ("best", 1, ("balanced", "order", "best")),
    ):
        print(f"\n| {title}: differences | pairs | " + " | ".join(f"{share:.0%}" for share in SHARES), end="")
        print(" | of balanced, at 80 % | tau, correlation after 360 votes |\n|" + "---|" * (len(SHARES) + 4))
        for number, (spacing, (differences, *most)) in enumerate(SPACINGS.items()):
            base: int | None = None
            for design in designs:
                random = np.random.default_rng([chosen.seed, number])
                quality = quality_of(np.array(differences))
                panel = Panel.drawn(quality, chosen.studies, PHOTOS, OBSERVERS, random, centred=True)
                votes = most[place] if design in ("balanced", "random") else most[place] // 2
                found = looked_at(panel, DESIGNS[design](panel, votes, random))
                counts = [needed(found[place], share) for share in SHARES]
                base = counts[1] if design == "balanced" else base
                part = "–" if base is None or counts[1] is None else f"{counts[1] / base:.2f}"
                at = 360 // STEP - 1
                quality_ = "–" if len(found[2]) <= at else f"{found[2][at]:.3f}, {found[3][at]:.3f}"
                cells = " | ".join(f"> {votes}" if count is None else str(count) for count in counts)
                print(f"| {spacing} | {design} | {cells} | {part} | {quality_} |", flush=True)
                if place == 0:
                    curves.setdefault(spacing, {})[design] = found[0]
    print(f"\n{chosen.studies} studies each, {time.process_time() - begun:.0f} s of one core")
    if chosen.curve:
        draw(curves, chosen.curve)


def draw(curves: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """The share of studies with the right order against votes, one panel a spacing."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.2), layout="constrained")
    for axes, (spacing, found) in zip(figure.subplots(1, len(curves), sharey=True), curves.items(), strict=True):
        for design, right in found.items():
            axes.plot(STEP * (1 + np.arange(len(right))), right, label=design, linewidth=1.2)
        axes.set_title(spacing, fontsize=9)
        axes.set_xlabel("votes")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("studies with the right order")
    figure.axes[-1].legend(fontsize=7)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
