"""The dual search: its loop, its exact state on disk, and its result.

`models.core.training.train` descends one loss with one optimiser. The search alternates three, prunes operations in between
and has masks to resume, so it has a loop of its own; seeds, atomic files, the rules of resuming, and how several processes share
the batches of a step are the engine's.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch

from models.core import processes
from models.core.adam import Adam
from models.core.resume import ResumableState, resumed
from models.core.training import TrainingError, make_deterministic, step_seed
from models.losses.fusion import Features
from models.search.bilevel import CONSTRAINT_CHOICES, Beta, Constraint, Learners, SearchBatch, loss_table, step
from models.search.genotype import Genotype
from models.search.space import NODES, OPERATIONS
from models.search.supernet import REFINEMENTS, Refinement, Supernet

SearchBatches = Callable[[int], SearchBatch]


@dataclass(frozen=True)
class SearchSettings:
    """How to search. The defaults are the paper's where it has them.

    steps: updates of omega. epoch: steps an entry of the history. warmup: steps of omega alone before beta and alpha move.
    upper_every: beta and alpha move at every such step. omega_rate, alpha_rate, beta_rate: Adam's learning rates.
    constraint: what steers beta (both, reference, natural, none). refinement: wsras, retention, pruning or darts.
    threshold: weight under which a node's smallest operation is pruned (the paper gives no number). retain: P, the operations
    a node keeps; pruning stops there, too. save_every: steps between resumable states. accumulate: batches a step, over which
    everything is averaged, and which several processes share.
    Raises ValueError that names the setting.
    """

    steps: int
    epoch: int
    warmup: int = 0
    upper_every: int = 1
    omega_rate: float = 2e-4
    alpha_rate: float = 2e-1
    beta_rate: float = 3e-2
    constraint: Constraint = "both"
    refinement: Refinement = "wsras"
    threshold: float = 0.05
    retain: int = 3
    save_every: int = 25
    seed: int = 0
    accumulate: int = 1

    def __post_init__(self) -> None:
        for name in ("steps", "epoch", "upper_every", "save_every", "accumulate"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} should be at least 1, not {getattr(self, name)}")
        for name in ("omega_rate", "alpha_rate", "beta_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} should be positive, not {getattr(self, name)}")
        if self.warmup < 0:
            raise ValueError(f"warmup should not be negative, is {self.warmup}")
        if not 1 <= self.retain <= len(OPERATIONS):
            raise ValueError(f"retain should be 1 to {len(OPERATIONS)}, not {self.retain}")
        if not 0 <= self.threshold < 1:
            raise ValueError(f"threshold should lie in [0, 1), not {self.threshold}")
        if self.constraint not in CONSTRAINT_CHOICES:
            raise ValueError(f"constraint should be one of {', '.join(CONSTRAINT_CHOICES)}, not {self.constraint!r}")
        if self.refinement not in REFINEMENTS:
            raise ValueError(f"refinement should be one of {', '.join(REFINEMENTS)}, not {self.refinement!r}")

    @property
    def prunes(self) -> bool:
        """Whether operations are pruned during the search."""
        return self.refinement in ("wsras", "pruning")

    @property
    def keeps(self) -> int:
        """How many operations a node of the result has."""
        return self.retain if self.refinement in ("wsras", "retention") else 1


@dataclass(frozen=True)
class Epoch:
    """What the search looked like after an epoch (epoch 0: at the start).

    alphas: softmax(alpha), 15 rows by 11 columns in the order of NODES and OPERATIONS, 0 where pruned.
    betas: the weights of the 19 losses by name. values: means over the epoch's steps of loss, validation_loss and
    constraint, as far as they were computed. remaining: operations not pruned, of 165.
    """

    epoch: int
    step: int
    alphas: list[list[float]]
    betas: dict[str, float]
    values: dict[str, float]
    remaining: int


@dataclass
class SearchOutcome:
    """A finished search. loss_weights: the weights of the 19 losses by name. pruned: (step, node, operation), in order."""

    genotype: Genotype
    loss_weights: dict[str, float]
    history: list[Epoch]
    pruned: list[tuple[int, str, str]]
    folder: Path
    resumed_at: int = 0

    def discard_state(self) -> None:
        """Remove the resumable state, once the stage's outputs are safe on disk."""
        processes.meet()
        if processes.leads():
            shutil.rmtree(self.folder, ignore_errors=True)


