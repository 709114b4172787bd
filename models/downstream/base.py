"""What labels are, what a detector and a segmentation network say of a picture: one form for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

IGNORED = 255
"""The value of mask pixels that are not scored."""


@dataclass(frozen=True)
class Boxes:
    """The labelled objects of a picture.

    corners: (N, 4) float64, left, top, right, bottom in [0, 1], relative to the picture's width and height: so one label serves
    pictures of every size, and overlaps are those in pixels. classes: (N,) int64, places in the labels' classes. crowd: (N,)
    bool, COCO's `iscrowd`: a region of many objects; what is found there is neither right nor wrong.
    """

    corners: np.ndarray
    classes: np.ndarray
    crowd: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)

    def only(self, classes: Collection[int]) -> Boxes:
        """The objects of these classes alone."""
        kept = np.isin(self.classes, list(classes))
        return Boxes(self.corners[kept], self.classes[kept], self.crowd[kept])


@dataclass(frozen=True)
class Detections:
    """What a detector found: corners (N, 4) as of `Boxes`, scores (N,) the higher the surer, classes (N,) int64."""

    corners: np.ndarray
    scores: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)


class Detector(ABC):
    """A network that finds objects. classes: the names of what it knows, by the number that it gives."""

    classes: tuple[str, ...]

    @abstractmethod
    def detect(self, picture: np.ndarray) -> Detections:
        """picture: (H, W, 3) uint8, sRGB. The classes are places in `self.classes`."""


class SegmentationNetwork(ABC):
    """A network that gives each pixel a class. classes: their names, by the number that it gives."""

    classes: tuple[str, ...]

    @abstractmethod
    def segment(self, picture: np.ndarray) -> np.ndarray:
        """picture: (H, W, 3) uint8, sRGB. Returns (H, W) int64, places in `self.classes`."""
