"""ICC profiles as numbers: what a profile says of its colours, computed in float, and profiles written from a description.

Two kinds are computed (ICC.1:2022, 8.3): a tone curve a channel with a matrix, and one curve for grey. Profiles with
tables of colours (printers, scanners) are left to LittleCMS, in 8 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

# The white of the profile connection space (ICC.1:2022, 7.2.16), and that of sRGB, as XYZ.
_D50 = np.array([0.9642, 1.0, 0.8249])
_D65 = (0.3127, 0.3290)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
# IEC 61966-2-1 as an ICC parametric curve of type 3: gamma, a, b, c, d.
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_PARAMETERS = (1, 3, 4, 5, 7)

Curve = Callable[[np.ndarray], np.ndarray]
Chromaticity = tuple[float, float]


class DamagedProfile(ValueError):
    """A colour profile that does not say what it must."""


@dataclass(frozen=True)
class Space:
    """Colours by curves. curves: one (grey) or three, from values in [0, 1] to light in [0, 1].

    to_d50: (3, 3) from linear light to XYZ with white D50; None for grey, whose light is Y itself.
    """

    curves: tuple[Curve, ...]
    to_d50: np.ndarray | None

    def to_srgb(self, values: np.ndarray) -> np.ndarray:
        """(..., 3), or (...) of grey, float in [0, 1], as sRGB in float64; what lies outside sRGB's colours is clipped."""
        if self.to_d50 is None:
            return encode(np.asarray(self.curves[0](values)))
        light = np.stack([curve(values[..., place]) for place, curve in enumerate(self.curves)], axis=-1)
        return encode(light @ (_FROM_D50 @ self.to_d50).T)


def encode(light: np.ndarray) -> np.ndarray:
    """Linear light as sRGB values (IEC 61966-2-1), both in [0, 1]; light outside is clipped."""
    light = np.clip(light, 0.0, 1.0)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.power(light, 1 / 2.4) - 0.055)


def space_of(profile: bytes) -> str:
    """Which values a profile describes: "RGB ", "GRAY", "CMYK", "Lab " ... (ICC.1:2022, 7.2.6).

    Raises `DamagedProfile` where these bytes are no profile of a device or a colour space.
    """
    if len(profile) < 132 or profile[36:40] != b"acsp":
        raise DamagedProfile("no ICC profile")
    if profile[12:16] not in {b"mntr", b"scnr", b"prtr", b"spac"}:
        raise DamagedProfile("not a profile of a device")
    return profile[16:20].decode("latin-1")


def computable(profile: bytes) -> Space | None:
    """The profile by curves, or None where its colours are in tables. Raises `DamagedProfile`."""
    space = space_of(profile)
    found = tags(profile)
    if b"A2B0" in found or space not in {"RGB ", "GRAY"}:
        return None
    names = (b"kTRC",) if space == "GRAY" else (b"rTRC", b"gTRC", b"bTRC")
    try:
        curves = tuple(curve(found[name]) for name in names)
        if space == "GRAY":
            return Space(curves, None)
        columns = [_fixed(found[name][8:20]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    except (KeyError, struct.error) as error:
        raise DamagedProfile(f"lacks {error}") from None
    if not np.isfinite(columns).all() or abs(np.linalg.det(columns)) < 1e-6:
        raise DamagedProfile("its primaries span no colours")
    return Space(curves, np.array(columns).T)


def build(primaries: Sequence[Chromaticity] | None, white: Chromaticity, numbers: Sequence[float], name: str) -> bytes:
    """An ICC profile (version 4.3) of a display with one tone curve; of a grey one where there are no primaries.

    numbers: parameters of a parametric curve: gamma alone, or gamma, a, b, c, d. The same arguments give the same bytes.
    Raises `DamagedProfile` where the chromaticities span no colours.
    """
    kind = {1: 0, 5: 3}[len(numbers)]
    parametric = b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _to_fixed(numbers)
    parts = [(b"desc", _text(name)), (b"cprt", _text("No copyright")), (b"wtpt", b"XYZ \0\0\0\0" + _to_fixed(_D50))]
    if primaries is None:
        parts.append((b"kTRC", parametric))
    else:
        matrix, adaptation = _matrix(primaries, white)
        parts += [(b"chad", b"sf32\0\0\0\0" + _to_fixed(adaptation.ravel()))]
        for place, letter in enumerate(b"rgb"):
            parts.append((bytes([letter]) + b"XYZ", b"XYZ \0\0\0\0" + _to_fixed(matrix[:, place])))
        parts += [(bytes([letter]) + b"TRC", parametric) for letter in b"rgb"]
    offset, table, body = 132 + 12 * len(parts), b"", b""
    for signature, data in parts:
        table += signature + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    space = b"GRAY" if primaries is None else b"RGB "
    header = struct.pack(">I4sI4s4s4s", offset + len(body), bytes(4), 0x04300000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _to_fixed(_D50) + bytes(48)
    return header + struct.pack(">I", len(parts)) + table + body


def _matrix(primaries: Sequence[Chromaticity], white: Chromaticity) -> tuple[np.ndarray, np.ndarray]:
    """(3, 3) from linear light to XYZ D50, and the (3, 3) Bradford adaptation in it (ICC.1:2022, annex E)."""
    try:
        xyz = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in (*primaries, white)])
        columns, light = xyz[:3].T, xyz[3]
        scaled = columns * np.linalg.solve(columns, light)
    except (ZeroDivisionError, np.linalg.LinAlgError) as error:
        raise DamagedProfile("its primaries span no colours") from error
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ light)
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD
    matrix = adaptation @ scaled
    if not np.isfinite(matrix).all() or np.abs(matrix).max() > 100:
        raise DamagedProfile("its primaries span no colours")
    return matrix, adaptation


