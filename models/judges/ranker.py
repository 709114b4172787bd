"""The image quality ranker (HiLLIE, Sec. 3.2.2 and supplement E)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from models.judges.base import Judge

BLOCKS = 9
SLOPE = 0.2


class Ranker(Judge):
    """One branch of the siamese ranker: a scalar per image, lower for better images (as NIQE).

    Convolution and LeakyReLU, nine blocks of convolution, batch normalisation and LeakyReLU, global average pooling, two
    fully connected layers with a LeakyReLU between. The paper publishes neither channels nor strides: they are arguments.

    widths: channels of the first convolution and of the nine blocks. strides: of the nine blocks. hidden: units between
    the fully connected layers. reduce: factor by which the image is averaged down first, which makes the ranker see more of
    a picture at once and less of its noise. Input (B, 3, H, W), float in [0, 1], sRGB, any size; output (B,).
    """

    def __init__(self, widths: Sequence[int], strides: Sequence[int], hidden: int, reduce: int = 1) -> None:
        super().__init__()
        if len(widths) != BLOCKS + 1 or len(strides) != BLOCKS:
            raise ValueError(
                f"a ranker needs {BLOCKS + 1} widths and {BLOCKS} strides, not {len(widths)}, {len(strides)}"
            )
        self.reduce = reduce
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, padding=1), nn.LeakyReLU(SLOPE)]
        for inputs, outputs, stride in zip(widths, widths[1:], strides, strict=False):
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.LeakyReLU(SLOPE),
            ]
        self.branch = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Linear(widths[-1], hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if self.reduce > 1:
            image = F.avg_pool2d(image, self.reduce, ceil_mode=True, count_include_pad=False)
        features = self.branch(image * 2 - 1).mean((2, 3))
        return self.classifier(features).squeeze(1)

    def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        scores: torch.Tensor = self(pictures)
        return scores
