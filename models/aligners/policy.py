"""Policy optimisation over regions: GRPO (EVAFusion, Sec. 3.4), PPO and DPO, for any model that makes pictures and any judge.

All three sample G pictures around the model's output, have the judge score K regions of each, and change the model so that what
was liked becomes likelier. They need no gradient of the judge.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional as F

from models.aligners.base import Aligner, Logged, Material, Need, Votes
from models.aligners.baseline import Baseline, WithBaseline, policy_of
from models.aligners.exploration import Scene
from models.aligners.own_noise import sampler_of
from models.aligners.rewards import Beside, View
from models.aligners.rollout import Credit, Rollout, Sampler, region_means
from models.core.training import Outcome, Run, step_generator, step_seed
from models.judges.base import Judge
from models.losses.policy import (
    Group,
    advantages,
    clipped_share,
    clipped_surrogate,
    paper_ratio,
    preference_loss,
    weighted_mean,
)

Values = dict[str, torch.Tensor]
FACTORS, PROBES, ODD = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0), 4, 0.8
"""Deviations that are tried where they adapt, of the one given; batches each; the explained share that is asked for."""


@dataclass(eq=False)
class PolicyAligner(Aligner):
    """What GRPO, PPO and DPO share.

    samples: G pictures of a scene, in pairs of opposite noise. regions: K of a crop at most; 0: the whole crop is one. explore:
    name and options of `models.aligners.exploration`, or own: the model's (`models.aligners.own_noise`). kl: weight of the
    divergence from the frozen f(n), exact for two Gaussians of one covariance. inner: steps on each rollout. view: the judge
    is shown each region's box at `side` pixels (regions), or the whole crop, perhaps with what its map of artifacts says of
    the region (local). credit: what regions weigh: equal, their area, or the judge's map of artifacts, of regions (heatmap)
    or of their pixels. adapt: the deviation is measured before the first step: the largest of a few of which the rewards'
    variance is mostly odd in the noise (`explained_share`). beside: metrics whose values are rewards beside the judge's, by
    their weights, all in standard deviations of the group.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"gradient of the model"})
    uses_regions: ClassVar[bool] = True

    samples: int = 8
    regions: int = 6
    explore: Mapping[str, Any] | None = None
    kl: float = 0.1
    inner: int = 1
    view: View = "regions"
    side: int = 96
    credit: Credit = "equal"
    adapt: bool = False
    beside: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if self.samples < 2 or self.samples % 2 or self.regions < 0 or self.inner < 1 or self.side < 16 or self.kl < 0:
            raise ValueError(
                f"samples is even and 2 or more, regions and kl 0 or more, inner 1 or more, side 16 or more, not "
                f"{self.samples}, {self.regions}, {self.kl}, {self.inner}, {self.side}"
            )
        _one_of("view", self.view, ("regions", "whole", "local"))
        _one_of("credit", self.credit, ("equal", "area", "heatmap", "pixels"))
        view = (self.samples, self.regions, self.view, self.side, self.credit, Beside(self.beside or {}))
        self.sampler = sampler_of({"name": "white"} | dict(self.explore or {}), *view)

    def align(self, model: nn.Module, judge: Judge | None, material: Material, run: Run) -> Outcome:
        assert judge is not None
        reference = deepcopy(model).requires_grad_(False).eval().to(run.device)
        model.requires_grad_(True)
        judge.to(run.device)
        if self.adapt:
            self.sampler = self.adapted(reference, judge, material, run)
        accumulate, rollouts = run.settings.accumulate, dict[int, Rollout]()

        def of_index(index: int) -> int:
            """Which rollout a batch belongs to: the batches of `inner` steps share theirs."""
            step, part = divmod(index, accumulate)
            return step // self.inner * accumulate + part

        def batches(index: int) -> tuple[int, int, tuple[torch.Tensor, ...], torch.Tensor]:
            number = of_index(index)
            return index, number, material.crops(number), material.labels(number)

        def objective(module: nn.Module, batch: Any) -> tuple[torch.Tensor, Logged]:
            index, number, sources, labels = batch
            policy = policy_of(module)
            if index // accumulate % self.inner == 0:
                for old in [other for other in rollouts if other // accumulate != number // accumulate]:
                    del rollouts[old]
                generator = step_generator(run.settings.seed, number, "rollout")
                rollout, mean = self.sampler.begin(judge, policy, reference, sources, labels, generator)
                rollouts[number] = rollout
            else:
                rollout = rollouts[number]
                mean = self.sampler.mean(policy, rollout)
            loss, values = self.loss(mean, rollout)
            divergence = weighted_mean(self.sampler.divergence(mean, rollout), rollout.weight)
            apart = self.sampler.apart(mean, rollout).clamp(min=1e-10)
            known = torch.where(torch.isfinite(rollout.judged), rollout.judged, 0.0)
            values = {
                **values,
                "reward": weighted_mean(known.mean(0), rollout.weight),
                "reward_spread": weighted_mean(known.std(0, correction=0), rollout.weight),
                "explained": torch.tensor(rollout.explained if math.isfinite(rollout.explained) else 0.0),
                "kl": divergence,
                "fidelity": -10 * apart.log10(),
            }
            total = loss + self.kl * divergence
            if material.kept is None:
                return total, values
            return material.with_kept(total, values, self.sampler.picture(policy, mean, rollout), sources)

        # A state in the middle of a rollout's steps would have to hold the rollout.
        settings = replace(run.settings, save_every=-(-run.settings.save_every // self.inner) * self.inner)
        return replace(run, settings=settings, log_gradient=True).train(
            self.trained(model, material, run.settings.seed), batches, objective, watch=material.watch
        )

    @torch.no_grad()
    def adapted(self, reference: nn.Module, judge: Judge, material: Material, run: Run) -> Sampler:
        """The sampler with the largest of a few deviations whose explained share is `ODD` at least, else of the largest."""
        shares: dict[float, float] = {}
        for factor in FACTORS:
            tried, found = self.sampler.scaled(factor), []
            for number in range(PROBES):
                sources = tuple(source.to(run.device) for source in material.crops(number))
                labels = material.labels(number).to(run.device)
                generator = step_generator(run.settings.seed, number, "probe")
                found.append(tried.begin(judge, reference, reference, sources, labels, generator)[0].explained)
            known = [share for share in found if math.isfinite(share)]
            shares[factor] = sum(known) / len(known) if known else 0.0
        good = [factor for factor, share in shares.items() if share >= ODD]
        factor = max(good) if good else max(shares, key=lambda one: shares[one])
        chosen = self.sampler.scaled(factor)
        print(
            f"{run.name}: deviation {chosen.scale:.3g}, of which {shares[factor]:.0%} of the rewards' variance is of use"
        )
        return chosen

    def fault(self, judge: Judge | None, model: nn.Module | None = None) -> str | None:
        found = super().fault(judge, model)
        return self.sampler.fault(model) if found is None and model is not None else found

    def advice(self, judge: Judge, guarded: bool) -> str | None:
        if not judge.differentiable:
            return None
        return (
            f"its judge has a gradient, which direct and ranker_loss use at a small part of the cost; {self.samples} samples of "
            "each scene are worth it where a judge is exploited, or where credit by its map of artifacts is wanted"
        )

    def trained(self, model: nn.Module, material: Material, seed: int) -> nn.Module:
        """What is trained: the model, or more than it."""
        return model

    @abstractmethod
    def loss(self, mean: torch.Tensor, rollout: Rollout) -> tuple[torch.Tensor, Values]:
        """What to descend beside the divergence, and values to log, of the policy's mean (B, 3, H, W) with its gradient."""

    def weights(self, rollout: Rollout, alive: torch.Tensor) -> torch.Tensor:
        """(G, B, K): the credit of each entry that tells something."""
        return rollout.weight[None] * alive


@dataclass(eq=False)
class Grpo(PolicyAligner):
    """Group relative policy optimisation over regions.

    clip: epsilon. group: over what rewards are normalised: samples of a region, regions of a sample (as EVAFusion writes), both.
    ratio: likelihood, of the Gaussian policy; paper: 1 + alpha |F - F_old| / |F_old|, F being the sample (docs/alignment.md says
    what is wrong with it). The other options are `PolicyAligner`'s.
    """

    clip: float = 0.2
    group: Group = "samples"
    ratio: Literal["likelihood", "paper"] = "likelihood"
    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_of("group", self.group, ("samples", "regions", "both"))
        _one_of("ratio", self.ratio, ("likelihood", "paper"))
        if not 0 < self.clip < 1 or self.alpha <= 0:
            raise ValueError(f"clip is between 0 and 1, alpha above 0, not {self.clip}, {self.alpha}")
        if self.ratio == "paper" and not self.sampler.of_pictures:
            raise ValueError("ratio 'paper' compares pictures around an output: not with the model's own exploration")

    def loss(self, mean: torch.Tensor, rollout: Rollout) -> tuple[torch.Tensor, Values]:
        found = advantages(rollout.rewards, self.group, rollout.there)
        if self.ratio == "paper":
            each = [
                paper_ratio(mean + noise, rollout.scene.before, self.alpha, rollout.pixels) for noise in rollout.noise
            ]
            ratio = torch.stack(each)
        else:
            ratio = ratio_of(self.sampler, mean, rollout)
        weight = self.weights(rollout, found.alive)
        return clipped_surrogate(ratio, found.values, self.clip, weight), {
            "ratio": weighted_mean(ratio.detach(), weight),
            "clipped": clipped_share(ratio.detach(), found.values, self.clip, weight),
            "advantage_spread": weighted_mean(found.values.square(), weight).sqrt(),
            "flat_groups": mean.new_tensor(found.flat / max(found.groups, 1)),
            "unknown_rewards": mean.new_tensor(float(found.unknown)),
        }


@dataclass(eq=False)
class Ppo(PolicyAligner):
    """Proximal policy optimisation: the advantage is the reward less what a small network expects of a region.

    value: weight of that network's squared error. The other options are `Grpo`'s.
    """

    clip: float = 0.2
    value: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.clip < 1 or self.value <= 0:
            raise ValueError(f"clip is between 0 and 1, value above 0, not {self.clip}, {self.value}")
        self._baseline: Baseline | None = None

    def trained(self, model: nn.Module, material: Material, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(step_seed(seed, 0, "baseline"))
            self._baseline = Baseline(3 * (1 + len(material.crops(0))))
        return WithBaseline(model, self._baseline)

    def loss(self, mean: torch.Tensor, rollout: Rollout) -> tuple[torch.Tensor, Values]:
        assert self._baseline is not None
        scene = rollout.scene
        expected = region_means(self._baseline(scene.before, scene.sources)[None], scene.regions)[0]
        finite = torch.isfinite(rollout.rewards) & rollout.there[None]
        rewards = torch.where(finite, rollout.rewards, 0.0)
        found = advantages(rollout.rewards, "samples", rollout.there)
        surprise = torch.where(finite, rewards - expected.detach()[None], 0.0)
        weight = self.weights(rollout, found.alive)
        spread = weighted_mean(surprise.square(), weight).sqrt().clamp(min=1e-6)
        ratio = ratio_of(self.sampler, mean, rollout)
        error = weighted_mean((rewards - expected[None]).square(), self.weights(rollout, finite))
        return clipped_surrogate(ratio, surprise / spread, self.clip, weight) + self.value * error, {
            "ratio": weighted_mean(ratio.detach(), weight),
            "clipped": clipped_share(ratio.detach(), surprise, self.clip, weight),
            "advantage_spread": spread,
            "baseline_error": error,
            "flat_groups": mean.new_tensor(found.flat / max(found.groups, 1)),
            "unknown_rewards": mean.new_tensor(float(found.unknown)),
        }


@dataclass(eq=False)
class Dpo(PolicyAligner):
    """Direct preference optimisation (Rafailov et al. 2023, Eq. 7): what was preferred becomes likelier than the other.

    pairs: samples: of each region's samples the judge's best and worst; votes: the pictures that the judge learnt from, of which
    one was preferred, without the judge (samples before there are any). beta: how far the policy may go from the frozen one; the
    divergence is in the loss itself, so kl is 0. The other options are `Grpo`'s.
    """

    kl: float = 0.0
    beta: float = 1.0
    pairs: Literal["samples", "votes"] = "samples"

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_of("pairs", self.pairs, ("samples", "votes"))
        self.uses_votes = self.pairs == "votes"
        if self.beta <= 0:
            raise ValueError(f"beta is above 0, not {self.beta}")
        if self.uses_votes and not self.sampler.of_pictures:
            raise ValueError(
                "with the model's own exploration only pictures that it drew have a likelihood, not those of votes: let pairs "
                "be samples"
            )

    def align(self, model: nn.Module, judge: Judge | None, material: Material, run: Run) -> Outcome:
        if self.pairs == "votes" and material.votes is not None:
            return self.on_votes(model, material, material.votes, run)
        if self.pairs == "votes":
            print(f"{run.name}: nobody has voted yet, so the pairs are samples that the judge tells apart")
        return super().align(model, judge, material, run)

    def on_votes(self, model: nn.Module, material: Material, votes: Votes, run: Run) -> Outcome:
        reference = deepcopy(model).requires_grad_(False).eval().to(run.device)
        model.requires_grad_(True)
        explorer = self.sampler.exploration

        def objective(module: nn.Module, batch: Any) -> tuple[torch.Tensor, Logged]:
            sources, better, worse = batch
            mean = module(*sources)
            with torch.no_grad():
                anchor = reference(*sources)
            whole = torch.ones_like(mean[:, :1])
            scene = Scene(anchor, sources, whole)

            def likely(picture: torch.Tensor, around: torch.Tensor) -> torch.Tensor:
                apart = (explorer.seen(picture) - explorer.seen(around))[None]
                return -0.5 * region_means(explorer.energy(apart, scene), whole)

            now, before = ((likely(better, around), likely(worse, around)) for around in (mean, anchor))
            loss = preference_loss(now[0], now[1], before[0], before[1], self.beta)
            right = (now[0] - before[0]) > (now[1] - before[1])
            apart = F.mse_loss(mean.detach(), anchor).clamp(min=1e-10)
            values = {"preferred": right.float().mean(), "fidelity": -10 * apart.log10()}
            return material.with_kept(loss.mean(), values, mean, sources)

        return replace(run, log_gradient=True).train(model, votes, objective, watch=material.watch)

    def loss(self, mean: torch.Tensor, rollout: Rollout) -> tuple[torch.Tensor, Values]:
        found = advantages(rollout.rewards, "samples", rollout.there)
        lowest = torch.where(found.alive, found.values, float("inf")).argmin(0, keepdim=True)
        highest = torch.where(found.alive, found.values, float("-inf")).argmax(0, keepdim=True)
        now = self.sampler.log_probability(mean, rollout)
        before = self.sampler.log_probability(rollout.reference, rollout)
        loss = preference_loss(
            now.gather(0, highest),
            now.gather(0, lowest),
            before.gather(0, highest),
            before.gather(0, lowest),
            self.beta,
        )[0]
        weight = rollout.weight * found.alive.any(0)
        right = (now - before).gather(0, highest) > (now - before).gather(0, lowest)
        return weighted_mean(loss, weight), {
            "preferred": weighted_mean(right[0].float(), weight),
            "flat_groups": mean.new_tensor(found.flat / max(found.groups, 1)),
            "unknown_rewards": mean.new_tensor(float(found.unknown)),
        }


def ratio_of(sampler: Sampler, mean: torch.Tensor, rollout: Rollout) -> torch.Tensor:
    """p(action) / p_old(action) per region (G, B, K)."""
    before = sampler.log_probability(sampler.before(rollout), rollout)
    return (sampler.log_probability(mean, rollout) - before).exp()


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name} is {', '.join(known)}, not {value!r}")
