"""Detectors of YOLOX's form in an ONNX file (Ge et al. 2021, https://github.com/Megvii-BaseDetection/YOLOX)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torchvision.ops import batched_nms

from models.downstream.base import Detections, Detector
from models.downstream.errors import DownstreamError
from models.own.onnx import session

STRIDES = (8, 16, 32)
PADDING = 114
SURE, OVERLAP = 0.01, 0.65
"""The least score that is kept, and the overlap from which on the less sure of two is dropped: those of YOLOX's evaluation."""


class YoloxDetector(Detector):
    """An ONNX file that takes (1, 3, S, S), BGR from 0 to 255, and gives (1, N, 5 + classes) as YOLOX exports it, not decoded.

    classes: the names of what it knows, or several lists of names: that one is taken which is as long as it says.
    Raises `OwnModelError` (no onnxruntime, an unreadable file), `DownstreamError` (another form, or number of classes).
    """

    def __init__(self, path: Path, *classes: Sequence[str]) -> None:
        self._path, self._session = path, session(path)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shape = list(inputs[0].shape) if len(inputs) == 1 else []
        if (
            len(shape) != 4
            or shape[1] != 3
            or not isinstance(shape[2], int)
            or shape[2] != shape[3]
            or shape[2] % STRIDES[-1]
        ):
            raise DownstreamError(
                f"{path} takes {[one.shape for one in inputs]}; a YOLOX detector takes one (1, 3, S, S), S fixed and a "
                f"multiple of {STRIDES[-1]}"
            )
        self._side = int(shape[2])
        self._grid, self._strides = places(self._side)
        form = list(outputs[0].shape)
        if len(form) != 3 or form[1] != len(self._grid) or not isinstance(form[2], int):
            raise DownstreamError(
                f"{path} gives {form}; of YOLOX's form, not decoded, would be (1, {len(self._grid)}, 5 + classes)"
            )
        count = form[2] - 5
        fitting = [tuple(names) for names in classes if len(names) == count]
        if not fitting:
            raise DownstreamError(
                f"{path} knows {count} classes, and the labels have {len(classes[0])}: --classes should name those it learned"
            )
        self.classes = fitting[0]

    def detect(self, picture: np.ndarray) -> Detections:
        prepared, scale = letterbox(picture, self._side)
        raw = self._session.run(None, {self._session.get_inputs()[0].name: prepared})[0][0]
        corners, scores, classes = decode(raw, self._grid, self._strides)
        height, width = picture.shape[:2]
        corners = np.clip(corners / scale / (width, height, width, height), 0, 1)
        return Detections(corners, scores, classes)


def places(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each output (N, 2) column and row in its grid, and (N, 1) the grid's stride in pixels."""
    grids, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: side // stride, : side // stride]
        grids.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((rows.size, 1), stride))
    return np.concatenate(grids).astype(np.float64), np.concatenate(strides).astype(np.float64)


def letterbox(picture: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """(H, W, 3) uint8 RGB -> (1, 3, side, side) float32 BGR from 0 to 255, at the top left, grey beside; and the scale."""
    height, width = picture.shape[:2]
    scale = min(side / height, side / width)
    size = (max(int(width * scale), 1), max(int(height * scale), 1))
    whole = np.full((side, side, 3), PADDING, np.uint8)
    whole[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(whole[..., ::-1].transpose(2, 0, 1)[None], np.float32), scale


def decode(raw: np.ndarray, grid: np.ndarray, strides: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corners (N, 4) in pixels of the network's input, scores (N,) and classes (N,), the surest first.

    raw: (N, 5 + classes). Middle = (xy + grid) stride, sides = exp(wh) stride, score = objectness times class; of every place its
    surest class, kept from `SURE` on, by non-maximum suppression within the class.
    """
    chances = raw[:, 4:5] * raw[:, 5:]
    classes = chances.argmax(axis=1)
    scores = chances[np.arange(len(raw)), classes]
    kept = scores >= SURE
    middle = (raw[kept, :2] + grid[kept]) * strides[kept]
    sides = np.exp(raw[kept, 2:4]) * strides[kept]
    corners = np.concatenate([middle - sides / 2, middle + sides / 2], axis=1).astype(np.float64)
    chosen = batched_nms(
        torch.from_numpy(corners),
        torch.from_numpy(scores[kept].astype(np.float64)),
        torch.from_numpy(classes[kept]),
        OVERLAP,
    ).numpy()
    return corners[chosen], scores[kept][chosen].astype(np.float64), classes[kept][chosen].astype(np.int64)
