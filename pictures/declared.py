"""Which colours a file says it has: an embedded profile, or a description that becomes one.

Order in a PNG as its specification wants it (third edition, 4.3): cICP, iCCP, sRGB, then gAMA with cHRM. In AVIF and HEIC
an embedded profile comes before the numbers of a colour box. Without any of these the values are sRGB.
"""

from __future__ import annotations

import struct

from PIL import Image

from pictures import icc

_D65 = (0.3127, 0.3290)
# ITU-T H.273, table 2: name, primaries and white of the code points that cameras and programs write.
_PRIMARIES = {
    1: ("BT.709", icc.SRGB_PRIMARIES, _D65),
    4: ("BT.470 M", ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08)), (0.310, 0.316)),
    5: ("BT.470 BG", ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)), _D65),
    6: ("BT.601", ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)), _D65),
    9: ("BT.2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), _D65),
    11: ("DCI P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), (0.314, 0.351)),
    12: ("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), _D65),
}
# Table 3. The curves of video (1, 6, 14, 15) are shown as sRGB's by viewers, and are taken as such here.
_CURVES = {1: icc.SRGB_CURVE, 4: (2.2,), 5: (2.8,), 6: icc.SRGB_CURVE, 8: (1.0,), 13: icc.SRGB_CURVE}
_CURVES |= {14: icc.SRGB_CURVE, 15: icc.SRGB_CURVE}
_HDR = {16: "PQ", 18: "HLG"}
_UNSPECIFIED = 2
_SRGB_GAMMA = range(45000, 46001)  # gAMA 45455 is 1 / 2.2; beside the primaries of sRGB it is how old programs say sRGB
_SRGB_CHROMATICITIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)


class HighRange(ValueError):
    """Values of high dynamic range (PQ, HLG), which have no place in sRGB without a choice of what to lose."""


def declared(image: Image.Image, data: bytes, grey: bool) -> tuple[bytes | None, str]:
    """The ICC profile of an opened file, and its name where it is not in the profile; None where it declares nothing.

    Raises `HighRange`, and `icc.DamagedProfile` for chromaticities that span no colours.
    """
    profile = image.info.get("icc_profile") or None
    if image.format == "PNG":
        chunk = _png_chunk(data, b"cICP")
        if chunk is not None and len(chunk) == 4:
            return _coded(chunk[0], chunk[1], grey)
        if profile is None and "srgb" not in image.info and "gamma" in image.info:
            return _gamma(image.info["gamma"], image.info.get("chromaticity"), grey)
        return (
            (icc.SRGB_GREY if grey else icc.SRGB, "sRGB") if profile is None and "srgb" in image.info else (profile, "")
        )
    if profile is None and image.format in {"AVIF", "HEIF"}:
        place = data.find(b"colrnclx")
        if place >= 0 and place + 12 <= len(data):
            primaries, transfer = struct.unpack_from(">HH", data, place + 8)
            return _coded(primaries, transfer, grey)
    return profile, ""


def _coded(primaries: int, transfer: int, grey: bool) -> tuple[bytes | None, str]:
    """A profile from the code points of H.273; None where they are not specified, or not known to it."""
    if transfer in _HDR:
        raise HighRange(f"a picture of high dynamic range ({_HDR[transfer]}); export it for sRGB screens (SDR)")
    curve = icc.SRGB_CURVE if transfer == _UNSPECIFIED else _CURVES.get(transfer)
    name, corners, white = _PRIMARIES.get(1 if primaries == _UNSPECIFIED else primaries, ("", None, None))
    if curve is None or corners is None or white is None or primaries == transfer == _UNSPECIFIED:
        return None, ""
    if len(curve) == 1:
        name = f"{name}, linear" if curve == (1.0,) else f"{name}, gamma {curve[0]:g}"
    return icc.build(None if grey else corners, white, curve, name), name


def _gamma(gamma: float, chromaticities: tuple[float, ...] | None, grey: bool) -> tuple[bytes | None, str]:
    corners = tuple(chromaticities or _SRGB_CHROMATICITIES)
    same = all(abs(one - other) < 0.002 for one, other in zip(corners, _SRGB_CHROMATICITIES, strict=True))
    if round(gamma * 100000) in _SRGB_GAMMA and (same or grey):
        return (icc.SRGB_GREY if grey else icc.SRGB), "sRGB"
    if not 0.05 < gamma < 10:
        raise icc.DamagedProfile("a gamma without sense")
    name = f"gamma {1 / gamma:.3g}" if same or grey else f"gamma {1 / gamma:.3g} and its own primaries"
    white, red, green, blue = (corners[place : place + 2] for place in (0, 2, 4, 6))
    curve = icc.SRGB_CURVE if round(gamma * 100000) in _SRGB_GAMMA else (1 / gamma,)
    return icc.build(None if grey else (red, green, blue), white, curve, name), name  # type: ignore[arg-type]


def _png_chunk(data: bytes, wanted: bytes) -> bytes | None:
    """The first chunk of a kind before the pixels; None where there is none."""
    place = 8
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if kind == wanted:
            return data[place + 8 : place + 8 + size]
        if kind in {b"IDAT", b"IEND"}:
            return None
        place += 12 + size
    return None
