"""What is wrong with a picture file, in one line that says what to do."""

from __future__ import annotations

import struct
import unicodedata
import zlib
from pathlib import Path

# What decoders were seen to raise on damaged files; each becomes an ImageError that names the file.
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    struct.error,
    zlib.error,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    AttributeError,
)


class FileFault(ValueError):
    """A file, or a folder, that cannot be used.

    Attributes: `path`, the file or folder; `reason`, one line that says why and what to do.
    """

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(str(path), reason)  # the arguments as given, so that the error survives pickling
        self.path = Path(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.reason}"


class AbsentFile(FileFault):
    """There is no such file, or a link leads nowhere."""


class ImageError(FileFault):
    """An image file, or a folder of them, that cannot be used."""


def short(error: BaseException) -> str:
    """The first line of an error, without the memory address of the buffer that Pillow names; LibRaw's errors hold bytes."""
    said = error.args[0] if error.args and isinstance(error.args[0], bytes) else str(error)
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    line = (text.splitlines() or [""])[0].split(" <_io")[0]
    return line[:120] or type(error).__name__


def printable(path: Path | str) -> str:
    """A path that any terminal and any JSON can hold: bytes that are not UTF-8 and control characters are escaped."""

    def escaped(character: str) -> str:
        if unicodedata.category(character) in {"Cc", "Cs"}:
            return character.encode("unicode_escape", "surrogatepass").decode()
        return character

    return "".join(map(escaped, str(path)))


def mended(path: Path | str) -> str:
    """The way out where a file of the pipeline is damaged: deleting it alone would bring it back from DVC's cache as it is."""
    return (
        f"`loupe repair {path}` removes it, and its copy in DVC's cache where that is damaged too; then run `dvc repro`"
    )
