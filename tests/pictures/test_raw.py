from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from pictures import ImageError, icc, read_photo, save_like
from pictures.raw import NOTE


def dng(path: Path, light: float) -> Path:
    """A raw file of one even grey, with a small preview before it, as cameras write them."""
    cfa = np.full((120, 160), round(light * 65535), np.uint16)
    matrix = [int(v * 10000) for v in (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)]
    rational = [n for value in matrix for n in (value, 10000)]
    main = [(33421, "H", 2, (2, 2), True), (33422, "B", 4, bytes((0, 1, 1, 2)), True), (50717, "I", 1, 65535, True)]
    first = [(50706, "B", 4, b"\1\4\0\0", True), (50708, "s", 0, "Maker Cam", True), (271, "s", 0, "Maker", True)]
    first += [(272, "s", 0, "Cam", True), (50721, "2i", 9, rational, True), (50728, "2I", 3, (1, 1, 1, 1, 1, 1), True)]
    first += [(50778, "H", 1, 21, True)]
    with tifffile.TiffWriter(path) as file:
        preview = np.full((20, 30, 3), 200, np.uint8)
        file.write(preview, photometric="rgb", subifds=1, subfiletype=1, extratags=first, metadata=None)
        file.write(cfa, photometric="cfa", subfiletype=0, extratags=main, metadata=None)
    return path


@pytest.mark.parametrize("name", ["x.dng", "x.tif", "x.jpg"])
def test_light_is_linear_and_the_preview_is_never_taken(tmp_path: Path, name: str) -> None:
    pytest.importorskip("rawpy")
    dark, bright = (read_photo(dng(tmp_path / f"{stop}{name}", 0.1 * 2**stop)) for stop in (0, 1))
    assert dark.pixels.shape == (120, 160, 3)
    assert dark.pixels.dtype == np.uint16
    assert dark.notes == (NOTE,)
    curve = icc.computable(icc.SRGB)
    assert curve is not None
    first, second = (float(np.median(curve.curves[1](photo.pixels[..., 1] / 65535))) for photo in (dark, bright))
    assert second / first == pytest.approx(2, rel=0.01)  # no automatic brightness
    assert first == pytest.approx(0.1, rel=0.05)
    save_like(tmp_path / "y.png", dark.pixels, dark)
    assert np.array_equal(read_photo(tmp_path / "y.png").pixels, dark.pixels)


@pytest.mark.parametrize("name", ["x.dng", "x.tif"])
def test_without_rawpy_it_is_refused_with_the_way_out(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(ImageError, match=r"camera raw, which is read with rawpy: `pip install rawpy`"):
        read_photo(dng(tmp_path / name, 0.1))
