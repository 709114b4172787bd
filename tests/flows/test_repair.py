"""A real, small DVC project: what the printed advice says is done, and the output is whole again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import main
from flows.repair import RepairError, repair
from pictures import FileFault, read_regular

ROOT = Path(__file__).resolve().parents[2]
DVC_YAML = """
stages:
  table:
    cmd: {python} make.py table
    deps: [make.py]
    outs: [data/table.txt]
  pictures:
    cmd: {python} make.py pictures
    deps: [make.py]
    outs: [data/pictures]
"""
MAKE = """
import io
import sys
import tarfile
from pathlib import Path
Path("data").mkdir(exist_ok=True)
if sys.argv[1] == "table":
    Path("data/table.txt").write_text("what the stage wrote")
else:
    Path("data/pictures").mkdir(exist_ok=True)
    for name in "abc":
        Path(f"data/pictures/{name}.txt").write_text(f"picture {name}")
    with tarfile.open("data/pictures/00000-of-00001.tar", "w") as tar:
        entry = tarfile.TarInfo("packed.png")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"mine"))
"""


def dvc(*arguments: str, at: Path | None = None) -> None:
    words, environment = [sys.executable, "-m", "dvc", *arguments], {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(words, cwd=at, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    dvc("init", "--no-scm", "-q", at=root)
    (root / "dvc.yaml").write_text(DVC_YAML.format(python=sys.executable))
    (root / "make.py").write_text(MAKE)
    dvc("repro", "-q", at=root)
    return root


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of its own for each test."""
    shutil.copytree(made, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def cached(project: Path, content: str) -> Path:
    """The object of the cache that holds a text."""
    files = (project / ".dvc" / "cache" / "files").rglob("*")
    (found,) = [path for path in files if path.is_file() and path.read_bytes() == content.encode()]
    return found


def damage(path: Path) -> None:
    """As a disk does: the bytes change, the mode does not."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    path.chmod(mode)


def follow(said: str) -> None:
    """Run the command that a message names last."""
    command = re.findall(r"`(dvc [^`]+)`", said)[-1]
    dvc(*command.split()[1:])


OUTPUTS = [("data/table.txt", "what the stage wrote"), ("data/pictures/b.txt", "picture b")]


@pytest.mark.parametrize(("name", "content"), OUTPUTS)
@pytest.mark.parametrize("in_cache", [True, False])
def test_following_the_advice_brings_the_output_back(
    project: Path,
    name: str,
    content: str,
    in_cache: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target, kept = project / name, cached(project, content)
    damage(target)
    if in_cache:
        damage(kept)
    from pictures import mended

    command = re.findall(r"`loupe ([^`]+)`", mended(name))[0].split()
    monkeypatch.setattr(sys, "argv", ["loupe", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert (str(kept) in said) is in_cache
    follow(said)
    assert target.read_text() == content
    assert cached(project, content).read_text() == content
    assert (project / "data" / "pictures" / "a.txt").read_text() == "picture a"
    assert "as its stage wrote them" in repair(Path(name), project)


def test_a_packed_picture_is_mended_with_its_tar_file(project: Path) -> None:
    picture = Path("data/pictures/packed.png")
    damage(project / "data" / "pictures" / "00000-of-00001.tar")
    with pytest.raises(FileFault) as fault:
        read_regular(picture, 100)
    assert "`loupe repair data/pictures/00000-of-00001.tar`" in str(fault.value)
    follow(repair(picture, project))
    assert read_regular(picture, 100) == b"mine"


def test_deleting_alone_brings_the_damage_back(project: Path) -> None:
    """Why the command is there."""
    damage(cached(project, "what the stage wrote"))
    (project / "data" / "table.txt").unlink()
    dvc("repro", "-q")
    assert (project / "data" / "table.txt").read_bytes() == b"damaged"


@pytest.mark.parametrize(("name", "content"), OUTPUTS)
def test_a_sound_file_whose_copy_is_damaged_stays_and_is_kept_anew(project: Path, name: str, content: str) -> None:
    damage(cached(project, content))
    follow(repair(Path(name), project))
    assert (project / name).read_text() == content
    assert cached(project, content).read_text() == content


def test_a_damaged_list_of_a_folder(project: Path) -> None:
    (listing,) = (project / ".dvc" / "cache" / "files").rglob("*.dir")
    damage(listing)
    damage(project / "data" / "pictures" / "c.txt")
    follow(repair(Path("data/pictures"), project))
    assert (project / "data" / "pictures" / "c.txt").read_text() == "picture c"


def test_what_is_no_output_is_left_alone(project: Path) -> None:
    (project / "own.txt").write_text("mine")
    with pytest.raises(RepairError, match=r"own\.txt is no output of the pipeline"):
        repair(Path("own.txt"), project)
    (project / "data" / "pictures" / "own.txt").write_text("mine")
    with pytest.raises(RepairError, match="did not make it"):
        repair(Path("data/pictures/own.txt"), project)
    assert (project / "own.txt").exists() and (project / "data" / "pictures" / "own.txt").exists()


def test_no_message_advises_what_brings_the_damage_back() -> None:
    for folder in ("cli", "flows", "labelling", "models", "tasks", "pictures"):
        for source in (ROOT / folder).rglob("*.py"):
            if source.name != "repair.py":
                assert "delete it and run `dvc repro`" not in source.read_text(), source
