"""The shift between an infrared and a visible picture of one scene, by the directions of their edges.

An edge that is bright on one side in the one picture may be dark there in the other, or absent. So each pixel's gradient is
taken as a complex number and squared, which makes opposite directions one (normalised gradient fields, Haber & Modersitzki 2006),
and the shift is where the two fields agree best: the largest real part of their cross-correlation, of all shifts at once by FFT.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

SMALLEST = 32
"""Pixels a side."""
MOST = 0.05
"""The largest shift that is looked for, of the longer side."""
CERTAIN = 5.0
"""Deviations by which the best agreement stands out of all others, from which on a shift is believed: pictures of different
scenes of RoadScene reach 4.1."""
_SMOOTH = 1.5


@dataclass(frozen=True)
class Shift:
    """How far `moving` lies from `fixed`, in pixels to the right (x) and down (y); 0, 0 where that is not `certain`.

    evidence: deviations by which the agreement at the shift stands out of those at all shifts that were looked at.
    """

    x: float
    y: float
    evidence: float

    @property
    def certain(self) -> bool:
        return self.evidence >= CERTAIN

    @property
    def length(self) -> float:
        return math.hypot(self.x, self.y)

    def __str__(self) -> str:
        return f"{self.length:.1f} pixels ({self.x:+.1f} right, {self.y:+.1f} down)"


def shift_between(moving: np.ndarray, fixed: np.ndarray) -> Shift:
    """Estimate the shift of pictures (H, W) or (H, W, 3), of one size, float in [0, 1], to a tenth of a pixel or so.

    With sides below `SMALLEST` nothing is estimated. Raises ValueError: other sizes.
    """
    if moving.shape[:2] != fixed.shape[:2]:
        raise ValueError(f"pictures of one size have a shift, not {moving.shape} and {fixed.shape}")
    if min(fixed.shape[:2]) < SMALLEST:
        return Shift(0.0, 0.0, 0.0)
    one, other = _directions(moving), _directions(fixed)
    agreement = np.fft.ifft2(np.fft.fft2(one) * np.conj(np.fft.fft2(other))).real
    reach = max(2, min(round(MOST * max(fixed.shape[:2])), min(fixed.shape[:2]) // 4))
    around = np.roll(agreement, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    row, column = np.unravel_index(int(around.argmax()), around.shape)
    spread = float(np.median(np.abs(around - np.median(around)))) * 1.4826
    evidence = float(around[row, column] - np.median(around)) / spread if spread > 0 else 0.0
    if evidence < CERTAIN:
        return Shift(0.0, 0.0, evidence)
    y, x = (_peak(line, place) - reach for line, place in ((around[:, column], int(row)), (around[row], int(column))))
    return Shift(x, y, evidence)


def shifted(picture: np.ndarray, shift: Shift) -> np.ndarray:
    """The moving picture (H, W, ...) brought over the fixed one; what comes from outside repeats the border."""
    import cv2

    matrix = np.array([[1, 0, shift.x], [0, 1, shift.y]], np.float64)
    size = (picture.shape[1], picture.shape[0])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(moved, 0, 1) if picture.dtype.kind == "f" else moved


def _directions(picture: np.ndarray) -> np.ndarray:
    """Squared unit gradients (H, W), complex; short where there is no edge, and at the border, which is one in both."""
    import cv2

    grey = picture if picture.ndim == 2 else picture.mean(2)
    grey = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _SMOOTH)
    gradient = cv2.Sobel(grey, cv2.CV_32F, 1, 0) + 1j * cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    strength = np.abs(gradient)
    floor = max(float(np.median(strength)), 1e-6)
    field = (gradient / (strength + floor)) ** 2
    window = np.outer(*(np.hanning(side) for side in field.shape))
    return np.asarray(field * window)


def _peak(values: np.ndarray, place: int) -> float:
    """The place of a maximum between samples, by a parabola through it and its neighbours."""
    if not 0 < place < len(values) - 1:
        return float(place)
    before, at, after = (float(value) for value in values[place - 1 : place + 2])
    bend = before - 2 * at + after
    return place + (0.5 * (before - after) / bend if bend < 0 else 0.0)
