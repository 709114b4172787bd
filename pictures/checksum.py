"""Whether a PNG file is whole: Pillow does not compare the checksum of the pixels, and shows damaged ones as good."""

from __future__ import annotations

import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def fault_in_png(data: bytes) -> str | None:
    """What is damaged in the bytes of a PNG, from its first to its last chunk (PNG specification, 5.3); None if nothing.

    Bytes after the last chunk are of no account.
    """
    view, place = memoryview(data), len(SIGNATURE)
    while True:
        kind = bytes(view[place + 4 : place + 8])
        end = place + 8 + int.from_bytes(view[place : place + 4], "big")
        if len(kind) < 4 or end + 4 > len(view):
            return "cut off"
        if zlib.crc32(view[place + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return f"the checksum of a part of it, {kind.decode('latin-1')!a}, is wrong"
        if kind == b"IEND":
            return None
        place = end + 4
