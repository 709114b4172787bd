"""torchvision's detection and segmentation networks by their names there, with its weights or with a user's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import numpy as np
import torch
import torchvision
from torch import nn

from models.core.tensors import tensor
from models.downstream.base import Detections, Detector, SegmentationNetwork
from models.downstream.errors import DownstreamError

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, of RGB in [0, 1]."""
BACKGROUND = "__background__"
NO_EPSILON = ("fasterrcnn_resnet50_fpn", "keypointrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn", "retinanet_resnet50_fpn")
"""Networks that torchvision publishes with frozen normalisation that adds nothing to the variance (its `overwrite_eps`).

A state dict does not say so. One that was trained from theirs has it, too; one whose normalisation was not frozen has not."""
CONNECT_SECONDS = 8.0
_SIDE = 520  # the shorter side at which torchvision's own segmentation weights were trained and are measured


class ZooDetector(Detector):
    """A detection network of torchvision's. classes: names by the number that it gives; number 0 is the background."""

    def __init__(self, network: nn.Module, classes: Sequence[str], device: str = "cpu") -> None:
        self._network, self._device = network.eval().to(device), device
        self.classes = tuple(classes)

    @torch.no_grad()
    def detect(self, picture: np.ndarray) -> Detections:
        found = self._network([tensor(picture)[0].to(self._device)])[0]
        height, width = picture.shape[:2]
        corners = found["boxes"].cpu().numpy().astype(np.float64) / (width, height, width, height)
        return Detections(corners, found["scores"].cpu().numpy().astype(np.float64), found["labels"].cpu().numpy())


class ZooSegmentation(SegmentationNetwork):
    """A segmentation network of torchvision's. side: of the shorter side that it is shown, in pixels; None: as the picture is."""

    def __init__(
        self, network: nn.Module, classes: Sequence[str], side: int | None = None, device: str = "cpu"
    ) -> None:
        self._network, self._device, self._side = network.eval().to(device), device, side
        self.classes = tuple(classes)

    @torch.no_grad()
    def segment(self, picture: np.ndarray) -> np.ndarray:
        shown = normalised(tensor(picture).to(self._device))
        height, width = picture.shape[:2]
        if self._side is not None:
            factor = self._side / min(height, width)
            size = (round(height * factor), round(width * factor))
            shown = nn.functional.interpolate(shown, size, mode="bilinear", align_corners=False, antialias=True)
        return classes_of(self._network(shown)["out"], (height, width))


def normalised(pictures: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W) RGB in [0, 1] less ImageNet's mean, over its deviation."""
    mean, deviation = (pictures.new_tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return (pictures - mean) / deviation


def classes_of(logits: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    """(1, C, h, w) logits -> (H, W) int64, the likeliest class of each pixel, after scaling the logits (bilinear)."""
    return nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False)[0].argmax(dim=0).cpu().numpy()


def zoo_detector(name: str, own: Sequence[str], weights: Path | None = None, device: str = "cpu") -> ZooDetector:
    """The detection network `name` of torchvision, such as fasterrcnn_resnet50_fpn.

    weights: None: torchvision's, trained on COCO, from its cache or address. A file: a state dict (.safetensors, or .pth, read as
    tensors alone) of the background and the classes `own`, in this order, or of COCO's.
    Raises `DownstreamError`: no such network; weights that cannot be had, or are of another network.
    """
    network, classes, _ = _built(name, torchvision.models.detection, "detector", (BACKGROUND, *own), weights)
    return ZooDetector(network, classes, device)


def zoo_segmentation(
    name: str, own: Sequence[str], weights: Path | None = None, device: str = "cpu"
) -> ZooSegmentation:
    """The segmentation network `name` of torchvision, such as deeplabv3_mobilenet_v3_large.

    weights: as of `zoo_detector`, a file is of the classes `own` in this order, or of the 21 of Pascal VOC. Pictures are shown to
    torchvision's own weights with a shorter side of 520 pixels, to others as they are. Raises as `zoo_detector`.
    """
    network, classes, official = _built(name, torchvision.models.segmentation, "segmentation network", own, weights)
    return ZooSegmentation(network, classes, _SIDE if official else None, device)


def coco_classes() -> tuple[str, ...]:
    """The 80 names of COCO, in the order that most detectors have them."""
    names = torchvision.models.detection.FasterRCNN_ResNet50_FPN_Weights.DEFAULT.meta["categories"]
    return tuple(name for name in names if name not in (BACKGROUND, "N/A"))


def _built(
    name: str, module: Any, what: str, own: Sequence[str], weights: Path | None
) -> tuple[nn.Module, Sequence[str], bool]:
    """The network with its weights, its classes, and whether these are torchvision's."""
    models = torchvision.models
    names = models.list_models(module=module)
    if name not in names:
        raise DownstreamError(f"torchvision has no {what} {name!r}; it has {', '.join(names)}")
    official = models.get_model_weights(name).DEFAULT
    published = tuple(official.meta["categories"])
    if weights is None:
        return _published(name, official), published, True
    state = {key: value for key, value in read_state(weights).items() if not key.startswith("aux_classifier.")}
    reasons = []
    for classes, theirs in ((tuple(own), False), (published, True)):
        network = models.get_model(name, weights=None, weights_backbone=None, num_classes=len(classes))
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            reasons.append(f"of {len(classes)} classes: {' '.join(str(error).split())[:160]}")
            continue
        if name in NO_EPSILON and not any(key.endswith("num_batches_tracked") for key in state):
            for part in network.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.eps = 0.0
        return network, classes, theirs
    raise DownstreamError(
        f"{weights} does not fit {name}, {'; '.join(reasons)}. Does --classes name the classes it learned, in order?"
    )


def _published(name: str, official: Any) -> nn.Module:
    """The network with torchvision's weights, from its cache (`torch.hub.get_dir()`) or its address, checked on the way."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(official.url).path).name
    try:
        if not file.is_file():
            if os.environ.get("LOUPE_OFFLINE", "") not in {"", "0"}:
                raise OSError("not tried, LOUPE_OFFLINE is set")
            # torch waits for an answer for ever.
            urlopen(Request(official.url, method="HEAD"), timeout=CONNECT_SECONDS).close()
        network: nn.Module = torchvision.models.get_model(name, weights=official, progress=False)
    except (OSError, RuntimeError) as error:
        raise DownstreamError(
            f"the weights of torchvision's {name} could not be had ({error}). Fetch {official.url} elsewhere and put it there as "
            f"{file}, or name weights of your own by --weights"
        ) from error
    return network


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """A state dict in a .safetensors, or in a .pth that is read as tensors alone. Raises `DownstreamError`."""
    if not path.is_file():
        raise DownstreamError(f"there are no weights {path}; check --weights")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or foreign file makes torch raise
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DownstreamError(
            f"{path} cannot be read as weights ({told}); `loupe weights convert {path}` may say more"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise DownstreamError(f"{path} is no state dict; `loupe weights convert {path}` makes one of a checkpoint")
    return found
