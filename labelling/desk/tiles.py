"""Cutting a picture into tiles: level 0 is full resolution, every further level half of the one before.

Tiles are PNGs that hold the pixels as they are, uncompressed: their length and the time to make them depend on the
size alone, not on what the picture shows, and a browser unpacks them at once. Run as a program, this file cuts a large
picture in a process of its own, so that its memory is not the server's:

    python -I tiles.py DESCRIPTOR [STORE SHA256] < PICTURE.png

writes the tiles to the open file DESCRIPTOR, one after another, and prints their lengths as a JSON list. The picture
comes from the label store where one is named, else from standard input.
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator

from PIL import Image

TILE = 512  # pixels, both sides
_GREY = (128, 128, 128)  # behind transparent pixels: the grey around the pictures
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)


class BrokenPicture(ValueError):
    """The bytes are no picture that can be shown."""


def level_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Size of every level in pixels; the last one fits in one tile."""
    sizes = [(width, height)]
    while max(sizes[-1]) > TILE:
        w, h = sizes[-1]
        sizes.append((-(-w // 2), -(-h // 2)))
    return sizes


def tile_number(width: int, height: int, level: int, x: int, y: int) -> int | None:
    """Place of a tile in the order of `cut` (levels, rows, columns); None where there is no such tile."""
    sizes = level_sizes(width, height)
    if not 0 <= level < len(sizes):
        return None
    before = sum(_across(w) * _across(h) for w, h in sizes[:level])
    columns, rows = (_across(side) for side in sizes[level])
    return before + y * columns + x if 0 <= x < columns and 0 <= y < rows else None


def cut(png: bytes) -> Iterator[bytes]:
    """The tiles of a PNG, level by level, as 8-bit RGB. Raises BrokenPicture for bytes that cannot be decoded."""
    level = _decode(png)
    while True:
        for y in range(0, level.height, TILE):
            for x in range(0, level.width, TILE):
                yield _encode(level.crop((x, y, min(x + TILE, level.width), min(y + TILE, level.height))))
        if max(level.size) <= TILE:
            return
        level = level.reduce(2)


def _across(pixels: int) -> int:
    return -(-pixels // TILE)


def _decode(png: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # twice that size is an error
            image = Image.open(io.BytesIO(png), formats=["PNG"])
            image.load()
    except _UNREADABLE as error:
        raise BrokenPicture(str(error)) from error
    if image.mode.startswith("I"):  # 16 bits
        return image.convert("I").point(lambda value: value * (1 / 257)).convert("L").convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (*_GREY, 255))
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def _encode(tile: Image.Image) -> bytes:
    raw, stride = tile.tobytes(), tile.width * 3
    rows = b"".join(b"\x00" + raw[start : start + stride] for start in range(0, len(raw), stride))
    header = struct.pack(">IIBBBBB", tile.width, tile.height, 8, 2, 0, 0, 0)
    chunks = (*_chunk(b"IHDR", header), *_chunk(b"IDAT", zlib.compress(rows, 0)), *_chunk(b"IEND", b""))
    return b"".join((b"\x89PNG\r\n\x1a\n", *chunks))


def _chunk(kind: bytes, content: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    check = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)), kind, content, struct.pack(">I", check)


def _main() -> int:
    os.nice(5)  # votes of others come first
    with open(int(sys.argv[1]), "wb", closefd=False) as file:
        try:
            lengths = [file.write(tile) for tile in cut(_read(*sys.argv[2:]))]
        except BrokenPicture as error:
            print(error, file=sys.stderr)
            return 3
    print(json.dumps(lengths))
    return 0


def _read(place: str = "", sha256: str = "") -> bytes:
    if not place:
        return sys.stdin.buffer.read()
    from labelling.store import Store

    with Store.open(place) as store:
        return store.picture(sha256)


if __name__ == "__main__":
    sys.exit(_main())
