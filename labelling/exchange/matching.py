"""Which registered picture is meant, where another program names it by a path, an address or its content.

A path from a file is never opened: only files listed under the folder that the user gave are.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

_SHA256 = re.compile(r"[0-9a-f]{64}")
_UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")  # Label Studio puts it before the name of an uploaded file


class Unmatched(LookupError):
    """No registered picture is meant by this name, as far as can be told; the message is the reason."""


class PictureFinder:
    """Finds registered pictures (their sha256, in `registered`) by name, among the files under `folder` if given."""

    def __init__(self, registered: Collection[str], folder: Path | None = None) -> None:
        self._registered = registered
        self._files: dict[str, list[tuple[str, ...]]] = {}
        self._folder = folder
        self._known: dict[tuple[str, ...], str | None] = {}
        if folder is not None:
            for place, _, names in os.walk(folder):
                inside = Path(place).relative_to(folder).parts
                for name in names:
                    self._files.setdefault(name, []).append((*inside, name))

    def find(self, name: str) -> str:
        """sha256 of the registered picture that `name` means. Raises Unmatched.

        `name` is, in this order: the sha256 itself, or a file name made of it; a data: address, by its content; a path
        or an address, by the file under the folder whose path has the longest end in common with it, and whose bytes
        (or, for what is no plain PNG, whose PNG as a study makes it) are registered.
        """
        if name.startswith("data:"):
            return self._by_content(_decoded(name), "the picture in the file")
        parts = path_of(name)
        if not parts:
            raise Unmatched("the picture has no name")
        stem = PurePosixPath(parts[-1]).stem.lower()
        if _SHA256.fullmatch(stem) and stem in self._registered:
            return stem
        if self._folder is None:
            raise Unmatched(f"{_short(name)} is not a registered sha256; --images DIR says where the picture is")
        candidates = self._candidates(parts)
        if not candidates:
            raise Unmatched(f"no file {_short(parts[-1])} under {self._folder}")
        found = {self._registered_sha(file) for file in candidates}
        if len(found) > 1:  # also where one of them is not registered: a vote must not go to the wrong picture
            several = ", ".join(str(Path(*file)) for file in candidates[:3])
            raise Unmatched(f"{_short(name)} may be any of several files: {several}")
        sha = found.pop()
        if sha is None:
            raise Unmatched(f"{Path(*candidates[0])} under {self._folder} is not a registered picture")
        return sha

    def _candidates(self, parts: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The files whose paths share the longest end with `parts`."""
        plain = (*parts[:-1], _UPLOAD_PREFIX.sub("", parts[-1]))
        for wanted in dict.fromkeys((parts, plain)):
            files = self._files.get(wanted[-1], [])
            if files:
                longest = max(_common(file, wanted) for file in files)
                return [file for file in files if _common(file, wanted) == longest]
        return []

    def _registered_sha(self, file: tuple[str, ...]) -> str | None:
        if file not in self._known:
            self._known[file] = self._read(Path(self._folder or ".", *file))
        return self._known[file]

    def _read(self, path: Path) -> str | None:
        from labelling.exchange.folders import as_png
        from pictures import FileFault, sha256_file

        try:
            sha = sha256_file(path)
            if sha not in self._registered:
                sha = hashlib.sha256(as_png(path)[0]).hexdigest()
        except (OSError, FileFault):
            return None
        return sha if sha in self._registered else None

    def _by_content(self, data: bytes, what: str) -> str:
        sha = hashlib.sha256(data).hexdigest()
        if sha not in self._registered:
            raise Unmatched(f"{what} is not a registered picture")
        return sha


def path_of(name: str) -> tuple[str, ...]:
    """The parts of a path or address: folders and file name, without scheme, host, query and `..`."""
    address = urlsplit(name.replace("\\", "/")) if "//" in name or "?" in name else None
    if address is None:
        path = unquote(name.replace("\\", "/"))
    else:
        local = parse_qs(address.query).get("d")  # /data/local-files/?d=folder/file.png
        path = local[0] if local else unquote(address.path)
    return tuple(part for part in PurePosixPath(path).parts if part not in ("/", "..", ""))


def _common(one: tuple[str, ...], two: tuple[str, ...]) -> int:
    count = 0
    for a, b in zip(reversed(one), reversed(two), strict=False):
        if a != b:
            break
        count += 1
    return count


def _decoded(name: str) -> bytes:
    head, _, body = name.partition(",")
    if not head.endswith(";base64"):
        raise Unmatched("a data: address that is not base64")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise Unmatched("a data: address with broken base64") from None


def _short(name: str) -> str:
    return name if len(name) <= 80 else f"…{name[-79:]}"
