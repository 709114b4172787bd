"""Tiles: the right pixels at every level, and nothing about a picture but its pixels."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelling.desk import pictures as module
from labelling.desk.pictures import PADDING, NoRoom, NoTile, Pictures
from labelling.desk.tiles import TILE, BrokenPicture, cut, level_sizes, tile_number
from labelling.store import Store
from labelling.store.database.errors import StoreUnavailable, UnknownPicture
from labelling.store.records import PairImages, pair_key


class Shelf:
    """A store of pictures that counts how often each was read."""

    place = "postgresql://loupe@127.0.0.1/labels"

    def __init__(self, *pngs: bytes) -> None:
        self.pngs = {hashlib.sha256(png).hexdigest(): png for png in pngs}
        self.read: list[str] = []

    def picture_size(self, sha256: str) -> tuple[int, int]:
        if sha256 not in self.pngs:
            raise UnknownPicture("no such picture")
        header = self.pngs[sha256]
        return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")

    def picture(self, sha256: str) -> bytes:
        self.read.append(sha256)
        return self.pngs[sha256]


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def encoded(pixels: np.ndarray | Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, "PNG", compress_level=1, **options)
    return buffer.getvalue()


def decoded(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def put_together(shelf: Pictures, sha256: str, level: int) -> np.ndarray:
    width, height = level_sizes(*shelf.size(sha256))[level]
    rows = [
        np.concatenate([decoded(shelf.tile(sha256, level, x, y)) for x in range(-(-width // TILE))], axis=1)
        for y in range(-(-height // TILE))
    ]
    return np.concatenate(rows)


def one(*pngs: bytes, **options: int) -> tuple[Pictures, Shelf, list[str]]:
    store = Shelf(*pngs)
    return Pictures(store, **options), store, list(store.pngs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "levels"),
    [((1, 1), 1), ((512, 512), 1), ((513, 512), 2), ((1025, 7), 3), ((3, 1300), 3), ((1300, 900), 3)],
)
def test_every_level_shows_the_picture(size: tuple[int, int], levels: int) -> None:
    pixels = noise(*size)
    shelf, _, [sha256] = one(encoded(pixels))
    assert shelf.levels(sha256) == levels
    assert np.array_equal(put_together(shelf, sha256, 0), pixels)
    image = Image.fromarray(pixels)
    for level in range(1, levels):
        image = image.reduce(2)
        assert np.array_equal(put_together(shelf, sha256, level), np.asarray(image))


def test_levels_are_area_averages() -> None:
    pixels = noise(1024, 600)
    shelf, _, [sha256] = one(encoded(pixels))
    blocks = pixels.reshape(300, 2, 512, 2, 3).mean((1, 3))
    assert np.abs(put_together(shelf, sha256, 1) - blocks).max() <= 0.5


def test_large_pictures_are_cut_by_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = noise(1100, 700)
    small, _, [sha256] = one(encoded(pixels))
    large, store, _ = one(encoded(pixels))
    monkeypatch.setattr(module, "_IN_PROCESS", 1000)
    places = [(level, 0, 0) for level in range(3)] + [(0, 2, 1)]
    assert [large.tile(sha256, *place) for place in places] == [small.tile(sha256, *place) for place in places]
    assert store.read == [sha256]


def test_pictures_in_files_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = noise(1100, 700)
    small, _, [sha256] = one(encoded(pixels))
    expected = small.tile(sha256, 0, 2, 1)
    monkeypatch.setattr(module, "_IN_MEMORY", 1000)
    filed, store, _ = one(encoded(pixels), memory=0)
    for _ in range(2):
        assert filed.tile(sha256, 0, 2, 1) == expected
    assert store.read == [sha256]


def test_lengths_say_nothing() -> None:
    flat, busy = encoded(np.zeros((600, 700, 3), np.uint8)), encoded(noise(700, 600))
    grey = encoded(np.zeros((600, 700), np.uint8))
    shelf, _, names = one(flat, busy, grey)
    for place in ((0, 0, 0), (0, 1, 1), (1, 0, 0)):
        lengths = {len(shelf.tile(sha256, *place)) for sha256 in names}
        assert len(lengths) == 1
        assert lengths.pop() % PADDING == 0


def test_a_tile_is_a_sound_png_without_anything_else() -> None:
    png = next(cut(encoded(noise(20, 10), dpi=(300, 300))))
    kinds, place = [], 8
    while place < len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        kinds.append(png[place + 4 : place + 8])
        check = int.from_bytes(png[place + 8 + length : place + 12 + length], "big")
        assert check == zlib.crc32(png[place + 4 : place + 8 + length])
        place += 12 + length
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]


def test_every_kind_of_png_is_shown_in_eight_bits() -> None:
    ramp = (np.arange(65536, dtype=np.uint16)).reshape(256, 256)
    deep = next(cut(encoded(Image.fromarray(ramp))))
    assert np.abs(decoded(deep)[..., 0] - ramp / 257).max() <= 1
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert (decoded(next(cut(encoded(clear)))) == 128).all()
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        image = Image.new("L", (4, 4), 255).convert(mode)
        assert (decoded(next(cut(encoded(image)))) == 255).all(), mode


@pytest.mark.parametrize("place", [(0, 2, 0), (0, 0, 2), (2, 0, 0), (1, 1, 0), (-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_there_is_no_tile_outside(place: tuple[int, int, int]) -> None:
    shelf, store, [sha256] = one(encoded(noise(600, 600)))
    assert tile_number(600, 600, *place) is None
    with pytest.raises(NoTile):
        shelf.tile(sha256, *place)
    assert store.read == []


def test_numbers_of_tiles_follow_the_order_of_cutting() -> None:
    sizes = level_sizes(1300, 900)
    places = [
        (level, x, y)
        for level, (width, height) in enumerate(sizes)
        for y in range(-(-height // TILE))
        for x in range(-(-width // TILE))
    ]
    assert [tile_number(1300, 900, *place) for place in places] == list(range(len(places)))


@pytest.mark.parametrize("in_process", [True, False])
def test_broken_pictures_are_named_and_forgotten(monkeypatch: pytest.MonkeyPatch, in_process: bool) -> None:
    if not in_process:
        monkeypatch.setattr(module, "_IN_PROCESS", 1)
    whole = encoded(noise(300, 300))
    bomb = encoded(noise(8, 8)).replace((8).to_bytes(4, "big") * 2, (60000).to_bytes(4, "big") * 2, 1)
    for png in (whole[:2000], whole[:100] + b"\x00" * 500 + whole[600:], bomb, whole[:24]):
        shelf, _, [sha256] = one(png)
        for _ in range(2):
            with pytest.raises(BrokenPicture):
                shelf.tile(sha256, 0, 0, 0)


def test_a_header_that_lies_about_the_size() -> None:
    store = Shelf(encoded(noise(1100, 40)))
    [sha256] = store.pngs
    store.picture_size = lambda _: (600, 600)  # type: ignore[method-assign]
    with pytest.raises(BrokenPicture, match="size"):
        Pictures(store).tile(sha256, 0, 0, 0)  # type: ignore[arg-type]


def test_a_picture_is_decoded_once_for_everybody() -> None:
    shelf, store, [sha256] = one(encoded(noise(900, 900)))
    shelf.prepare([sha256])
    threads = [threading.Thread(target=shelf.tile, args=(sha256, 0, i % 2, 0)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read == [sha256]


def test_the_least_used_picture_goes_first() -> None:
    pngs = [encoded(noise(100, 100, seed)) for seed in range(3)]
    shelf, store, [a, b, c] = one(*pngs, memory=70_000)  # two of them
    for sha256 in (a, b, a, c, a, b):
        shelf.tile(sha256, 0, 0, 0)
    assert store.read == [a, b, c, b]


def test_a_picture_being_read_may_be_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IN_MEMORY", 1)
    shelf, _, names = one(*(encoded(noise(600, 600, seed)) for seed in range(4)), disk=1)
    expected = {sha256: shelf.tile(sha256, 0, 0, 0) for sha256 in names}
    assert len(set(expected.values())) == 4
    wrong: list[str] = []

    def look(offset: int) -> None:
        for i in range(40):
            sha256 = names[(i + offset) % 4]
            if shelf.tile(sha256, 0, 0, 0) != expected[sha256]:
                wrong.append(sha256)

    threads = [threading.Thread(target=look, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_files_are_nameless_and_closed_at_the_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_IN_MEMORY", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shelf, _, names = one(*(encoded(noise(60, 60, seed)) for seed in range(5)))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for sha256 in names:
        shelf.tile(sha256, 0, 0, 0)
    assert len(os.listdir("/proc/self/fd")) == before + 5  # noqa: PTH208
    assert list(tmp_path.iterdir()) == []
    shelf.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_full_disk_keeps_pictures_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = noise(600, 600)
    shelf, _, [sha256] = one(encoded(pixels))

    def full() -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_IN_MEMORY", 1)
    monkeypatch.setattr(module, "_nameless_file", full)
    assert np.array_equal(put_together(shelf, sha256, 0), pixels)


def test_no_room_for_a_large_picture_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, _, [sha256] = one(encoded(noise(1100, 700)))
    monkeypatch.setattr(module, "_IN_PROCESS", 1)
    limit = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)); "
    real = subprocess.run

    def limited(command: list[str], **options: object) -> object:
        code = f"{limit} sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
        return real([sys.executable, "-I", "-c", code, *command[2:]], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(module.subprocess, "run", limited)
    with pytest.raises(NoRoom):
        shelf.tile(sha256, 0, 0, 0)


def test_preparing_never_raises(caplog: pytest.LogCaptureFixture) -> None:
    shelf, store, [broken] = one(b"\x89PNG\r\n\x1a\n" + bytes(40))

    def locked(_: str) -> bytes:
        raise StoreUnavailable("the label store is locked")

    for wanted in (["f" * 64], [broken]):
        shelf.prepare(wanted)
    shelf._ahead.shutdown(wait=True)
    assert [record.args[0] for record in caplog.records] == ["f" * 64, broken]  # type: ignore[index]
    store.picture = locked  # type: ignore[method-assign]
    again = Pictures(store)  # type: ignore[arg-type]
    again.prepare([broken])
    again._ahead.shutdown(wait=True)
    assert "is locked" in caplog.text


@pytest.mark.slow
def test_fifty_megapixels_never_enter_this_process(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(0)
    rows = chance.integers(0, 256, (6144, 1024, 3), np.uint8)
    png, other = encoded(np.tile(rows, (1, 8, 1))), encoded(noise(8, 8))
    hashes = [hashlib.sha256(each).hexdigest() for each in (png, other)]
    pair = PairImages(
        key=pair_key(*hashes), first_sha256=hashes[0], second_sha256=hashes[1], first_png=png, second_png=other
    )
    sqlite_store.register("r01", "people", [pair], 1, "Better?")
    shelf = Pictures(sqlite_store)
    monkeypatch.setattr(sqlite_store, "picture", lambda _: pytest.fail("read here"))
    assert np.array_equal(decoded(shelf.tile(hashes[0], 0, 15, 11)), rows[-TILE:, -TILE:])
    assert shelf.levels(hashes[0]) == 5
    for place in ((4, 0, 0), (2, 3, 2), (0, 7, 7)):
        shelf.tile(hashes[0], *place)
    begin = time.monotonic()
    for x in range(16):
        shelf.tile(hashes[0], 0, x, 5)
    assert (time.monotonic() - begin) / 16 < 0.1
