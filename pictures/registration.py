"""Registration of pictures of one scene that differ in exposure: a rotation and a shift, found to a fraction of a pixel.

The luma of both is normalised by its surroundings (its local mean taken off, divided by its local deviation), which a tone
curve hardly changes. A start (none, OpenCV's median threshold bitmaps: Ward, Fast robust image registration for compositing
high dynamic range photographs, JGT 2003; or SIFT features) is refined from coarse to fine by the enhanced correlation
coefficient (Evangelidis & Psarakis, Parametric image alignment using enhanced correlation coefficient maximization, PAMI
2008). The finest level has sides of at most `SIDE`, whatever the photo's size, which bounds memory and time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

SIDE = 2048
"""Pixels of the longer side of the finest level on which motion is estimated."""
COARSE = 320
"""Pixels of the longer side of the level at which starts are compared."""
STILL = 0.5
"""Pixels; a mean motion below is none: pictures of a tripod stay as they are, byte for byte."""
MAX_SHIFT, MAX_DEGREES = 0.2, 10.0
"""The largest motion that is believed: of the longer side, and degrees."""
MIN_SCORE = 0.3
"""Correlation that pictures of one scene have at least once they are aligned."""
GRID, BLOCKS, MIN_STRUCTURE = 5, 4, 0.02
"""A picture is judged in GRID x GRID blocks; BLOCKS of them at least need structure in both pictures on this share."""
MIN_EVIDENCE = 5.0
"""Student's t of the blocks' gains, from which on a motion is believed; a registered pair of real brackets reaches 4."""
SMALLEST, LARGEST = 32, 32766
"""Sides in pixels: with fewer nothing is estimated, more OpenCV does not warp."""
_FLAT, _STRUCTURE = 3 / 255, 0.2


class RegistrationError(ValueError):
    """Two pictures cannot be brought over one another: the reason, in one line without a name."""


@dataclass(frozen=True)
class Registration:
    """How `moving` lies to `fixed`.

    matrix: (2, 3) float64, takes pixel places (x, y) of `fixed` to those of `moving`, the centre of the first pixel at (0, 0).
    shift: (x, y) in pixels of the picture's middle. degrees: of rotation, clockwise as seen on the screen.
    motion: how far the pixels move in the mean. score: correlation of the normalised pictures after alignment, where both
    have structure (median over parts of the picture), in [-1, 1]; NaN where too little structure is there to tell.
    """

    matrix: np.ndarray
    shift: tuple[float, float]
    degrees: float
    motion: float
    score: float

    @property
    def still(self) -> bool:
        """Whether nothing moved."""
        return self.motion == 0.0

    def __str__(self) -> str:
        return f"{math.hypot(*self.shift):.1f} pixels, {abs(self.degrees):.2f} degrees"


def register(moving: np.ndarray, fixed: np.ndarray) -> Registration:
    """Find the motion of `moving` against `fixed`: (H, W, 3) or (H, W) of one size; uint8, uint16 or float in [0, 1].

    A mean motion below `STILL` pixels is returned as none, and so is one that the parts of the picture do not agree on.
    Where too few parts show structure in both pictures nothing can be told: no motion, with a score of NaN.
    Raises `RegistrationError`: other sizes, no likeness at any motion, too large a motion.
    """
    if moving.shape[:2] != fixed.shape[:2]:
        raise RegistrationError(f"their sizes differ ({_size(moving)} and {_size(fixed)})")
    size = fixed.shape[:2]
    if max(size) >= LARGEST:
        raise RegistrationError(f"{_size(fixed)} is more than the {LARGEST} pixels a side that can be warped")
    if min(size) < SMALLEST:
        return still(math.nan)
    scale = min(1.0, SIDE / max(size))
    one, other = _luma(moving, scale), _luma(fixed, scale)
    levels = list(_levels(one, other))
    matrix = _started(one, other, *levels[0])
    for factor, a, b in levels:
        matrix = _rescaled(_refined(a, b, _rescaled(matrix, factor), 30), 1 / factor)
    before, after = _block_scores(*levels[-1][1:], matrix)
    if len(before) < BLOCKS:
        return still(math.nan)
    score, alike = float(np.median(after)), float(np.median(before))
    full = _rescaled(matrix, 1 / scale)
    motion = mean_motion(full, size)
    if max(score, alike) < MIN_SCORE:
        raise RegistrationError(f"they show no likeness at any motion (correlation {max(score, alike):.2f})")
    if motion < STILL or _evidence(after - before) < MIN_EVIDENCE:
        return still(alike) if alike >= MIN_SCORE else still(math.nan)
    found = Registration(full, *_parts(full, size), motion, score)
    if math.hypot(*found.shift) > MAX_SHIFT * max(size) or abs(found.degrees) > MAX_DEGREES:
        raise RegistrationError(f"they lie too far apart ({found})")
    return found


def _block_scores(moving: np.ndarray, fixed: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlations of two normalised pictures (H, W) before and after the motion, a number for each block of a 5 x 5 grid.

    Blocks in which too few pixels have structure in both pictures are left out.
    """
    import cv2

    height, width = fixed.shape
    moved = cv2.warpAffine(moving, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    both = (np.abs(moving) > _STRUCTURE) & (np.abs(moved) > _STRUCTURE) & (np.abs(fixed) > _STRUCTURE)
    scores = []
    for row in range(GRID):
        for column in range(GRID):
            block = (
                slice(row * height // GRID, (row + 1) * height // GRID),
                slice(column * width // GRID, (column + 1) * width // GRID),
            )
            there = both[block]
            if there.mean() >= MIN_STRUCTURE and there.sum() >= 16:
                target = fixed[block][there]
                scores.append([_cosine(picture[block][there], target) for picture in (moving, moved)])
    before, after = np.array(scores).reshape(-1, 2).T
    return before, after


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float((one * other).sum() / np.sqrt((one * one).sum() * (other * other).sum()))


def _evidence(gains: np.ndarray) -> float:
    """Student's t of the blocks' gains: how sure it is that the motion makes the picture more alike everywhere."""
    return float(gains.mean() / (gains.std(ddof=1) / math.sqrt(len(gains)) + 1e-9))


def followed_by(first: Registration, second: Registration, size: tuple[int, int]) -> Registration:
    """The motion of a third picture against the first one's `fixed`, known against the first one's `moving`. size: (H, W)."""
    if first.still or second.still:
        return replace(second if first.still else first, score=min(first.score, second.score))
    square = np.vstack([first.matrix, [0, 0, 1]])
    matrix = second.matrix @ square
    return Registration(matrix, *_parts(matrix, size), mean_motion(matrix, size), min(first.score, second.score))


def mean_motion(matrix: np.ndarray, size: tuple[int, int]) -> float:
    """Pixels that the places of a grid over the picture move in the mean. size: (H, W)."""
    ys, xs = np.meshgrid(np.linspace(0, size[0] - 1, 9), np.linspace(0, size[1] - 1, 9), indexing="ij")
    places = np.stack([xs.ravel(), ys.ravel(), np.ones(xs.size)])
    return float(np.hypot(*(matrix @ places - places[:2])).mean())


def still(score: float) -> Registration:
    """No motion. score: NaN where it cannot be told."""
    return Registration(np.eye(2, 3), (0.0, 0.0), 0.0, 0.0, score)


def _parts(matrix: np.ndarray, size: tuple[int, int]) -> tuple[tuple[float, float], float]:
    """The shift of the middle, and the rotation in degrees."""
    middle = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    x, y = matrix @ np.append(middle, 1) - middle
    return (float(x), float(y)), math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))


def _size(picture: np.ndarray) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"


def _rescaled(matrix: np.ndarray, factor: float) -> np.ndarray:
    """The same motion between pictures of `factor` times the size; pixel centres lie at half pixels of the area."""
    scaled = matrix.astype(np.float64).copy()
    turned = scaled[:, :2]
    offset = np.full(2, 0.5)
    # In areas (p + 1/2) the motion is linear in scale: t' = factor * (t + 1/2 - A 1/2) + A 1/2 - 1/2.
    scaled[:, 2] = factor * (scaled[:, 2] + offset - turned @ offset) + turned @ offset - offset
    return scaled


def _luma(picture: np.ndarray, scale: float) -> np.ndarray:
    """Y (h, w) float32 in [0, 1] at `scale` times the size."""
    import cv2

    if scale < 1:
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    top = 1.0 if picture.dtype.kind == "f" else float(np.iinfo(picture.dtype).max)
    grey = picture.astype(np.float32) / np.float32(top)
    return grey if grey.ndim == 2 else grey @ np.array([0.299, 0.587, 0.114], np.float32)


def _normalised(luma: np.ndarray) -> np.ndarray:
    """Y less its local mean over its local deviation: near 0 where there is no structure, 0 where it is clipped."""
    import cv2

    sigma = 4.0
    smooth = cv2.GaussianBlur(luma, (0, 0), 0.8)
    mean = cv2.GaussianBlur(smooth, (0, 0), sigma)
    variance = np.maximum(cv2.GaussianBlur(smooth * smooth, (0, 0), sigma) - mean * mean, 0)
    found = (smooth - mean) / (np.sqrt(variance) + _FLAT)
    found[(luma > 0.985) | (luma < 0.004)] = 0
    return found.astype(np.float32)


def _levels(one: np.ndarray, other: np.ndarray) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Normalised pictures from coarse to fine, with their size as a part of the finest one's."""
    import cv2

    longest = max(other.shape)
    sides = [longest]
    while sides[-1] > COARSE:
        sides.append(sides[-1] // 2)
    for side in reversed(sides):
        factor = side / longest
        small = [
            picture
            if factor == 1
            else cv2.resize(
                picture,
                (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))),
                interpolation=cv2.INTER_AREA,
            )
            for picture in (one, other)
        ]
        yield factor, _normalised(small[0]), _normalised(small[1])


