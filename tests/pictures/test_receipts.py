"""Receipts: which files are ours, and which are done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pictures import ImageError, Receipts, digest
from pictures.receipts import State

RECIPE = {"command": "test", "page": 1}


@pytest.fixture(autouse=True)
def receipts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Receipts:
    monkeypatch.chdir(tmp_path)
    Path("a").write_bytes(b"a photo")
    return Receipts(Path("out"))


def write(receipts: Receipts, content: bytes = b"made", overwrite: bool = False) -> None:
    with receipts.writing([Path("a")], Path("out/x"), RECIPE, overwrite) as temporary:
        temporary.write_bytes(content)


def state(receipts: Receipts, recipe: dict[str, object] = RECIPE, *sources: str) -> State:
    return receipts.state([Path(source) for source in sources or ("a",)], Path("out/x"), recipe)


def test_the_states_of_a_target(receipts: Receipts) -> None:
    assert state(receipts) is State.ABSENT
    write(receipts)
    assert state(receipts) is State.DONE
    assert state(receipts, {**RECIPE, "page": 2}) is State.STALE
    assert state(receipts, RECIPE, "a", "a") is State.STALE
    Path("out/x").touch()
    assert state(receipts) is State.DONE, "a new time alone is no change"
    Path("out/x").write_bytes(b"mine")
    assert (state(receipts), state(receipts, {})) == (State.KEPT, State.FOREIGN)
    assert not receipts.owns(Path("out/x"))
    Path("out/x").unlink()
    assert state(receipts) is State.ABSENT
    Path("out/x").symlink_to("../a")
    assert state(receipts) is State.FOREIGN


def test_an_input_of_the_same_size_and_time_but_other_content_is_seen(receipts: Receipts) -> None:
    write(receipts)
    status = Path("a").stat()
    Path("a").write_bytes(b"a PHOTO")
    os.utime("a", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert state(receipts) is State.STALE


def test_a_damaged_receipt_makes_no_file_ours(receipts: Receipts) -> None:
    write(receipts)
    path = receipts.path_of(Path("out/x"))
    whole = path.read_text()
    for damaged in ("", "[]", "{}", "[" * 100_000, whole[:-20], whole.replace('"recipe": {', '"other": {')):
        path.write_text(damaged)
        assert state(receipts) is State.FOREIGN
        assert receipts.all() == []
    path.unlink()
    path.mkdir()
    assert state(receipts) is State.FOREIGN


def test_a_failure_leaves_what_was_there(receipts: Receipts) -> None:
    write(receipts)
    with pytest.raises(RuntimeError), receipts.writing([Path("a")], Path("out/x"), RECIPE) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert Path("out/x").read_bytes() == b"made"
    assert state(receipts) is State.DONE
    assert sorted(path.name for path in Path("out").iterdir()) == [".receipts", "x"]


def test_a_file_that_came_meanwhile_is_not_replaced(receipts: Receipts) -> None:
    def write_while_the_user_does(overwrite: bool) -> None:
        with receipts.writing([Path("a")], Path("out/x"), RECIPE, overwrite) as temporary:
            temporary.write_bytes(b"made")
            Path("out/x").write_bytes(b"mine")

    with pytest.raises(ImageError, match="out/x: came to lie there meanwhile"):
        write_while_the_user_does(False)
    assert Path("out/x").read_bytes() == b"mine"
    write_while_the_user_does(True)
    assert Path("out/x").read_bytes() == b"made"


def test_a_photo_that_changes_while_it_is_read(receipts: Receipts) -> None:
    with (
        pytest.raises(ImageError, match="a: changed while it was read"),
        receipts.writing([Path("a")], Path("out/x"), RECIPE) as temporary,
    ):
        temporary.write_bytes(b"made")
        Path("a").write_bytes(b"another photo")
    assert not Path("out/x").exists()


def test_killed_between_receipt_and_file(receipts: Receipts, monkeypatch: pytest.MonkeyPatch) -> None:
    write(receipts)
    replace = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if Path(target) == Path("out/x"):
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            write(receipts, b"made anew")
    assert Path("out/x").read_bytes() == b"made"
    assert receipts.owns(Path("out/x"))
    assert state(receipts) is State.STALE, "it is ours, and is made again"


def test_names_of_any_length_and_bytes(receipts: Receipts) -> None:
    for name in ("n" * 255, os.fsdecode(b"\xff"), "sub/x"):
        with receipts.writing([Path("a")], Path("out") / name, RECIPE) as temporary:
            temporary.write_bytes(b"made")
        assert receipts.state([Path("a")], Path("out") / name, RECIPE) is State.DONE
    assert sorted(receipt.target for receipt in receipts.all()) == sorted(["n" * 255, os.fsdecode(b"\xff"), "sub/x"])


def test_only_regular_files_are_hashed(tmp_path: Path) -> None:
    os.mkfifo("pipe")
    for name in ("pipe", "/dev/zero", ".", "absent"):
        with pytest.raises(ImageError):
            digest(Path(name))
