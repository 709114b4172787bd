"""Finding registered pictures by the names that other programs give them, and never the wrong one."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from exchange_helpers import picture, write_outputs
from PIL import Image

from labelling.exchange.folders import as_png
from labelling.exchange.matching import PictureFinder, Unmatched, path_of


def sha_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def finder(tmp_path: Path) -> PictureFinder:
    write_outputs(tmp_path / "out")
    return PictureFinder({sha_of(file) for file in (tmp_path / "out").rglob("*.png")}, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("/data/upload/3/1a2b3c4d-cat.png", ("data", "upload", "3", "1a2b3c4d-cat.png")),
        ("/data/local-files/?d=ours%2Fcat.png", ("ours", "cat.png")),
        ("s3://bucket/ours/cat.png", ("ours", "cat.png")),
        ("https://host.example/a%20b/cat.png?X-Amz-Signature=1", ("a b", "cat.png")),
        ("C:\\study\\ours\\cat.png", ("C:", "study", "ours", "cat.png")),
        ("../../etc/passwd", ("etc", "passwd")),
        ("", ()),
    ],
)
def test_paths_and_addresses(name: str, parts: tuple[str, ...]) -> None:
    assert path_of(name) == parts


@pytest.mark.parametrize(
    "name", ["ours/cat.png", "/data/local-files/?d=x/ours/cat.png", "s3://bucket/ours/cat.png", "D:\\ours\\cat.png"]
)
def test_the_longest_common_end_decides(finder: PictureFinder, tmp_path: Path, name: str) -> None:
    assert finder.find(name) == sha_of(tmp_path / "out/ours/cat.png")


def test_a_name_that_fits_several_files_is_not_guessed(finder: PictureFinder) -> None:
    for name in ("cat.png", "new/cat.png", "/data/upload/3/1a2b3c4d-cat.png"):
        with pytest.raises(Unmatched, match="any of several files"):
            finder.find(name)


def test_an_unregistered_file_is_no_reason_to_take_the_other(tmp_path: Path) -> None:
    write_outputs(tmp_path, ("ours", "theirs"))
    finder = PictureFinder({sha_of(tmp_path / "ours/cat.png")}, tmp_path)
    with pytest.raises(Unmatched, match="any of several files"):
        finder.find("cat.png")
    with pytest.raises(Unmatched, match="not a registered picture"):
        finder.find("theirs/cat.png")


def test_label_studios_prefix_of_uploads(tmp_path: Path) -> None:
    write_outputs(tmp_path, ("ours",))
    finder = PictureFinder({sha_of(tmp_path / "ours/cat.png")}, tmp_path)
    assert finder.find("/data/upload/3/1a2b3c4d-cat.png") == sha_of(tmp_path / "ours/cat.png")


def test_by_sha256_and_by_content(finder: PictureFinder, tmp_path: Path) -> None:
    file = tmp_path / "out/ours/cat.png"
    assert finder.find(sha_of(file)) == sha_of(file)
    assert PictureFinder({sha_of(file)}).find(f"anywhere/{sha_of(file)}.png") == sha_of(file)
    data = "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()
    assert finder.find(data) == sha_of(file)
    for wrong in ("data:image/png;base64,AAAA", "data:image/png;base64,%%%", "data:text/plain,x"):
        with pytest.raises(Unmatched):
            finder.find(wrong)


def test_a_jpeg_is_found_by_the_png_that_a_study_makes_of_it(tmp_path: Path) -> None:
    Image.fromarray(picture("ours", "cat")).save(tmp_path / "cat.jpg", quality=90)
    registered = hashlib.sha256(as_png(tmp_path / "cat.jpg")[0]).hexdigest()
    assert PictureFinder({registered}, tmp_path).find("ours/cat.jpg") == registered


def test_only_listed_files_are_opened(tmp_path: Path) -> None:
    write_outputs(tmp_path, ("secret", "out"), ("cat",))
    finder = PictureFinder({sha_of(tmp_path / "secret/cat.png")}, tmp_path / "out")
    for name in ("../secret/cat.png", str(tmp_path / "secret/cat.png")):
        with pytest.raises(Unmatched):
            finder.find(name)


def test_without_a_folder_the_way_out_is_said() -> None:
    with pytest.raises(Unmatched, match="--images DIR"):
        PictureFinder(set()).find("ours/cat.png")
    with pytest.raises(Unmatched, match="no name"):
        PictureFinder(set()).find("")
