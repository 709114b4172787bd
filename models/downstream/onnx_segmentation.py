"""Segmentation networks in ONNX files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from models.core.tensors import tensor
from models.downstream.base import SegmentationNetwork
from models.downstream.errors import DownstreamError
from models.downstream.zoo import classes_of, normalised
from models.own.onnx import session

Values = Literal["imagenet", "unit"]


class OnnxSegmentation(SegmentationNetwork):
    """An ONNX file that takes (1, 3, H, W) RGB and gives logits (1, classes, h, w), of any h and w.

    A file of a fixed H and W is shown the picture scaled to it. values: `imagenet`, less ImageNet's mean over its deviation, or
    `unit`, [0, 1]. classes: the names of what it knows, in its order.
    Raises `OwnModelError` (no onnxruntime, an unreadable file), `DownstreamError` (another form, or number of classes).
    """

    def __init__(self, path: Path, classes: Sequence[str], values: Values = "imagenet") -> None:
        self._path, self._session, self._values = path, session(path), values
        inputs = self._session.get_inputs()
        shape = list(inputs[0].shape) if len(inputs) == 1 else []
        if len(shape) != 4 or shape[1] != 3 or inputs[0].type != "tensor(float)":
            given = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
            raise DownstreamError(
                f"{path} takes {given or 'nothing'}; a segmentation network takes pictures (1, 3, H, W), float32"
            )
        self._input = inputs[0].name
        self._size = (shape[2], shape[3]) if all(isinstance(side, int) for side in shape[2:]) else None
        logits = self._run(torch.zeros(1, 3, *(self._size or (256, 256))))
        if len(classes) != logits.shape[1]:
            raise DownstreamError(
                f"{path} knows {logits.shape[1]} classes, and the labels have {len(classes)}: --classes should name those it "
                "learned"
            )
        self.classes = tuple(classes)

    def segment(self, picture: np.ndarray) -> np.ndarray:
        shown = tensor(picture)
        if self._size is not None:
            shown = nn.functional.interpolate(shown, self._size, mode="bilinear", align_corners=False, antialias=True)
        return classes_of(self._run(normalised(shown) if self._values == "imagenet" else shown), picture.shape[:2])

    def _run(self, shown: torch.Tensor) -> torch.Tensor:
        try:
            logits = self._session.run(None, {self._input: shown.numpy()})[0]
        except Exception as error:
            told = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise DownstreamError(
                f"{self._path} fails on a picture of {shown.shape[3]} x {shown.shape[2]} ({told}); export it for a fixed size"
            ) from error
        if logits.ndim != 4 or logits.shape[0] != 1 or logits.shape[1] < 2:
            raise DownstreamError(
                f"{self._path} gives {logits.shape}; a segmentation network gives logits (1, classes, h, w)"
            )
        return torch.from_numpy(np.asarray(logits, np.float32))
