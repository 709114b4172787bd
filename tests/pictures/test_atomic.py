from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pictures import atomic, atomic_path, fresh_folder, placed, writing_aside

ROOT = Path(__file__).resolve().parents[2]


def killed(folder: Path, code: str) -> None:
    """Run code in a process in `folder` that kills itself with SIGKILL where the code says DIE."""
    prelude = (
        "import os, signal, pathlib\nfrom pictures import atomic\nfrom pictures import atomic_path, fresh_folder\n"
    )
    code = prelude + code.replace("DIE", "os.kill(os.getpid(), signal.SIGKILL)")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def fail(writer: Callable[[], None], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        writer()


def test_a_file_is_written_with_its_parents_and_the_users_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "x.png"
    with atomic_path(path) as temporary:
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert names(path.parent) == ["x.png"]
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_failed_write_leaves_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("before")

    def half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("disk full")

    fail(half, "disk full")
    assert path.read_text() == "before"
    assert names(tmp_path) == ["x.txt"]


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"x\.txt: nothing was written"), atomic_path(tmp_path / "x.txt"):
        pass
    assert names(tmp_path) == []


def test_kill_in_the_middle_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("before")
    killed(tmp_path, "with atomic_path('x.txt') as t:\n    t.write_text('half')\n    DIE")
    assert path.read_text() == "before"
    assert len(names(tmp_path)) == 2
    with atomic_path(path) as temporary:
        temporary.write_text("after")
    assert path.read_text() == "after"
    assert names(tmp_path) == ["x.txt"]


def test_kill_in_the_middle_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "old.txt").write_text("before")
    killed(tmp_path, "with fresh_folder('out') as f:\n    (f / 'half.txt').write_text('half')\n    DIE")
    assert names(folder) == ["old.txt"]
    with fresh_folder(folder) as fresh:
        assert names(fresh) == []
        (fresh / "new.txt").write_text("after")
    assert names(folder) == ["new.txt"]
    assert names(tmp_path) == ["out"]


def test_kill_between_the_two_renames_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "old.txt").write_text("before")
    killed(
        tmp_path,
        "rename = pathlib.Path.rename\n"
        "def dying(self, target):\n    rename(self, target)\n    DIE\n"
        "pathlib.Path.rename = dying\n"
        "with fresh_folder('out') as f:\n    pass",
    )
    assert not folder.exists()

    def failing() -> None:
        with fresh_folder(folder):
            assert names(folder) == ["old.txt"]
            raise RuntimeError("later")

    fail(failing, "later")
    assert names(folder) == ["old.txt"]
    assert names(tmp_path) == ["out"]


def test_a_failed_folder_leaves_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / "deep").mkdir(parents=True)

    def half() -> None:
        with fresh_folder(folder) as fresh:
            (fresh / "half.txt").write_text("half")
            raise RuntimeError("stopped")

    fail(half, "stopped")
    assert names(folder) == ["deep"]
    assert names(tmp_path) == ["out"]


def test_a_folder_takes_the_place_of_a_file_and_of_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept.txt").touch()
    (tmp_path / "link").symlink_to(elsewhere)
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with fresh_folder(tmp_path / name) as fresh:
            (fresh / "x").touch()
        assert names(tmp_path / name) == ["x"]
    assert names(elsewhere) == ["kept.txt"]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced = tmp_path / "x.txt", []
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, path.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    with atomic_path(path) as temporary:
        temporary.write_text("x")
    assert synced == [("new.txt", False), (tmp_path.name, True)]


def test_a_workspace_that_its_owner_removes_meanwhile_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, calls = fcntl.flock, []

    def late(descriptor: int, operation: int) -> None:
        if not calls:
            (tmp_path / ".x.txt.0.tmp").rmdir()
        calls.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with atomic_path(tmp_path / "x.txt") as temporary:
        temporary.write_text("x")
    assert len(calls) == 2
    assert names(tmp_path) == ["x.txt"]


def test_two_writers_at_once_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with atomic_path(path) as first:
        with atomic_path(path) as second:
            assert first != second
            second.write_text("second")
        first.write_text("first")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert names(tmp_path) == ["x.txt"]


def test_many_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path, faults = tmp_path / "x.txt", []

    def write(letter: str) -> None:
        try:
            for _ in range(40):
                with atomic_path(path) as temporary:
                    temporary.write_text(letter * 1000)
        except OSError as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(set(path.read_text())) == 1
    assert names(tmp_path) == ["x.txt"]


def test_long_names(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 125 + ".txt")  # 254 bytes
    with atomic_path(path) as temporary:
        temporary.write_text("x")
    assert names(tmp_path) == [path.name]


def test_it_imports_no_torch() -> None:
    code = "import sys, pictures.files, pictures; sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


FOLDERS = (Path("data"), Path("work"))  # the place aside lies in one of those, as .loupe does


def test_what_is_written_aside_leaves_the_project_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "old.txt").write_text("old")
    with pytest.raises(RuntimeError, match="stop"), writing_aside(FOLDERS, Path("work") / "aside"):
        with atomic_path(tmp_path / "data" / "old.txt") as temporary:
            temporary.write_text("new")
        with fresh_folder(Path("data") / "folder") as folder:
            (folder / "a").write_text("a")
            with atomic_path(folder / "b") as temporary:  # not aside of what is aside
                temporary.write_text("b")
            assert names(folder) == ["a", "b"]
        with atomic_path("elsewhere.txt") as temporary:
            temporary.write_text("else")
        assert placed("data/old.txt") != Path("data/old.txt")
        assert (tmp_path / "data" / "old.txt").read_text() == "old"
        raise RuntimeError("stop")
    assert names(tmp_path / "data") == ["old.txt"]
    assert names(tmp_path) == ["data", "elsewhere.txt", "work"]
    assert names(tmp_path / "work") == []
    assert placed("data/old.txt") == Path("data/old.txt")


def test_a_file_within_a_folder_in_the_making_is_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all of them are synced with the folder, which nobody sees before."""
    monkeypatch.setattr(atomic, "_MANY", 1)
    synced: list[str] = []
    monkeypatch.setattr(os, "sync", lambda: synced.append("sync"))
    monkeypatch.setattr(atomic, "_sync", lambda path: synced.append(path.name))

    def half(path: Path) -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("stopped")

    with fresh_folder(tmp_path / "out") as folder:
        for text in ("before", "x"):
            with atomic_path(folder / "deep" / "x.txt") as temporary:
                assert not temporary.exists()
                temporary.write_text(text)
        assert synced == [] and names(folder / "deep") == ["x.txt"]
        fail(lambda: half(folder / "y.txt"), "stopped")
        with pytest.raises(FileNotFoundError, match="nothing was written"), atomic_path(folder / "z.txt"):
            pass
    assert synced == ["sync", "deep", "x.txt", "new", tmp_path.name]
    assert names(tmp_path / "out") == ["deep"] and (tmp_path / "out" / "deep" / "x.txt").read_text() == "x"
