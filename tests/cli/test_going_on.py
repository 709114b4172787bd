"""What is done is not made again, and a run that was stopped goes on: receipts, as the commands on photos use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from photo_helpers import ROOT, here, loupe, made, never, scene, temporaries, train
from PIL import Image

from pictures import write_png

__all__ = ["here"]  # fixtures


def test_what_is_done_is_not_made_again(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    before = {name: Path("out", name).stat() for name in made("out")}
    Path("out/3.png").unlink()
    assert loupe(monkeypatch, "enhance", "in", "--out", "out", "--tile", "64") == 0
    said = capsys.readouterr().out
    assert "1 of 4 photos enhanced" in said and "; 3 were done already" in said
    kept = [Path("out", name).stat() for name in ("0.png", "1.png", "2.png")]
    assert [(each.st_ino, each.st_mtime_ns) for each in kept] == [
        (before[name].st_ino, before[name].st_mtime_ns) for name in ("0.png", "1.png", "2.png")
    ]
    assert Path("out/3.png").is_file()
    with monkeypatch.context() as patched:
        patched.setattr("models.tiling.enhance_tiled", never)
        Path("in").rename("moved")
        assert loupe(monkeypatch, "enhance", "moved", "--out", "out") == 0, "the content counts, not the path"
        os.utime("moved/0.png")
        assert loupe(monkeypatch, "enhance", "moved", "--out", "out") == 0
    capsys.readouterr()
    assert loupe(monkeypatch, "enhance", "moved", "--out", "out", "--fresh") == 0
    assert "4 of 4 photos enhanced" in capsys.readouterr().out
    assert Path("out/0.png").stat().st_ino != before["0.png"].st_ino


def test_another_input_model_or_setting_makes_it_again(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    first = Path("out/0.png").read_bytes()
    old = Path("in/0.png").stat()
    changed = scene()[::-1]
    write_png("in/0.png", changed)
    os.utime("in/0.png", ns=(old.st_atime_ns, old.st_mtime_ns))
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    assert "1 of 4 photos enhanced" in capsys.readouterr().out.splitlines()[-1]
    assert Path("out/0.png").read_bytes() != first
    train(0.1)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    assert "4 of 4 photos enhanced" in capsys.readouterr().out
    write_png("o/0.png", 255 - scene())
    for method in ("average", "average", "laplacian"):
        assert loupe(monkeypatch, "fuse", "in", "o", "--out", "fused", "--method", method) == 3
    said = [line for line in capsys.readouterr().out.splitlines() if "scenes fused" in line]
    assert [line[0] for line in said] == ["1", "0", "1"]
    assert loupe(monkeypatch, "fuse", "in/0.png", "o/0.png", "--out", "fused/0.png", "--method", "laplacian") == 0
    assert "0 of 1 scenes fused by laplacian into fused/0.png; 1 was done already" in capsys.readouterr().out


def test_a_result_that_was_changed_is_kept(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    Image.fromarray(scene(5)).save("out/0.png")
    retouched = Path("out/0.png").read_bytes()
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    assert "; 3 were done already; 1 changed since and kept as it is" in capsys.readouterr().out
    assert Path("out/0.png").read_bytes() == retouched
    train(0.1)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 1
    assert "out/0.png: exists and was not written by this command, or was changed since" in capsys.readouterr().err
    assert Path("out/0.png").read_bytes() == retouched
    assert loupe(monkeypatch, "enhance", "in", "--out", "out", "--overwrite") == 0
    assert "4 of 4 photos enhanced" in capsys.readouterr().out
    assert Path("out/0.png").read_bytes() != retouched


KILLED = """
import os, signal, sys
import torch
import models.tiling
import pictures.atomic as atomic
from cli.main import main
sync, arguments = atomic._sync, sys.argv[1:-1]
for when in map(int, sys.argv[-1].split(",")):
    if not os.fork():
        calls = []
        def counted(path):
            calls.append(path)
            # Of each photo: its file, the folder, the receipt, its folder, the photo's file again, its folder.
            if len(calls) == when:
                os.kill(os.getpid(), signal.SIGKILL)
            sync(path)
        atomic._sync = counted
        sys.argv[1:] = [*arguments, "--out", f"out{when}"]
        main()
        os._exit(0)
    assert os.WTERMSIG(os.wait()[1]) == signal.SIGKILL
"""
"""`loupe ARGUMENTS --out outN` for each number N of the last argument, killed at the N-th time that it makes something last."""


def kill(at: Sequence[int], *arguments: str) -> None:
    command = [sys.executable, "-c", KILLED, *arguments, ",".join(map(str, at))]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_killed_run_goes_on(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Before the second photo is whole, before its receipt, between receipt and photo, and after both."""
    assert loupe(monkeypatch, "enhance", "in", "--out", "whole") == 0
    moments = (8, 10, 11, 12)
    kill(moments, "enhance", "in")
    capsys.readouterr()
    for out in (f"out{when}" for when in moments):
        assert temporaries(out)
        known = len([name for name in made(out) if ".tmp" not in name])
        assert loupe(monkeypatch, "enhance", "in", "--out", out) == 0
        assert f"{4 - known} of 4 photos enhanced" in capsys.readouterr().out
        assert temporaries(out) == []
        assert {name: Path(out, name).read_bytes() for name in made(out)} == {
            name: Path("whole", name).read_bytes() for name in made("whole")
        }


def test_a_run_killed_while_it_replaces_its_own_goes_on(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = (10, 11, 12)
    for when in moments:
        assert loupe(monkeypatch, "enhance", "in", "--out", f"out{when}") == 0
    train(0.1)
    kill(moments, "enhance", "in")
    assert loupe(monkeypatch, "enhance", "in", "--out", "whole") == 0
    for out in (f"out{when}" for when in moments):
        assert loupe(monkeypatch, "enhance", "in", "--out", out) == 0, "what lies there is known as ours"
        assert Path(out, "1.png").read_bytes() == Path("whole/1.png").read_bytes()
        assert temporaries(out) == []


def test_ctrl_c_says_how_far_it_came(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from models import tiling

    whole, calls = tiling.enhance_tiled, []

    def interrupted(*arguments: object) -> np.ndarray:
        calls.append(time.time())
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(tiling, "enhance_tiled", interrupted)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 1
    said = capsys.readouterr()
    assert said.err == "stopped: by Ctrl-C; the same command goes on\n"
    assert "2 of 4 photos enhanced" in said.out and "2 not reached" in said.out
    assert temporaries("out") == []


def test_a_receipt_says_what_was_made_of_what(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loupe(monkeypatch, "enhance", "in/0.png", "--out", "out") == 0
    (path,) = Path("out/.receipts").iterdir()
    receipt = json.loads(path.read_text())
    assert receipt["target"] == "0.png" and receipt["loupe"]
    assert receipt["recipe"]["command"] == "enhance" and len(receipt["recipe"]["model"]) == 64
    assert [Path(each["path"]).name for each in receipt["inputs"]] == ["0.png"]
