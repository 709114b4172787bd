"""Colour profiles whose colours are in tables, computed in float: for 16 bits, which LittleCMS has no way for in Pillow.

Covers lut8Type, lut16Type and lutAToBType (ICC.1:2022, 10.10 to 10.12) of the perceptual intent, for three channels and grey.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable

import numpy as np

from pictures import icc

_D50 = np.array([0.9642, 1.0, 0.8249])
_XYZ_SCALE = 1 + 32767 / 32768  # the largest XYZ that 16 bits encode


def converter(profile: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """A function from values in [0, 1], (..., 3) or (...) of grey, to sRGB of the same shape.

    Raises `icc.DamagedProfile`.
    """
    tag = icc.tags(profile).get(b"A2B0")
    if tag is None:
        raise icc.DamagedProfile("lacks its tables")
    lab = {b"Lab ": True, b"XYZ ": False}.get(profile[20:24])
    if lab is None:
        raise icc.DamagedProfile("its connection space is unknown")
    channels = 1 if profile[16:20] == b"GRAY" else 3
    try:
        stages, scale = _old(tag, channels) if tag[:4] in {b"mft1", b"mft2"} else _new(tag, channels)
    except (struct.error, ValueError, IndexError) as error:
        raise icc.DamagedProfile("its tables are damaged") from error

    def convert(values: np.ndarray) -> np.ndarray:
        flat = np.clip(values.reshape(-1, channels), 0, 1)
        for stage in stages:
            flat = stage(flat)
        xyz = _from_lab(flat * scale) if lab else flat * _XYZ_SCALE
        colours = icc.encode(xyz @ icc.FROM_D50.T)
        return colours.reshape(values.shape) if channels == 3 else colours[:, 1].reshape(values.shape)

    return convert


Stage = Callable[[np.ndarray], np.ndarray]


def _old(tag: bytes, channels: int) -> tuple[list[Stage], float]:
    """lut8Type and lut16Type. Its matrix is for XYZ alone, which is no device's space."""
    inputs, outputs, points = struct.unpack_from("3B", tag, 8)
    if (inputs, outputs) != (channels, 3) or points < 2:
        raise ValueError("channels")
    deep = tag[:4] == b"mft2"
    before, after = struct.unpack_from(">2H", tag, 48) if deep else (256, 256)
    numbers = np.frombuffer(tag[52 if deep else 48 :], ">u2" if deep else "u1") / (65535.0 if deep else 255.0)
    sizes = [inputs * before, points**inputs * 3, 3 * after]
    first, grid, last = np.split(numbers[: sum(sizes)], np.cumsum(sizes)[:2])
    if len(last) != sizes[2]:
        raise ValueError("cut off")
    # In 16 bits Lab's 100 is 0xFF00 here, not 0xFFFF (ICC.1:2022, 6.3.4.2).
    return [
        _tabulated(first.reshape(inputs, before)),
        _grid(grid.reshape(*[points] * inputs, 3)),
        _tabulated(last.reshape(3, after)),
    ], 65535 / 65280 if deep else 1.0


def _new(tag: bytes, channels: int) -> tuple[list[Stage], float]:
    """lutAToBType: curves A, grid, curves M, matrix, curves B, of which only B must be there."""
    if tag[:4] != b"mAB " or tuple(tag[8:10]) != (channels, 3):
        raise ValueError("kind")
    b, matrix, m, grid, a = struct.unpack_from(">5I", tag, 12)
    stages: list[Stage] = []
    if a and grid:
        points = tuple(tag[grid : grid + channels])
        if min(points) < 2:
            raise ValueError("points")
        kind = {1: "u1", 2: ">u2"}[tag[grid + 16]] if tag[grid + 16] in {1, 2} else ""
        count = int(np.prod(points)) * 3
        numbers = np.frombuffer(tag, kind, count, grid + 20).astype(np.float64)
        stages += [_curves(tag, a, channels), _grid((numbers / np.iinfo(kind).max).reshape(*points, 3))]
    elif channels != 3:
        raise ValueError("channels")
    if m and matrix:
        values = np.array(struct.unpack_from(">12i", tag, matrix)) / 65536
        turn, shift = values[:9].reshape(3, 3), values[9:]
        stages += [_curves(tag, m, 3), lambda flat: np.clip(flat @ turn.T + shift, 0, 1)]
    return [*stages, _curves(tag, b, 3)], 1.0


def _curves(tag: bytes, place: int, count: int) -> Stage:
    """Consecutive tone curves, each padded to four bytes."""
    curves = []
    for _ in range(count):
        curves.append(icc.curve(tag[place:]))
        if tag[place : place + 4] == b"curv":
            size = 12 + 2 * struct.unpack_from(">I", tag, place + 8)[0]
        else:
            size = 12 + 4 * (1, 3, 4, 5, 7)[struct.unpack_from(">H", tag, place + 8)[0]]
        place += size + -size % 4
    return lambda flat: np.stack([curve(flat[:, channel]) for channel, curve in enumerate(curves)], axis=1)


def _tabulated(table: np.ndarray) -> Stage:
    steps = np.linspace(0, 1, table.shape[1])
    return lambda flat: np.stack([np.interp(flat[:, row], steps, table[row]) for row in range(len(table))], axis=1)


def _grid(grid: np.ndarray) -> Stage:
    """Multilinear interpolation in a grid of shape (points, ..., 3)."""
    points = np.array(grid.shape[:-1])

    def interpolate(flat: np.ndarray) -> np.ndarray:
        position = flat * (points - 1)
        low = np.minimum(position.astype(np.intp), points - 2)
        part = position - low
        out = np.zeros((len(flat), 3))
        for corner in itertools.product((0, 1), repeat=len(points)):
            weight = np.prod(np.where(corner, part, 1 - part), axis=1)
            out += weight[:, None] * grid[tuple((low + corner).T)]
        return out

    return interpolate


def _from_lab(encoded: np.ndarray) -> np.ndarray:
    """XYZ D50 from encoded Lab: L in [0, 1] of 100, a and b in [0, 1] of -128 to 127."""
    lightness = (encoded[:, 0] * 100 + 16) / 116
    f = np.stack(
        [lightness + (encoded[:, 1] * 255 - 128) / 500, lightness, lightness - (encoded[:, 2] * 255 - 128) / 200],
        axis=1,
    )
    return np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _D50
