"""Every file of the shared cases is read to sane pixels, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pictures import SUFFIXES, ImageError, read_photo, why_not_read

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "cases"
FILES = sorted(path for path in CASES.rglob("*") if path.is_file()) if CASES.is_dir() else []


@pytest.mark.skipif(not FILES, reason="the shared cases are not here")
@pytest.mark.timeout(300)
def test_every_file_is_read_or_refused_in_one_line() -> None:
    read = 0
    for path in FILES:
        reason = why_not_read(path)
        assert (reason is None) == (path.suffix.lower() in SUFFIXES)
        assert reason is None or "\n" not in reason
        try:
            photo = read_photo(path)
        except ImageError as error:
            assert "\n" not in str(error)
            assert path.suffix.lower() in {".csv", ".dng", ".txt", ".json", ".md", ".heic"}, error
            continue
        read += 1
        assert photo.pixels.ndim == 3
        assert photo.pixels.shape[2] == 3
        assert path.suffix.lower() != ".dng" or photo.pixels.shape[:2] != (107, 160)  # its preview
    assert read > 60
