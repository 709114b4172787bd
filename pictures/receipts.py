"""Receipts: what a command wrote and of what, so that it goes on where it stopped and replaces nothing but its own."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import Enum
from importlib import metadata
from pathlib import Path
from typing import Any

from pictures.atomic import atomic_path
from pictures.errors import FileFault, ImageError
from pictures.opening import read_regular

FOLDER = ".receipts"
FORMAT = 1
_CHUNK = 1 << 20
_MOST = 1 << 20


class State(Enum):
    """What lies where a command wants to write."""

    ABSENT = "nothing"
    DONE = "what this run would write"
    KEPT = "what this run would write, changed by somebody since"
    STALE = "ours, of another input, model or settings"
    FOREIGN = "not ours"


@dataclass(frozen=True)
class Made:
    """A file by its content, and by what the file system says of it. `changed` is the ctime, which no user can set."""

    path: str
    sha256: str
    size: int
    modified: int
    changed: int


@dataclass(frozen=True)
class Receipt:
    """Of one written file: its hash and that of the one it replaced, what it was made of, and how."""

    target: str
    sha256: str
    before: str | None
    size: int
    modified: int
    inputs: tuple[Made, ...]
    recipe: dict[str, Any]
    loupe: str


class Receipts:
    """The receipts of an output folder, one small JSON a file it holds, in its hidden folder `.receipts`.

    What is trusted: an input whose size, mtime and ctime are those of the receipt is not hashed again, and a target whose
    size and mtime are is taken as done. Before a file is replaced its bytes are hashed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / FOLDER

    def path_of(self, target: Path) -> Path:
        """Where the receipt of a file below the folder lies. A hash, because a name may have 255 bytes already."""
        name = os.fsencode(target.relative_to(self.root).as_posix())
        return self.folder / f"{hashlib.sha256(name).hexdigest()[:32]}.json"

    def read(self, target: Path) -> Receipt | None:
        """The receipt of a file; None where there is none, or none that can be read."""
        return _read(self.path_of(target))

    def all(self) -> list[Receipt]:
        """Every receipt, in the order of the targets."""
        found = [_read(path) for path in self.folder.glob("*.json")]
        return sorted((receipt for receipt in found if receipt is not None), key=lambda receipt: receipt.target)

    def owns(self, target: Path) -> bool:
        """Whether a file is there with the very bytes that were written."""
        receipt = self.read(target)
        return receipt is not None and _plain_file(target) and digest(target) in {receipt.sha256, receipt.before}

    def state(self, sources: Sequence[Path], target: Path, recipe: Mapping[str, Any]) -> State:
        """What lies at `target` for a run that would make it of `sources` by `recipe`."""
        if not os.path.lexists(target):
            return State.ABSENT
        receipt = self.read(target)
        if receipt is None or not _plain_file(target):
            return State.FOREIGN
        wanted = receipt.recipe == json.loads(json.dumps(recipe)) and _same(receipt.inputs, sources)
        status = target.stat()
        if wanted and (status.st_size, status.st_mtime_ns) == (receipt.size, receipt.modified):
            return State.DONE
        found = digest(target)
        if wanted and found == receipt.sha256:
            return State.DONE
        if found in {receipt.sha256, receipt.before}:
            return State.STALE
        return State.KEPT if wanted else State.FOREIGN

    @contextmanager
    def writing(
        self, sources: Sequence[Path], target: Path, recipe: Mapping[str, Any], overwrite: bool = False
    ) -> Iterator[Path]:
        """Yield a temporary path whose file becomes `target`, with its receipt, when the block ends without an error.

        The receipt is written first and holds the hash of the file before as well: whenever a process is killed, what lies at
        `target` is known as ours. Raises `ImageError` where a source changed meanwhile, or a file that is not ours came to
        lie at `target` (unless `overwrite`).
        """
        stamps = [_stamp(source) for source in sources]
        with atomic_path(target) as temporary:
            yield temporary
            made = tuple(_made(source, stamp) for source, stamp in zip(sources, stamps, strict=True))
            status = temporary.stat()
            ours = self.owns(target)
            if os.path.lexists(target) and not ours and not overwrite:
                raise ImageError(
                    target, "came to lie there meanwhile, and is not replaced; move it, or use --overwrite"
                )
            before = digest(target) if ours else None
            receipt = Receipt(
                os.fsdecode(target.relative_to(self.root)), digest(temporary), before, status.st_size,
                status.st_mtime_ns, made, dict(recipe), version(),
            )  # fmt: skip
            with atomic_path(self.path_of(target)) as path:
                path.write_text(json.dumps({"format": FORMAT, **asdict(receipt)}, indent=1) + "\n", encoding="utf-8")


def digest(path: Path) -> str:
    """SHA-256 of a regular file's bytes, as 64 hex digits, in bounded memory. Raises `ImageError`; never waits for a pipe.

    For a user's files; of a pipeline's pictures, which may be packed, `sha256_file`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ImageError(path, "not a regular file")
            found = hashlib.sha256()
            while chunk := file.read(_CHUNK):
                found.update(chunk)
    except (OSError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    return found.hexdigest()


def version() -> str:
    """Loupe's version, for the record: another version's files are not made again for that alone."""
    try:
        return metadata.version("loupe")
    except metadata.PackageNotFoundError:
        return "unknown"


def _read(path: Path) -> Receipt | None:
    try:
        kept = json.loads(read_regular(path, _MOST))
        if kept.pop("format") != FORMAT:
            return None
        receipt = Receipt(**kept | {"inputs": tuple(Made(**each) for each in kept["inputs"])})
    except (FileFault, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return receipt if isinstance(receipt.recipe, dict) and isinstance(receipt.target, str) else None


def _same(inputs: Sequence[Made], sources: Sequence[Path]) -> bool:
    """Whether the sources are those of a receipt, in its order, by content; their names do not matter."""
    return len(inputs) == len(sources) and all(map(_unchanged, inputs, sources))


def _unchanged(known: Made, source: Path) -> bool:
    stamp = _stamp(source)
    if stamp is None or stamp[0] != known.size:
        return False
    if stamp == (known.size, known.modified, known.changed) and os.path.abspath(source) == known.path:  # noqa: PTH100
        return True
    try:
        return digest(source) == known.sha256
    except ImageError:
        return False


def _made(source: Path, stamp: tuple[int, int, int] | None) -> Made:
    found = digest(source)
    if stamp is None or _stamp(source) != stamp:
        raise ImageError(source, "changed while it was read; run the command again")
    return Made(os.path.abspath(source), found, *stamp)  # noqa: PTH100 (links stay as they are named)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Size, mtime and ctime."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _plain_file(path: Path) -> bool:
    """Whether a regular file lies there, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False
