"""Plates of dots for a check of colour vision, after the idea of pseudo-isochromatic plates: drawn here, not copied.

The dots of the digit and those around it differ in the excitation of one kind of cone alone, so that whoever lacks that
kind sees dots of one hue; their lightness is random, so that it tells nothing. The first plate is told by lightness: who
misses it did not look.
"""

from __future__ import annotations

import io
from functools import lru_cache
from hashlib import sha256

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 360  # pixels
DIGITS = "2345679"
KINDS = ("lightness", "protan", "deutan")  # of plate 1, 2, 4, 6, ... and 3, 5, 7, ...
_CONES = {"protan": 0, "deutan": 1}
_RADII = (8.0, 6.5, 5.0, 4.0, 3.0)  # pixels
_BASE = np.array([0.30, 0.22, 0.07])  # linear sRGB of a dull ochre, which all dots are around
_SHIFT = {"protan": 0.075, "deutan": 0.10}  # share by which a cone's excitation lies off, to both sides
_JITTER = 0.22  # largest share by which a dot is lighter or darker
_OVER = 4  # samples a pixel, along each side

# Linear RGB -> LMS of a typical screen (Vienot, Brettel & Mollon 1999, eq. 4).
RGB_TO_LMS = np.array(
    [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]]
)  # fmt: skip


def kind_of(number: int) -> str:
    """What plate `number`, from 1, is told by."""
    return KINDS[0] if number == 1 else KINDS[1 + number % 2]


def digit_of(seed: str, number: int) -> str:
    """The digit on a plate; the same seed gives the same one."""
    return DIGITS[_numbers(seed, number)[0] % len(DIGITS)]


def colours(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """(3,) linear sRGB of the digit's dots, and of those around it, before their lightness is varied."""
    if kind == "lightness":
        return _BASE * 2.2, _BASE * 0.7
    lms = RGB_TO_LMS @ _BASE
    off = np.zeros(3)
    off[_CONES[kind]] = _SHIFT[kind] * lms[_CONES[kind]]
    inverse = np.linalg.inv(RGB_TO_LMS)
    sign = 1 if kind == "protan" else -1  # reddish on greenish dots
    return inverse @ (lms + sign * off), inverse @ (lms - sign * off)


@lru_cache(maxsize=64)
def plate(seed: str, number: int) -> bytes:
    """PNG of plate `number`, from 1: the same bytes for the same seed."""
    chance = np.random.default_rng(_numbers(seed, number))
    dots = _packed(chance)
    mask = _mask(digit_of(seed, number), chance)
    at = np.clip(dots[:, :2].astype(int), 0, SIZE - 1)
    inside = mask[at[:, 1], at[:, 0]]
    digit, around = colours(kind_of(number))
    factors = 1 + chance.uniform(-_JITTER, _JITTER, (len(dots), 1))
    linear = np.where(inside[:, None], digit, around) * factors
    image = Image.new("RGB", (SIZE * _OVER, SIZE * _OVER), "white")
    draw = ImageDraw.Draw(image)
    for (x, y, radius), colour in zip(dots, encoded(linear), strict=True):
        box = [(v * _OVER) for v in (x - radius, y - radius, x + radius, y + radius)]
        draw.ellipse(box, fill=tuple(int(v) for v in colour))
    buffer = io.BytesIO()
    image.resize((SIZE, SIZE), Image.Resampling.BOX).save(buffer, "PNG")
    return buffer.getvalue()


def encoded(linear: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB of 0 to 255, rounded, of linear values (IEC 61966-2-1)."""
    linear = np.clip(linear, 0, 1)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * curve))


def _numbers(seed: str, number: int) -> list[int]:
    digest = sha256(f"{seed}\n{number}".encode()).digest()
    return [int.from_bytes(digest[i : i + 4], "big") for i in range(0, 16, 4)]


def _packed(chance: np.random.Generator) -> np.ndarray:
    """(dots, 3) of x, y, radius: dots in a disc that do not touch, the large ones first, until no more fit."""
    y, x = np.mgrid[:SIZE, :SIZE]
    room = SIZE / 2 - 4 - np.hypot(x - SIZE / 2, y - SIZE / 2)  # radius of the largest dot that fits at a place
    reach = int(2 * max(_RADII)) + 3
    found = []
    for radius in _RADII:
        for place in chance.permutation(np.flatnonzero(room > radius)):
            row, column = divmod(int(place), SIZE)
            if room[row, column] <= radius:
                continue
            found.append((column, row, radius))
            near = slice(max(0, row - reach), row + reach), slice(max(0, column - reach), column + reach)
            away = np.hypot(x[near] - column, y[near] - row) - radius - 1
            room[near] = np.minimum(room[near], away)
    return np.array(found)


def _mask(digit: str, chance: np.random.Generator) -> np.ndarray:
    """(SIZE, SIZE) bool: the strokes of the digit, a little off the middle."""
    image = Image.new("L", (SIZE, SIZE))
    font = ImageFont.load_default(size=SIZE * 0.72)
    off = chance.uniform(-0.03, 0.03, 2) * SIZE
    place = (SIZE / 2 + off[0], SIZE / 2 + off[1])
    ImageDraw.Draw(image).text(place, digit, 255, font, anchor="mm", stroke_width=9, stroke_fill=255)
    return np.asarray(image) > 127
