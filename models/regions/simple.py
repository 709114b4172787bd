"""Regions that need no weights: superpixels, a grid, boxes at random, the whole picture."""

from __future__ import annotations

import numpy as np

from models.regions.base import Segmenter


def _refuse(**numbers: int) -> None:
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"{name} is 1 or more, not {value}")


class Superpixels(Segmenter):
    """SLIC (Achanta et al., 2012) in CIELAB, by scikit-image.

    count: of superpixels, about; compactness: of space against colour.
    """

    note = "superpixels (SLIC), for no segmenter with weights was chosen"

    def __init__(self, count: int = 16, compactness: float = 10.0) -> None:
        _refuse(count=count)
        if not compactness > 0:
            raise ValueError(f"compactness is above 0, not {compactness}")
        self.count, self.compactness = count, compactness

    def masks(self, picture: np.ndarray) -> list[np.ndarray]:
        from skimage.segmentation import slic

        labels = slic(picture, n_segments=self.count, compactness=self.compactness, start_label=0, sigma=1.0)
        return [labels == number for number in range(int(labels.max()) + 1)]


class Grid(Segmenter):
    """Rectangles of equal size. rows, columns: of them."""

    def __init__(self, rows: int = 4, columns: int = 4) -> None:
        _refuse(rows=rows, columns=columns)
        self.rows, self.columns = rows, columns

    def masks(self, picture: np.ndarray) -> list[np.ndarray]:
        height, width = picture.shape[:2]
        row = np.arange(height) * self.rows // height
        column = np.arange(width) * self.columns // width
        labels = row[:, None] * self.columns + column
        return [labels == number for number in np.unique(labels)]


class Boxes(Segmenter):
    """Boxes at random places (EVAFusion's ablation without SAM), from the content of the picture. count: of boxes; side: their
    share of the picture's sides.
    """

    note = "random boxes: an ablation"

    def __init__(self, count: int = 8, side: float = 0.35) -> None:
        _refuse(count=count)
        if not 0 < side <= 1:
            raise ValueError(f"side is a share in (0, 1], not {side}")
        self.count, self.side = count, side

    def masks(self, picture: np.ndarray) -> list[np.ndarray]:
        import zlib

        height, width = picture.shape[:2]
        tall, wide = max(1, round(self.side * height)), max(1, round(self.side * width))
        generator = np.random.default_rng(zlib.crc32(np.ascontiguousarray(picture).tobytes()))
        found = []
        for _ in range(self.count):
            top, left = generator.integers(height - tall + 1), generator.integers(width - wide + 1)
            mask = np.zeros((height, width), bool)
            mask[top : top + tall, left : left + wide] = True
            found.append(mask)
        return found


class Whole(Segmenter):
    """The picture is one region."""

    def masks(self, picture: np.ndarray) -> list[np.ndarray]:
        return [np.ones(picture.shape[:2], bool)]
