"""Pictures as they are sent: reduced, as PNG, in the address of their data."""

from __future__ import annotations

import base64
import io
import threading
from collections import OrderedDict
from collections.abc import Callable

from PIL import Image

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
    """The picture as 8-bit RGB PNG, its longer side at most `side` pixels."""
    with Image.open(io.BytesIO(png)) as image:
        picture = image.convert("RGB")
    if max(picture.size) > side:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    picture.save(held, "PNG")
    return held.getvalue()
