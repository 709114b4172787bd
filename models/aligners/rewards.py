"""What a judge says of samples, region by region: (G, B, K), higher is better, in few large batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch.nn import functional as F

from models.judges.base import HIGHEST, Judge, RatedJudge, costs
from models.quality import create, info
from models.quality.metric import Metric

View = Literal["regions", "whole", "local"]
LEAST_BOX = 32
"""Pixels a side that a region is shown with, at least: less is no picture to a judge."""
_AT_ONCE = 64


def scored(
    judge: Judge, pictures: torch.Tensor, sources: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Of G versions (G, M, 3, H, W) of M scenes, whose sources (M, 3, H, W) are seen once.

    Scores (G, M), higher is better, and the judge's maps of artifacts (G, M, side, side), where it has some.
    """
    count, scenes = pictures.shape[:2]
    flat = pictures.flatten(0, 1)
    places = torch.arange(scenes, device=flat.device).repeat(count)
    seen = [judge.features(source) for source in sources] if isinstance(judge, RatedJudge) else list(sources)
    found, heat = [], []
    for part in range(0, len(flat), _AT_ONCE):
        some, of = flat[part : part + _AT_ONCE], places[part : part + _AT_ONCE]
        if isinstance(judge, RatedJudge):
            opinion = judge.judged(judge.features(some), [one[of] for one in seen])
            found.append(judge.overall(opinion))
            heat += [] if opinion.heatmap is None else [opinion.heatmap[:, 0]]
        else:
            found.append(-costs(judge, some, [one[of] for one in seen] if judge.uses_sources else ()))
    return torch.cat(found).reshape(count, scenes), torch.cat(heat).unflatten(0, (count, scenes)) if heat else None


def boxes_of(regions: torch.Tensor) -> torch.Tensor:
    """Bounding boxes (B, K, 4) of regions (B, K, H, W): left, top, right, bottom, grown to `LEAST_BOX` where they can be.

    An empty region's box is the whole picture.
    """
    height, width = regions.shape[-2:]

    def ends(line: torch.Tensor, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        place = torch.arange(length, device=line.device)
        first = torch.where(line, place, length).amin(-1)
        last = torch.where(line, place + 1, 0).amax(-1)
        first, last = torch.where(line.any(-1), first, 0), torch.where(line.any(-1), last, length)
        lacking = (LEAST_BOX - (last - first)).clamp(min=0)
        first = (first - lacking // 2).clamp(min=0)
        last = (torch.maximum(last, first + LEAST_BOX)).clamp(max=length)
        return torch.minimum(first, (last - LEAST_BOX).clamp(min=0)), last

    left, right = ends(regions.amax(2) > 0, width)
    top, bottom = ends(regions.amax(3) > 0, height)
    return torch.stack([left, top, right, bottom], -1).to(regions.dtype)


def cut_out(pictures: torch.Tensor, boxes: torch.Tensor, side: int) -> torch.Tensor:
    """The boxes (B, K, 4) of pictures (B, 3, H, W), each brought to side x side: (B * K, 3, side, side)."""
    from torchvision.ops import roi_align

    # The middle of the first pixel is 0.5 in both: aligned.
    found: torch.Tensor = roi_align(pictures, list(boxes), output_size=side, aligned=True)
    return found


def region_rewards(
    judge: Judge, samples: torch.Tensor, sources: Sequence[torch.Tensor], regions: torch.Tensor, view: View, side: int
) -> torch.Tensor:
    """Rewards (G, B, K) of samples (G, B, 3, H, W), for regions (B, K, H, W).

    view: `regions` shows the judge each region's box, of samples and sources, at `side` pixels; `whole` the pictures, whose score
    is then each region's; `local` takes from that what the judge's map of artifacts, where it has one, says of the region.
    """
    count, batch = samples.shape[:2]
    shown = samples.clamp(0, 1)
    if view != "regions":
        scores, heat = scored(judge, shown, sources)
        every = scores[..., None].expand(-1, -1, regions.shape[1])
        if view == "whole" or heat is None:
            return every
        small = F.interpolate(regions, heat.shape[-2:], mode="area")
        inside = torch.einsum("gbhw,bkhw->gbk", heat, small) / small.sum((2, 3)).clamp(min=1e-6)
        return every - HIGHEST * inside
    boxes = boxes_of(regions)
    versions = torch.stack([cut_out(one, boxes, side) for one in shown])
    parts = [cut_out(source, boxes, side) for source in sources]
    return scored(judge, versions, parts)[0].reshape(count, batch, -1)


class Beside:
    """Metrics as rewards beside the judge's, in standard deviations of a group. weights: of registered metrics by name.

    They need no gradient. Raises ValueError: a metric that needs a reference; UnknownMetric.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        for name in weights:
            if info(name).needs_reference:
                raise ValueError(f"metric {name!r} compares with a reference, which there is none of in an alignment")
        self._weights, self._made = dict(weights), dict[str, Metric]()

    def together(self, rewards: torch.Tensor, samples: torch.Tensor, sources: Sequence[torch.Tensor]) -> torch.Tensor:
        """Rewards (G, B, K) of samples (G, B, 3, H, W), standardised over the samples, and the metrics' by their weights."""
        if not self._weights:
            return rewards
        shown, count = samples.clamp(0, 1).flatten(0, 1), len(samples)
        total = standardised(rewards)
        for name, weight in self._weights.items():
            facts = info(name)
            if name not in self._made:
                self._made[name] = create(name, shown.device)
            repeated = tuple(source.repeat(count, 1, 1, 1) for source in sources)
            values = self._made[name](shown, sources=repeated if facts.needs_sources else None).to(rewards.device)
            sign = 1.0 if facts.higher_is_better else -1.0
            total = total + sign * weight * standardised(values.reshape(count, -1, 1).to(rewards.dtype))
        return total


def standardised(rewards: torch.Tensor) -> torch.Tensor:
    """(reward - mean) / standard deviation over the samples; 0 where they are all alike."""
    mean, deviation = rewards.mean(0), rewards.std(0, correction=0)
    return torch.where(deviation > 1e-6 * (1 + mean.abs()), (rewards - mean) / deviation, 0 * rewards)


def heat_of(judge: Judge, pictures: torch.Tensor, sources: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """The judge's map of artifacts (B, H, W) in [0, 1] at the pictures' size; None for a judge that has none."""
    if not isinstance(judge, RatedJudge):
        return None
    heat = judge.opinion(pictures.clamp(0, 1), sources).heatmap
    if heat is None:
        return None
    found = F.interpolate(heat, pictures.shape[-2:], mode="bilinear", align_corners=False)
    return found[:, 0]
