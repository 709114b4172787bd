"""What every command on a user's photos does with those that fail, with a disk that refuses, and with what else lies there.

Through `loupe fuse --method average`, which needs no model, and `loupe enhance`.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from photo_helpers import ROOT, disk, here, loupe, made, noise, scene, temporaries

from cli.batch import Batch, run
from pictures import ImageError, Receipts, Work, read_array, write_png

__all__ = ["disk", "here"]  # fixtures


# What fails is named, counted and passed over.


def test_a_full_disk_stops_with_one_line_and_the_summary(
    here: Path, disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        write_png(f"in/{number}.png", noise(180))
    assert loupe(monkeypatch, "enhance", "in", "--out", str(disk / "out")) == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err.startswith("stopped: ") and "No space left on device" in said.err
    done = made(disk / "out")
    assert 1 <= len(done) < 4
    assert f"{len(done)} of 4 photos enhanced" in said.out and f"{4 - len(done)} not reached" in said.out
    assert all(read_array(disk / "out" / name).shape == (180, 180, 3) for name in done), "what is there is whole"
    assert temporaries(disk) == []


def test_a_full_disk_at_the_first_photo(
    here: Path, disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (disk / "ballast").write_bytes(bytes(250_000))
    write_png("o.png", noise()[::-1])
    write_png("u.png", noise())
    fused = ("fuse", "u.png", "o.png", "--out", str(disk / "x.png"), "--method", "average", "--no-align")
    assert loupe(monkeypatch, *fused) == 1
    said = capsys.readouterr()
    assert "stopped: " in said.err and "No space left on device" in said.err and "Traceback" not in said.err
    assert "0 of 1 scenes fused" in said.out
    assert made(disk) == ["ballast"]


def test_a_disk_that_is_full_when_the_page_of_before_and_after_is_written(
    here: Path, disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png("in/one.png", noise(200))
    (disk / "ballast").write_bytes(bytes(60_000))
    assert loupe(monkeypatch, "enhance", "in/one.png", "--out", str(disk / "out"), "--compare") == 1
    said = capsys.readouterr()
    assert "compare.html could not be written: No space left on device; the photos are enhanced" in said.err
    assert said.err.count("\n") == 1 and "1 of 1 photos enhanced" in said.out
    assert made(disk / "out") == ["one.png"] and temporaries(disk) == []


def test_a_read_only_disk(
    here: Path, disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert loupe(monkeypatch, "enhance", "in", "--out", str(disk / "out")) == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "Read-only file system" in said.err
    assert "0 of 4 photos enhanced" in said.out and "4 not reached" in said.out


def test_a_folder_without_permission(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path, *_: object) -> None:  # root, who may run this, is refused nothing
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("cli.enhancing.save_like", refuse)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 1
    said = capsys.readouterr()
    assert said.err == "stopped: out/0.png could not be written: Permission denied; the same command goes on\n"
    assert "0 of 4 photos enhanced" in said.out


def test_a_link_to_itself_and_a_pipe_are_passed_over(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in/loop.png").symlink_to("loop.png")
    os.mkfifo("in/pipe.png")
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 3
    said = capsys.readouterr()
    assert "skipped: in/loop.png: a link that leads back to itself" in said.err
    assert "skipped: in/pipe.png: a pipe (FIFO), not a file" in said.err
    assert "4 of 6 photos enhanced" in said.out and "; 2 left out (named above)" in said.out
    assert loupe(monkeypatch, "enhance", "in/loop.png", "in/0.png", "--out", "named") == 3
    said = capsys.readouterr()
    assert "skipped: in/loop.png: " in said.err and "1 of 2 photos" in said.out


def test_a_name_that_is_not_utf_8_is_said_escaped_and_may_be_enhanced(here: Path) -> None:
    name = b"caf\xe9.png"
    Path("in/0.png").rename(Path("in") / os.fsdecode(name))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8:strict"}
    command = [sys.executable, "-m", "cli.main", "enhance", "in", "--out", "out"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "Traceback" not in done.stderr
    assert r"skipped: in/caf\udce9.png: its name is not UTF-8" in done.stderr
    assert "3 of 4 photos enhanced" in done.stdout
    named = [os.fsencode(part) for part in command[:4]] + [b"in/" + name, b"--out", b"n\xe4med"]
    done = subprocess.run(named, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert r"into n\udce4med" in done.stdout
    assert os.path.isfile(b"n\xe4med/" + name)  # noqa: PTH113
    again = subprocess.run(named, env=environment, capture_output=True, text=True, check=False)
    assert "1 was done already" in again.stdout


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "too large for this machine's memory"),
        (ValueError("the image holds NaN"), "ValueError: the image holds NaN (--debug, or LOUPE_DEBUG=1, shows where)"),
        (RuntimeError("CUDA error\nmore lines"), "RuntimeError: CUDA error (--debug"),
    ],
)
def test_whatever_a_photo_raises_the_others_are_made(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    reason: str,
) -> None:
    from models import tiling

    whole = tiling.enhance_tiled
    marked = read_array("in/1.png")

    def sometimes(enhancer: object, photo: np.ndarray, *rest: object) -> np.ndarray:
        if np.array_equal(photo, marked):
            raise error
        return whole(enhancer, photo, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(tiling, "enhance_tiled", sometimes)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 3
    said = capsys.readouterr()
    assert f"skipped: in/1.png: {reason}" in said.err and said.err.count("\n") == 1
    assert "3 of 4 photos enhanced" in said.out
    assert made("out") == ["0.png", "2.png", "3.png"] and temporaries("out") == []
    assert loupe(monkeypatch, "enhance", "in", "--out", "out", "--debug") == 3
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setattr(tiling, "enhance_tiled", whole)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    assert "1 of 4 photos enhanced" in capsys.readouterr().out


def test_nothing_done_ends_with_1_and_help_says_the_codes(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "enhance", "absent.png", "--out", "out") == 1
    assert "0 of 1 photos enhanced" in capsys.readouterr().out
    for command in (("enhance",), ("fuse",), ("genetic", "search")):
        loupe(monkeypatch, *command, "--help")
        said = " ".join(capsys.readouterr().out.split())
        assert "Ends with 0 when all is done" in said and "3 when some photos were left out" in said


# What else lies there is said; sub-folders.


def test_sub_folders_are_said_or_mirrored(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png("in/a/0.png", scene(7))
    write_png("in/a/b/9.png", scene(9))
    Path("in/clip.mov").touch()
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    said = capsys.readouterr()
    assert "2 photos in sub-folders were not read; --recursive reads them" in said.err
    assert "in: 1 file was not read: clip.mov" in said.err
    assert made("out") == ["0.png", "1.png", "2.png", "3.png"]
    assert loupe(monkeypatch, "enhance", "in", "--out", "out", "--recursive") == 0
    said = capsys.readouterr()
    assert "sub-folders" not in said.err
    assert "2 of 6 photos enhanced" in said.out and "; 4 were done already" in said.out
    assert made("out") == ["0.png", "1.png", "2.png", "3.png", "a/0.png", "a/b/9.png"]


def test_an_output_folder_inside_is_not_read(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert loupe(monkeypatch, "enhance", "in", "--out", "in/better", "--recursive") == 0
        assert made("in/better") == ["0.png", "1.png", "2.png", "3.png"]
    assert "0 of 4 photos enhanced" in capsys.readouterr().out
    assert loupe(monkeypatch, "enhance", "in", "--out", "in/better") == 0
    assert "sub-folders" not in capsys.readouterr().err


def test_notes_of_the_photos_are_counted(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataclasses import replace

    from cli import enhancing

    read = enhancing.read_photo

    def converted(path: Path, page: int) -> object:
        photo = read(path, page)
        return photo if path.name == "0.png" else replace(photo, notes=("converted from Adobe RGB to sRGB",))

    monkeypatch.setattr(enhancing, "read_photo", converted)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    assert "3 photos: converted from Adobe RGB to sRGB (1.png, 2.png, 3.png)\n" in capsys.readouterr().out


def test_a_photo_that_becomes_another_kind_of_file_is_said(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deep = scene().astype(np.uint16) * 257
    write_png("deep.png", deep)
    Path("deep.png").rename("in/deep.webp")  # what counts is what it holds
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    said = capsys.readouterr().out
    assert "1 photo: written as .png: .webp cannot be written, or has no place for 16 bits (deep.webp)\n" in said
    assert read_array("out/deep.png").dtype == np.uint16


# Several at a time.


def works(folder: Path, count: int) -> list[Work]:
    for number in range(count):
        write_png(folder / f"{number}.png", noise(24))
    return [Work((folder / f"{number}.png",), folder / "out" / f"{number}.png") for number in range(count)]


def batch_of(folder: Path, count: int, beside: int) -> Batch:
    return Batch(
        works(folder, count), Receipts(folder / "out"), {"by": "test"}, "photos", "made into out", beside=beside
    )


@pytest.mark.parametrize("beside", [1, 3])
def test_side_by_side_all_are_made_and_what_fails_is_said_in_their_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], beside: int
) -> None:
    together, most, lock = 0, 0, threading.Lock()

    def make(item: Work, target: Path) -> list[tuple[Path, str]]:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.03 if item.sources[0].stem != "1" else 0.12)
        with lock:
            together -= 1
        if item.sources[0].stem in "14":
            raise ImageError(item.sources[0], "is odd")
        write_png(target, noise(24))
        return []

    assert run(batch_of(tmp_path, 8, beside), make) == 3
    said = capsys.readouterr()
    assert [line.split("/")[-1] for line in said.err.splitlines()] == ["1.png: is odd", "4.png: is odd"]
    assert "6 of 8 photos made" in said.out
    assert made(tmp_path / "out") == ["0.png", "2.png", "3.png", "5.png", "6.png", "7.png"]
    assert most == beside
    again = run(batch_of(tmp_path, 8, beside), make)
    assert again == 3 and "0 of 8" in capsys.readouterr().out, "what is done is not made again"


def test_side_by_side_ctrl_c_ends_those_that_were_begun_and_counts_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = threading.Event()

    def make(item: Work, target: Path) -> list[tuple[Path, str]]:
        if item.sources[0].stem == "2":
            begun.set()
        time.sleep(0.2)
        write_png(target, noise(24))
        return []

    def interrupt() -> None:
        begun.wait()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert run(batch_of(tmp_path, 9, 2), make) == 1
    thread.join()
    said, there = capsys.readouterr(), made(tmp_path / "out")
    assert "stopped: by Ctrl-C" in said.err
    assert 2 <= len(there) < 9 and f"{len(there)} of 9 photos made" in said.out
    assert f"{9 - len(there)} not reached" in said.out
    assert temporaries(tmp_path) == []


def test_side_by_side_a_disk_that_is_full_stops_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def make(item: Work, target: Path) -> list[tuple[Path, str]]:
        if int(item.sources[0].stem) >= 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        write_png(target, noise(24))
        return []

    assert run(batch_of(tmp_path, 12, 3), make) == 1
    said = capsys.readouterr()
    assert said.err.count("stopped: ") == 1 and "No space left" in said.err
    assert "3 of 12 photos made" in said.out and "9 not reached" in said.out
