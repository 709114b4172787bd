"""The commands on every folder of the shared cases, as a user types them: an exit code that is documented, no traceback, and
not a byte of the sources changed. What some cases are about is looked at too."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from photo_helpers import CASES, here, loupe
from PIL import Image

from pictures import listing, read_array, read_photo

__all__ = ["here"]  # fixtures

SMALL = 300_000  # bytes of a photo; larger ones say nothing more here
CODES = {0, 1, 3}
FOLDERS = sorted(path.name for path in CASES.iterdir() if path.is_dir()) if CASES.is_dir() else []

pytestmark = [
    pytest.mark.skipif(not FOLDERS, reason="the shared cases are not here"),
    pytest.mark.timeout(300),
]


def copied(name: str) -> Path:
    """A copy of a case, without its large files."""

    def large(folder: str, names: list[str]) -> list[str]:
        return [
            name for name in names if (Path(folder) / name).is_file() and (Path(folder) / name).stat().st_size > SMALL
        ]

    return Path(shutil.copytree(CASES / name, Path("cases") / name, ignore=large))


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("name", FOLDERS)
def test_no_command_loses_anything_or_ends_in_a_traceback(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    case = copied(name)
    before = contents(case)
    inner = sorted(str(path) for path in case.iterdir() if path.is_dir())
    files = sorted(str(path) for path in case.iterdir() if path.is_file())
    average = ("--method", "average", "--no-align")
    commands = [("enhance", str(case), "--out", "enhanced"), ("enhance", str(case), "--out", "all", "--recursive")]
    commands += [("fuse", str(case), "--bursts", "--out", "bursts", *average)]
    if len(files) > 1:
        commands += [("fuse", *files[:2], "--out", "one/fused.jpg", *average)]
    if len(inner) > 1:
        commands += [("fuse", *inner[:2], "--pair-by", by, "--out", by, *average) for by in ("name", "order", "time")]
        commands += [("fuse", *inner[:2], "--out", place, *average) for place in inner[:2]]
    for command in commands:
        code = loupe(monkeypatch, *command)
        said = capsys.readouterr()
        assert code in CODES, command
        assert "Traceback" not in said.err + said.out
        assert "b'" not in said.err + said.out, "bytes are no text"
        assert code == 0 or said.err, f"{command} says nothing of why it left something out"
        assert ("left out" in said.out or "no scene" in said.out or "kind that" in said.out) == (code == 3) or code == 1
    after = contents(case)
    assert {path: after[path] for path in before} == before


def test_no_photo_of_any_case_goes_unmentioned(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Path(shutil.copytree(CASES / "17-stem", "stem"))
    code = loupe(monkeypatch, "enhance", str(case), "--out", "out")
    said = capsys.readouterr()
    for path in case.iterdir():
        written = Path("out") / path.name if path.suffix == ".JPG" else Path("out") / f"{path.stem}.png"
        assert written.is_file() != (path.name in said.err), path
    assert code == 3


def test_profiles_grey_and_transparency_come_through(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("04-icc", "13-enhance", "22-grey"):
        copied(name)
    assert loupe(monkeypatch, "enhance", "cases", "--out", "out", "--recursive") == 0
    for photo in listing(Path("cases"), recursive=True).photos:
        source, made = read_photo(photo), read_photo(Path("out") / photo.relative_to("cases"))
        assert (source.grey, source.alpha is None) == (made.grey, made.alpha is None), photo
        if source.alpha is not None and made.alpha is not None:
            assert np.array_equal(source.alpha, made.alpha)
        assert (source.profile is None) == (made.profile is None), photo
        assert not any("converted" in note for note in made.notes), "what is written is sRGB"


def test_two_exposures_in_different_spaces_fuse_as_if_both_were_srgb(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = copied("04-icc")
    inputs = (str(case / "under" / "a.jpg"), str(case / "over" / "a.jpg"), str(case / "over_srgb.jpg"))
    average = ("--method", "average", "--no-align")
    assert loupe(monkeypatch, "fuse", *inputs[:2], "--out", "mixed.png", *average) == 0
    assert loupe(monkeypatch, "fuse", inputs[0], inputs[2], "--out", "plain.png", *average) == 0
    difference = np.abs(read_array("mixed.png").astype(int) - read_array("plain.png"))
    assert np.mean(difference) < 1.5, "both JPEGs show one scene"
    with Image.open(case / "over" / "a.jpg") as image:
        assert image.info.get("icc_profile")