def _refined(moving: np.ndarray, fixed: np.ndarray, matrix: np.ndarray, iterations: int) -> np.ndarray:
    """ECC from a start; the start itself where it does not converge."""
    import cv2

    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, iterations, 1e-6)
    try:
        _, warp = cv2.findTransformECC(  # type: ignore[call-overload]  # no mask is allowed, its stub says otherwise
            fixed, moving, matrix.astype(np.float32), cv2.MOTION_EUCLIDEAN, criteria, None, 3
        )
        found = np.asarray(warp)
    except cv2.error:
        return matrix
    return found.astype(np.float64) if np.isfinite(found).all() else matrix


def _started(one: np.ndarray, other: np.ndarray, factor: float, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The best of the starts, compared after refinement on the coarse level; the first of equal ones."""
    best, found = -math.inf, np.eye(2, 3)
    for start in _starts(one, other, a, b):
        matrix = _refined(a, b, start, 50)
        score = _overlap(a, b, matrix)
        if score > best + 1e-3:
            best, found = score, matrix
    return _rescaled(found, 1 / factor)


def _overlap(moving: np.ndarray, fixed: np.ndarray, matrix: np.ndarray) -> float:
    """Correlation of two normalised pictures after a motion, over all of the picture."""
    import cv2

    height, width = fixed.shape
    moved = cv2.warpAffine(moving, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return float((moved * fixed).sum() / math.sqrt(float((moved**2).sum() * (fixed**2).sum()) + 1e-12))


def _starts(one: np.ndarray, other: np.ndarray, a: np.ndarray, b: np.ndarray) -> Iterator[np.ndarray]:
    """Starts at the coarse level: none, median threshold bitmaps, features."""
    import cv2

    height, width = b.shape
    yield np.eye(2, 3)
    small = [
        (np.clip(cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA), 0, 1) * 255).astype(np.uint8)
        for p in (one, other)
    ]
    bits = max(1, min(6, int(math.log2(max(2, min(height, width) // 8)))))
    x, y = cv2.createAlignMTB(bits).calculateShift(small[1], small[0])
    if (x, y) != (0, 0):
        yield np.array([[1.0, 0.0, -x], [0.0, 1.0, -y]])
    features = _by_features(a, b)
    if features is not None:
        yield features


def _by_features(a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """A rotation and shift by SIFT (Lowe 2004) on the normalised pictures, RANSAC against outliers."""
    import cv2

    sift = cv2.SIFT_create(  # type: ignore[attr-defined]
        nfeatures=800
    )
    grey = [np.clip(128 + 60 * picture, 0, 255).astype(np.uint8) for picture in (a, b)]
    (points, described), (fixed_points, fixed_described) = (sift.detectAndCompute(picture, None) for picture in grey)
    if described is None or fixed_described is None or min(len(points), len(fixed_points)) < 8:
        return None
    matches: Sequence[Any] = cv2.BFMatcher(cv2.NORM_L2).knnMatch(fixed_described, described, k=2)
    good = [pair[0] for pair in matches if len(pair) == 2 and pair[0].distance < 0.8 * pair[1].distance]
    if len(good) < 8:
        return None
    cv2.setRNGSeed(0)
    matrix, inliers = cv2.estimateAffinePartial2D(
        np.array([fixed_points[match.queryIdx].pt for match in good]),
        np.array([points[match.trainIdx].pt for match in good]),
        ransacReprojThreshold=2.0,
    )
    if matrix is None or int(inliers.sum()) < 8:
        return None
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    turned = matrix[:, :2] / scale
    middle = np.array([(b.shape[1] - 1) / 2, (b.shape[0] - 1) / 2])
    return np.column_stack([turned, matrix[:, :2] @ middle + matrix[:, 2] - turned @ middle])