def search(
    network: Supernet,
    training: SearchBatches,
    validation: SearchBatches,
    features: Features,
    settings: SearchSettings,
    *,
    folder: Path,
    identity: str,
    device: str | torch.device = "cpu",
    name: str = "search",
) -> SearchOutcome:
    """Search `network` in place and return what was found.

    training, validation: number -> batch, pure functions, of the two halves of the training set, of which a step takes the next
    `accumulate`; the batches of a search all have references, or none has. features: frozen VGG16 maps, on `device`.
    folder: where the resumable state lives; identity: what the data are (a hash of the stage's inputs). A state is continued
    only when settings, identity and initial weights are the same, else it is discarded; an interrupted search then ends with
    the same result as an uninterrupted one.
    Raises `TrainingError` when a loss or the weights stop being finite; ValueError when the constraint's positives are missing;
    `ProcessesError` when several processes cannot work together.
    """
    processes.check_shares(name, settings.accumulate)
    make_deterministic()
    target = torch.device(device)
    network.to(target).train()
    loss = Beta().to(target)
    learners = Learners(
        network,
        loss,
        omega=Adam(network.operation_weights(), settings.omega_rate),
        beta=Adam(loss.parameters(), settings.beta_rate),
        alpha=Adam(network.architecture(), settings.alpha_rate),
    )
    fingerprint = _fingerprint(network, settings, identity)
    processes.check_alike(fingerprint, f"{name}: the processes start with different weights, settings or data")
    state = _State(folder, fingerprint, learners)
    first = state.resume(target)
    has_reference = training(0).reference is not None
    if not state.history:
        state.history.append(_entry(learners, 0, 0, {}, has_reference))
    if first:
        print(f"{name}: resumed at step {first} of {settings.steps}", flush=True)
    begun = time.monotonic()
    for index in range(first, settings.steps):
        torch.manual_seed(step_seed(settings.seed, index, "search"))
        upper = index >= settings.warmup and (index - settings.warmup) % settings.upper_every == 0
        values = step(
            learners,
            partial(_share, training, index, settings.accumulate, target),
            partial(_share, validation, index, settings.accumulate, target),
            features,
            constraint=settings.constraint,
            upper=upper,
            count=settings.accumulate,
        )
        if not all(math.isfinite(value) for value in values.values()):
            raise TrainingError(
                f"{name}: {values} is not finite at step {index}; lower its learning rates in params.yaml"
            )
        if upper and settings.prunes:
            state.pruned += [(index, *pair) for pair in network.refine(settings.threshold, settings.retain)]
        state.add(values)
        done = index + 1
        if done % settings.epoch == 0 or done == settings.steps:
            number = -(-done // settings.epoch)
            entry = _entry(learners, number, done, state.take(), has_reference)
            state.history.append(entry)
            shown = "  ".join(f"{key} {value:.4g}" for key, value in entry.values.items())
            took = time.monotonic() - begun
            print(
                f"{name}: step {done}/{settings.steps}  {shown}  {entry.remaining} operations  {took:.0f} s", flush=True
            )
        if done % settings.save_every == 0 or done == settings.steps:
            if not all(torch.isfinite(tensor).all() for tensor in [*network.parameters(), loss.beta]):
                raise TrainingError(
                    f"{name}: weights that are not finite after step {done}; lower its learning rates in params.yaml"
                )
            state.save(done)
    return SearchOutcome(
        network.genotype(settings.keeps),
        dict(loss_table(loss.beta, has_reference)),
        state.history,
        state.pruned,
        folder,
        first,
    )


def _share(batches: SearchBatches, index: int, count: int, target: torch.device) -> list[SearchBatch]:
    """Of the `count` batches of a step those that this process takes."""
    return [batches(index * count + part).to(target) for part in range(processes.place(), count, processes.count())]


def _entry(learners: Learners, epoch: int, done: int, values: dict[str, float], has_reference: bool) -> Epoch:
    return Epoch(
        epoch=epoch,
        step=done,
        alphas=learners.network.probabilities().double().tolist(),
        betas=dict(loss_table(learners.loss.beta, has_reference)),
        values=values,
        remaining=sum(len(node.remaining) for node in learners.network.mixed()),
    )


class _State:
    """The resumable state on disk: supernet with its masks, beta, the optimisers, history, sums of the unfinished epoch."""

    def __init__(self, folder: Path, fingerprint: str, learners: Learners) -> None:
        parts = {name: getattr(learners, name) for name in ("network", "loss", "omega", "beta", "alpha")}
        self._state = ResumableState(folder, fingerprint, parts, "the search")
        self.history: list[Epoch] = []
        self.pruned: list[tuple[int, str, str]] = []
        self._sums: dict[str, list[float]] = {}

    def add(self, values: dict[str, float]) -> None:
        """Count a step's values in the epoch."""
        for key, value in values.items():
            total, count = self._sums.get(key, [0.0, 0.0])
            self._sums[key] = [total + value, count + 1]

    def take(self) -> dict[str, float]:
        """The means of the epoch, which ends."""
        means = {key: total / count for key, (total, count) in self._sums.items()}
        self._sums = {}
        return means

    def resume(self, device: torch.device) -> int:
        """Load the state if it is this search's; returns the number of steps done, 0 for a fresh start."""
        return resumed(partial(self._load, device), self._state.folder)

    def _load(self, device: torch.device) -> int:
        saved = self._state.load(device)
        if saved is None:
            return 0
        self.history = [Epoch(**entry) for entry in saved["history"]]
        self.pruned = [(int(index), node, operation) for index, node, operation in saved["pruned"]]
        self._sums = saved["sums"]
        return int(saved["step"])

    def save(self, done: int) -> None:
        if not processes.leads():
            return
        self._state.save(
            history=[asdict(entry) for entry in self.history],
            pruned=[list(entry) for entry in self.pruned],
            sums=self._sums,
            step=done,
        )


def _fingerprint(network: Supernet, settings: SearchSettings, identity: str) -> str:
    said = asdict(settings)
    if settings.accumulate == 1:  # as before there was another number: what was saved then goes on
        del said["accumulate"]
    digest = hashlib.sha256(json.dumps([said, identity, NODES, list(OPERATIONS)], sort_keys=True).encode())
    for key, tensor in sorted(network.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def halves(count: int, seed: int) -> tuple[Sequence[int], Sequence[int]]:
    """The places of `count` scenes split at random into a training and a validation half (the first has the odd one).

    Raises ValueError: fewer than two scenes.
    """
    if count < 2:
        raise ValueError(
            f"a search needs at least two scenes, one to train on and one to validate on; there are {count}"
        )
    generator = torch.Generator().manual_seed(step_seed(seed, 0, "halves"))
    order = torch.randperm(count, generator=generator).tolist()
    middle = (count + 1) // 2
    return sorted(order[:middle]), sorted(order[middle:])
