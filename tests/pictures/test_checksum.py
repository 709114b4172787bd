from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pictures import ImageError, encode_png, read_array


@pytest.mark.parametrize("deep", [False, True])
def test_flipped_bytes_are_refused_or_change_nothing(tmp_path: Path, deep: bool) -> None:
    random = np.random.default_rng(11)
    y, x = np.mgrid[0:40, 0:60]
    pixels = np.stack([x * 4, y * 6, x + y], 2).astype(np.uint8)
    array = pixels.astype(np.uint16) * 257 if deep else pixels
    whole, refused = encode_png(array) + b"after the end", 0
    for _ in range(300):
        broken = bytearray(whole)
        for place in random.integers(0, len(whole), random.integers(1, 4)):
            broken[place] ^= int(random.integers(1, 256))
        (tmp_path / "x.png").write_bytes(broken)
        try:
            assert np.array_equal(read_array(tmp_path / "x.png", max_pixels=10**6), array)
        except ImageError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 250


def test_the_last_chunk_must_be_there(tmp_path: Path) -> None:
    whole = encode_png(np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "x.png").write_bytes(whole[:-12])
    with pytest.raises(ImageError, match=r"damaged or truncated \(cut off\); export or copy it again"):
        read_array(tmp_path / "x.png")
