"""The reward model (EVAFusion, Sec. 3.3): infrared, visible and fused picture -> a score a criterion, and a heatmap of artifacts.

    features     of each picture by one frozen encoder
    joined       on channels, projected, and seen together by a second encoder, a transformer over the grid
    branches     a heatmap: upsampled four times, sigmoid; the scores: pooled, a small network each, sigmoid (labels over 5)

The public code takes the second encoder from random weights and leaves it so, which is a flaw: here it learns. The overall score,
which the rounds go by, is the mean of the criteria.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import torch
from torch import nn
from torch.nn import functional as F

from models.judges import encoders
from models.judges.base import Opinion, RatedJudge

FAR = 6.0
"""Standard deviations from the mean, beyond which a feature says no more."""
LEAST = 0.1
"""Of the middle channel's deviation: channels that vary less are not magnified to the others' size."""
CRITERIA = ("thermal", "texture", "artifacts", "sharpness")
"""What EVAFusion's experts score, 1 to 5."""


class RewardModel(RatedJudge):
    """Scores fused pictures beside their sources, infrared and visible.

    encoder: of `models.judges.encoders`, also timm/NAME. side: pixels to which a picture is brought for it. grid: places a side.
    width, depth, heads: of the second encoder. criteria: what is scored. heatmap, score_branch: false leaves a branch out
    (ablations); without the scores a picture's is 1 - the mean of its heatmap. Raises ValueError: an unknown encoder, numbers
    that do not fit; WeightUnavailable.
    """

    uses_sources = True
    places: torch.Tensor
    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(
        self,
        encoder: str = "efficientnet_lite0",
        side: int = 224,
        grid: int = 14,
        width: int = 128,
        depth: int = 2,
        heads: int = 4,
        criteria: Sequence[str] = CRITERIA,
        heatmap: bool = True,
        score_branch: bool = True,
    ) -> None:
        super().__init__()
        options = {
            "encoder": encoder, "side": side, "grid": grid, "width": width, "depth": depth, "heads": heads,
            "criteria": list(criteria), "heatmap": heatmap, "score_branch": score_branch,
        }  # fmt: skip
        self.architecture = json.dumps({"judge": "reward", "options": options}, sort_keys=True)
        if min(side, grid, width, depth, heads) < 1 or width % heads or width % 4 or side < 2 * grid:
            raise ValueError(
                "width should be a multiple of heads and of 4, side at least twice grid, all positive, not width "
                f"{width}, heads {heads}, side {side}, grid {grid}, depth {depth}"
            )
        if not (heatmap or score_branch) or not criteria:
            raise ValueError("a reward model has a branch at least, and criteria")
        self.side, self.grid, self.criteria, self.heatmap_side = side, grid, tuple(criteria), 4 * grid
        self.encoder = encoders.encoder(encoder, grid)
        self.project = nn.Sequential(
            nn.Conv2d(3 * self.encoder.channels, 2 * width, 1), nn.GELU(), nn.Conv2d(2 * width, width, 1)
        )
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.together = nn.TransformerEncoder(layer, depth, nn.LayerNorm(width), enable_nested_tensor=False)
        self.register_buffer("mean", torch.zeros(self.encoder.channels, 1, 1))
        self.register_buffer("deviation", torch.ones(self.encoder.channels, 1, 1))
        self.register_buffer("places", _places(grid, width), persistent=False)
        self.heatmap = _heatmap_branch(width) if heatmap else None
        self.score = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, 1))
            for _ in (self.criteria if score_branch else ())
        )

    def features(self, picture: torch.Tensor) -> torch.Tensor:
        """Of pictures (B, 3, H, W), float in [0, 1], sRGB: (B, C, grid, grid). The same as long as the options are."""
        found: torch.Tensor = self.encoder(self.prepared(picture))
        return found

    def prepared(self, picture: torch.Tensor) -> torch.Tensor:
        """Pictures (B, 3, H, W) reduced or enlarged to (B, 3, side, side)."""
        if picture.shape[-2:] == (self.side, self.side):
            return picture
        return F.interpolate(picture, (self.side, self.side), mode="bilinear", align_corners=False, antialias=True)

    def judged(self, fused: torch.Tensor, sources: Sequence[torch.Tensor]) -> Opinion:
        """What it makes of features (B, C, grid, grid) of the fused picture, and of infrared and visible."""
        usual = [((one - self.mean) / self.deviation).clamp(-FAR, FAR) for one in (*sources, fused)]
        joined = self.project(torch.cat(usual, 1)) + self.places
        batch, width = joined.shape[:2]
        tokens = self.together(joined.flatten(2).transpose(1, 2))
        seen = tokens.transpose(1, 2).reshape(batch, width, self.grid, self.grid)
        pooled = torch.cat([tokens.mean(1), tokens.amax(1)], 1)
        scores = [torch.sigmoid(head(pooled)) for head in self.score]
        return Opinion(
            torch.cat(scores, 1) if scores else pooled.new_zeros(batch, 0),
            None if self.heatmap is None else torch.sigmoid(self.heatmap(seen)),
        )

    @torch.no_grad()
    def get_used_to(self, features: Iterable[torch.Tensor]) -> None:
        """Take the mean and the standard deviation of each channel of features (C, grid, grid) as 0 and 1."""
        total, squares, count = torch.zeros(()), torch.zeros(()), 0
        for one in features:
            values = one.double().flatten(1)
            total, squares, count = total + values.sum(1), squares + values.square().sum(1), count + values.shape[1]
        mean = total / count
        deviation = (squares / count - mean.square()).clamp(min=0).sqrt()
        self.mean.copy_(mean[:, None, None])
        self.deviation.copy_(deviation.clamp(min=LEAST * float(deviation.median()) + 1e-6)[:, None, None])

    def opinion(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor]) -> Opinion:
        """Of fused pictures (B, 3, H, W), float in [0, 1], sRGB. sources: infrared and visible. Raises ValueError: not two."""
        if len(sources) != 2:
            raise ValueError(
                f"a reward model is given infrared and visible beside the fused picture, not {len(sources)}"
            )
        return super().opinion(pictures, sources)


def _heatmap_branch(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, width // 2, 3, padding=1),
        nn.GELU(),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        nn.Conv2d(width // 2, width // 4, 3, padding=1),
        nn.GELU(),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        nn.Conv2d(width // 4, 1, 3, padding=1),
    )


def _places(grid: int, width: int) -> torch.Tensor:
    """Sines and cosines of row and column (1, width, grid, grid), as transformers of pictures have them."""
    rates = 10000 ** (-torch.arange(width // 4) / (width // 4))
    angles = torch.arange(grid)[:, None] * rates
    line = torch.cat([angles.sin(), angles.cos()], 1).T  # (width / 2, grid)
    rows = line[:, :, None].expand(-1, -1, grid)
    columns = line[:, None, :].expand(-1, grid, -1)
    return torch.cat([rows, columns])[None]
