"""Pictures as they are sent: reduced, as PNG, in the address of their data."""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pictures import as_uint8, encode_png, photo_from, reduce_to

_KEPT = 64


class Pictures:
    """sha256 -> data:image/png;base64,... of the picture reduced to `side` pixels; used by many threads.

    png: gives the bytes of a picture, such as `Store.picture`.
    """

    def __init__(self, png: Callable[[str], bytes], side: int) -> None:
        self._png, self.side = png, side
        self._known: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def url(self, sha256: str) -> str:
        with self._lock:
            if sha256 in self._known:
                self._known.move_to_end(sha256)
                return self._known[sha256]
        url = "data:image/png;base64," + base64.b64encode(reduced(self._png(sha256), self.side)).decode("ascii")
        with self._lock:
            self._known[sha256] = url
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return url


def reduced(png: bytes, side: int) -> bytes:
    """The picture, of 8 or 16 bits, as 8-bit RGB PNG, its longer side at most `side` pixels. Raises `ImageError`."""
    pixels = as_uint8(photo_from(Path("picture.png"), png).pixels)
    longer = max(pixels.shape[:2])
    if longer > side:
        small = reduce_to(pixels.astype(np.float32) / 255, side / longer)
        pixels = np.round(small * 255).astype(np.uint8)
    return encode_png(pixels)
