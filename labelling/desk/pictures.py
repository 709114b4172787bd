"""Tiles of the registered pictures, each picture decoded once and kept while it is in use.

Small pictures are kept in memory. Larger ones go to nameless temporary files, which the system removes even where this
process is killed; the largest are decoded by a process of their own. Both kinds are forgotten, the least used first,
when they take more room than they may.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from labelling.desk import tiles
from labelling.desk.tiles import BrokenPicture
from labelling.store import Store, StoreError

PADDING = 64 * 1024  # bytes; every answer is a multiple, so that its length tells nothing
_IN_MEMORY = 1024 * 1024  # pixels of a picture; above that to a file
_IN_PROCESS = 4_000_000  # pixels; above that decoded by a process of its own
_FILES = 200  # open at most
_PATIENCE = 300  # seconds for one picture

_log = logging.getLogger(__name__)


class NoTile(LookupError):
    """There is no tile at that place of the picture."""


class NoRoom(OSError):
    """There is no room for the tiles of a large picture."""


class _Sheet(Protocol):
    """The tiles of one picture."""

    size: int

    def read(self, number: int) -> bytes: ...


class _MemorySheet:
    def __init__(self, cut: list[bytes]) -> None:
        self._cut = cut
        self.size = sum(map(len, cut))

    def read(self, number: int) -> bytes:
        return self._cut[number]


class _FileSheet:
    """Closed when nobody reads it any more: a closed descriptor's number could by then be another file's."""

    def __init__(self, descriptor: int, lengths: list[int]) -> None:
        self._descriptor = descriptor
        self._ends = [0, *accumulate(lengths)]
        self.size = self._ends[-1]

    def read(self, number: int) -> bytes:
        start, end = self._ends[number : number + 2]
        content = os.pread(self._descriptor, end - start, start)
        if len(content) != end - start:
            raise NoRoom("a temporary file with tiles is too short")
        return content

    def __del__(self) -> None:
        os.close(self._descriptor)


class _Shelf:
    """Sheets within a budget of bytes and a number of them; the least used one goes first."""

    def __init__(self, budget: int, most: int) -> None:
        self._budget, self._most, self._used = budget, most, 0
        self._sheets: OrderedDict[str, _Sheet] = OrderedDict()

    def get(self, sha256: str) -> _Sheet | None:
        sheet = self._sheets.get(sha256)
        if sheet is not None:
            self._sheets.move_to_end(sha256)
        return sheet

    def put(self, sha256: str, sheet: _Sheet) -> None:
        self._sheets[sha256] = sheet
        self._used += sheet.size
        while len(self._sheets) > 1 and (self._used > self._budget or len(self._sheets) > self._most):
            self._used -= self._sheets.popitem(last=False)[1].size

    def clear(self) -> None:
        self._sheets.clear()
        self._used = 0


class Pictures:
    """Tiles of the pictures of `store`, for any number of threads; `memory` and `disk` in bytes."""

    def __init__(self, store: Store, memory: int = 96 * 2**20, disk: int = 4 * 2**30) -> None:
        self._store = store
        self._shelves = _Shelf(memory, 10_000), _Shelf(disk, _FILES)
        self._making: dict[str, Future[_Sheet]] = {}
        self._lock = threading.Lock()
        self._turn_small, self._turn_large = threading.Lock(), threading.Lock()
        self._ahead = ThreadPoolExecutor(2, "pictures")
        self.size = lru_cache(20_000)(store.picture_size)

    def tile(self, sha256: str, level: int, x: int, y: int) -> bytes:
        """PNG of the tile in column `x` and row `y` of `level`, padded to a multiple of PADDING bytes.

        Raises NoTile, UnknownPicture, BrokenPicture, NoRoom, StoreUnavailable.
        """
        number = tiles.tile_number(*self.size(sha256), level, x, y)
        if number is None:
            raise NoTile("there is no such tile")
        png = self._sheet(sha256).read(number)
        return png.ljust(-(-len(png) // PADDING) * PADDING, b"\x00")

    def levels(self, sha256: str) -> int:
        """Number of levels of a picture."""
        return len(tiles.level_sizes(*self.size(sha256)))

    def prepare(self, wanted: Iterable[str]) -> None:
        """Cut these pictures in the background, as they will be asked for soon."""
        for sha256 in wanted:
            self._ahead.submit(self._prepare, sha256)

    def close(self) -> None:
        """Forget everything; what is being cut is finished first."""
        self._ahead.shutdown(wait=True, cancel_futures=True)
        for shelf in self._shelves:
            shelf.clear()

    def _prepare(self, sha256: str) -> None:
        try:
            self._sheet(sha256)
        except (StoreError, BrokenPicture, OSError) as error:  # said to whoever asks for the picture
            _log.warning("picture %s could not be prepared: %s", sha256, error)

    def _sheet(self, sha256: str) -> _Sheet:
        with self._lock:
            for shelf in self._shelves:
                if (found := shelf.get(sha256)) is not None:
                    return found
            future = self._making.get(sha256)
            mine = future is None
            if future is None:
                future = self._making[sha256] = Future()
        if not mine:
            return future.result(_PATIENCE)
        try:
            sheet = self._cut(sha256)
        except BaseException as error:
            with self._lock:
                del self._making[sha256]
            future.set_exception(error)
            raise
        with self._lock:
            self._shelves[isinstance(sheet, _FileSheet)].put(sha256, sheet)
            del self._making[sha256]
        future.set_result(sheet)
        return sheet

    def _cut(self, sha256: str) -> _Sheet:
        width, height = self.size(sha256)
        expected = sum(-(-w // tiles.TILE) * -(-h // tiles.TILE) for w, h in tiles.level_sizes(width, height))
        pixels = width * height
        if pixels > _IN_PROCESS:
            with self._turn_large:
                sheet, count = self._cut_by_another_process(sha256)
        else:
            with self._turn_small:
                sheet, count = self._cut_here(sha256, to_file=pixels > _IN_MEMORY)
        if count != expected:
            raise BrokenPicture("the picture's size is not what its header says")
        return sheet

    def _cut_here(self, sha256: str, to_file: bool) -> tuple[_Sheet, int]:
        cut = list(tiles.cut(self._store.picture(sha256)))
        if to_file:
            try:
                descriptor = _nameless_file()
                with open(descriptor, "wb", closefd=False) as file:
                    sheet = _FileSheet(descriptor, [len(tile) for tile in cut])
                    for tile in cut:
                        file.write(tile)
                return sheet, len(cut)
            except OSError as error:
                _log.warning("no room for tiles in %s (%s); they stay in memory", tempfile.gettempdir(), error)
        return _MemorySheet(cut), len(cut)

    def _cut_by_another_process(self, sha256: str) -> tuple[_Sheet, int]:
        descriptor = _nameless_file()
        command = [sys.executable, "-I", str(Path(tiles.__file__)), str(descriptor)]
        try:
            png = b""
            if "://" in self._store.place:  # without the password; nobody else's list of processes shall have it either
                png = self._store.picture(sha256)
            else:
                command += [self._store.place, sha256]
            done = subprocess.run(
                command, input=png, pass_fds=[descriptor], capture_output=True, check=False,
                timeout=_PATIENCE,
            )  # fmt: skip
            if done.returncode == 3:
                raise BrokenPicture(done.stderr.decode(errors="replace").strip())
            if done.returncode:
                raise NoRoom(f"a large picture could not be cut: {done.stderr.decode(errors='replace').strip()[-500:]}")
            lengths = json.loads(done.stdout)
        except BaseException:
            os.close(descriptor)
            raise
        return _FileSheet(descriptor, lengths), len(lengths)


def _nameless_file() -> int:
    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())
