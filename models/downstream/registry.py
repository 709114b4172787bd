"""Detectors and segmentation networks by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from models.downstream.base import Detector, SegmentationNetwork
from models.downstream.classes import Classes
from models.downstream.errors import DownstreamError
from models.downstream.onnx_segmentation import OnnxSegmentation, Values
from models.downstream.yolox import YoloxDetector
from models.downstream.zoo import coco_classes, zoo_detector, zoo_segmentation
from models.weights import resolve

TORCHVISION = "torchvision:"


def _yolox_nano() -> Detector:
    return YoloxDetector(resolve("yolox_nano"), coco_classes())


DETECTORS: dict[str, Callable[[], Detector]] = {"yolox_nano": _yolox_nano}
"""Detectors that come with their weights."""


def detector(name: str, classes: Classes, weights: Path | None = None, device: str = "cpu") -> Detector:
    """The detector `name`: one of `DETECTORS`, `torchvision:NAME`, or an ONNX file of YOLOX's form.

    classes: the labels', which are also what a network of a user's own knows, in this order, unless it has COCO's number.
    weights: a file, for `torchvision:NAME` alone. Raises `DownstreamError`, `OwnModelError`, `WeightUnavailable`.
    """
    if name.startswith(TORCHVISION):
        return zoo_detector(name.removeprefix(TORCHVISION), classes.names, weights, device)
    _no_weights(name, weights)
    if name in DETECTORS:
        return DETECTORS[name]()
    return YoloxDetector(_onnx(name, "detector", DETECTORS), classes.names, coco_classes())


def segmentation_network(
    name: str, classes: Classes, weights: Path | None = None, device: str = "cpu", values: Values = "imagenet"
) -> SegmentationNetwork:
    """The segmentation network `name`: `torchvision:NAME`, or an ONNX file with logits (1, classes, h, w).

    classes, weights: as of `detector`; an ONNX file knows the labels' classes. values: what an ONNX file takes.
    Raises as `detector`.
    """
    if name.startswith(TORCHVISION):
        return zoo_segmentation(name.removeprefix(TORCHVISION), classes.names, weights, device)
    _no_weights(name, weights)
    return OnnxSegmentation(_onnx(name, "segmentation network", ()), classes.names, values=values)


def _onnx(name: str, what: str, known: Iterable[str]) -> Path:
    path = Path(name).expanduser()
    if path.suffix != ".onnx":
        raise DownstreamError(
            f"no {what} is called {name!r}; there are {', '.join([*known, TORCHVISION + 'NAME', 'FILE.onnx'])}"
        )
    if not path.is_file():
        raise DownstreamError(f"{name}: there is no such file in {Path.cwd()}")
    return path


def _no_weights(name: str, weights: Path | None) -> None:
    if weights is not None:
        raise DownstreamError(f"--weights is for {TORCHVISION}NAME; {name} has its weights in it")
