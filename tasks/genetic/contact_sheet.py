"""A photo's front as one picture: the photo, then its versions from the highest entropy to the smallest distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tasks.genetic.one_photo import PhotoFront

_SIDE = 280
_GAP = 16
_TEXT = 58
_COLUMNS = 5
_GROUND = (115, 115, 115)


def contact_sheet(photo: np.ndarray, versions: Sequence[tuple[int, np.ndarray]], front: PhotoFront) -> np.ndarray:
    """(H, W, 3) uint8 with thumbnails on neutral grey.

    photo: (H, W, 3) uint8 or uint16. versions: (individual, pixels of the same kind) in the order to show them.
    """
    tiles = [(_thumbnail(photo), ["the photo"], False)]
    for place, pixels in versions:
        brightness, contrast, gamma = front.genes[place]
        words = [
            f"{place}" + ("  chosen" if place == front.chosen else ""),
            f"b {brightness:.1f}  c {contrast:.2f}  g {gamma:.2f}",
            f"entropy {front.entropy[place]:.3f}  distance {front.distance[place]:.2f}",
        ]
        tiles.append((_thumbnail(pixels), words, place == front.chosen))
    height = max(tile.height for tile, _, _ in tiles) + _TEXT
    rows = -(-len(tiles) // _COLUMNS)
    columns = min(_COLUMNS, len(tiles))
    size = (columns * (_SIDE + _GAP) + _GAP, rows * (height + _GAP) + _GAP)
    sheet = Image.new("RGB", size, _GROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    for number, (tile, words, chosen) in enumerate(tiles):
        left = _GAP + number % _COLUMNS * (_SIDE + _GAP)
        top = _GAP + number // _COLUMNS * (height + _GAP)
        sheet.paste(tile, (left, top))
        if chosen:
            draw.rectangle((left - 4, top - 4, left + tile.width + 3, top + tile.height + 3), outline="white", width=3)
        for line, text in enumerate(words):
            draw.text((left, top + tile.height + 5 + 17 * line), text, fill="white", font=font)
    return np.asarray(sheet)


def _thumbnail(pixels: np.ndarray) -> Image.Image:
    plain = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
    scale = _SIDE / max(plain.shape[:2])
    size = (max(1, round(plain.shape[1] * scale)), max(1, round(plain.shape[0] * scale)))
    return Image.fromarray(plain, "RGB").resize(size, Image.Resampling.LANCZOS)