def tags(profile: bytes) -> dict[bytes, bytes]:
    """The tags of a profile (ICC.1:2022, 7.3). Raises `DamagedProfile`."""
    count = struct.unpack_from(">I", profile, 128)[0]
    if count > 200 or 132 + 12 * count > len(profile):
        raise DamagedProfile("its table of tags is damaged")
    found = {}
    for place in range(count):
        signature, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * place)
        if offset + size > len(profile):
            raise DamagedProfile("it is cut off")
        found[signature] = profile[offset : offset + size]
    return found


def curve(data: bytes) -> Curve:
    """A tone curve (ICC.1:2022, 10.6 curveType, 10.18 parametricCurveType)."""
    if data[:4] == b"curv":
        count = struct.unpack_from(">I", data, 8)[0]
        if count == 0:
            return lambda value: value
        values = np.frombuffer(data[12 : 12 + 2 * count], ">u2").astype(np.float64)
        if len(values) < count:
            raise DamagedProfile("a tone curve is cut off")
        if count == 1:
            return _power((float(values[0]) / 256,))
        return lambda value: np.interp(value, np.linspace(0, 1, count), values / 65535)
    if data[:4] == b"para":
        kind = struct.unpack_from(">H", data, 8)[0]
        if kind >= len(_PARAMETERS):
            raise DamagedProfile("a tone curve of an unknown kind")
        return _power(_fixed(data[12 : 12 + 4 * _PARAMETERS[kind]]))
    raise DamagedProfile("a tone curve of an unknown kind")


def _power(numbers: Sequence[float]) -> Curve:
    """The five parametric curves (ICC.1:2022, table 68), each as (a x + b)^g + e from d on and c x + f below."""
    g, a, b, c, d, e, f = 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
    if len(numbers) == 1:
        (g,) = numbers
    elif len(numbers) in {3, 4}:
        g, a, b = numbers[:3]
        e = f = numbers[3] if len(numbers) == 4 else 0.0
        d = -b / a if a else 0.0
    elif len(numbers) == 5:
        g, a, b, c, d = numbers
    else:
        g, a, b, c, d, e, f = numbers
    if not 0.05 < g < 20:
        raise DamagedProfile("a tone curve without sense")

    def parametric(value: np.ndarray) -> np.ndarray:
        upper = np.power(np.maximum(a * value + b, 0.0), g) + e
        return np.clip(np.where(value >= d, upper, c * value + f), 0.0, 1.0)

    return parametric


def _fixed(data: bytes) -> tuple[float, ...]:
    if not data or len(data) % 4:
        raise DamagedProfile("a number is cut off")
    return tuple(value / 65536 for value in struct.unpack(f">{len(data) // 4}i", data))


def _to_fixed(values: Sequence[float] | np.ndarray) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def _text(text: str) -> bytes:
    """multiLocalizedUnicodeType with one record (ICC.1:2022, 10.15)."""
    encoded = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(encoded), 28) + encoded


_FROM_D50 = np.linalg.inv(_matrix(SRGB_PRIMARIES, _D65)[0])
SRGB = build(SRGB_PRIMARIES, _D65, SRGB_CURVE, "sRGB")
SRGB_GREY = build(None, _D65, SRGB_CURVE, "sRGB grey")
