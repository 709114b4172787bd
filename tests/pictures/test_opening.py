from __future__ import annotations

import os
from pathlib import Path

import pytest

from pictures import MAX_BYTES, ImageError, read_photo


@pytest.mark.timeout(20)
def test_pipes_devices_loops_and_endless_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    with (tmp_path / "sparse.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    (tmp_path / "folder.jpg").mkdir()
    reasons = {
        "pipe": r"a pipe \(FIFO\), not a file",
        "zero": "a device, not a file",
        "loop": "cannot be read",
        "gone": "a link to a file that is not there",
        "sparse": "2 GB, more than the 2 GB that such a file may have",
        "folder": "a folder, not a file",
    }
    for name, reason in reasons.items():
        with pytest.raises(ImageError, match=reason):
            read_photo(tmp_path / f"{name}.jpg")
