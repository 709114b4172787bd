"""Where a weight may come from, and what an entry of the catalogue says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Files = Mapping[str, bytes]
"""What a source gave: file name -> content, each already checked against its sha256."""


@dataclass(frozen=True)
class Official:
    """One file at its maker's address.

    sha256: the whole digest, or its first 8 digits or more (torch puts those into the file's name). None: no digest was
    ever published; such a file is never fetched, only taken from the downloads folder, where the user vouches for it.
    converted (here and below): sha256 of what `convert` makes of it; None where it was not to be had.
    """

    url: str
    sha256: str | None
    max_bytes: int
    convert: Callable[[Files], bytes]
    converted: str | None = None

    @property
    def file(self) -> str:
        return self.url.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Sdist:
    """Members of a source package on PyPI. `members` maps the path inside the archive's top folder to its sha256."""

    project: str
    version: str
    sha256: str
    members: Mapping[str, str]
    convert: Callable[[Files], bytes] | None
    max_bytes: int = 100_000_000
    converted: str | None = None

    @property
    def file(self) -> str:
        return f"{self.project.replace('-', '_')}-{self.version}.tar.gz"

    @property
    def url(self) -> str:
        return f"https://pypi.org/project/{self.project}/{self.version}/#files"


@dataclass(frozen=True)
class Wheel(Sdist):
    """Members of a wheel on PyPI that runs everywhere, by their whole path; of projects that publish no source package."""

    @property
    def file(self) -> str:
        return f"{self.project.replace('-', '_')}-{self.version}-py3-none-any.whl"


@dataclass(frozen=True)
class Npm(Sdist):
    """Members of a package of the npm registry, by their path inside the archive's top folder."""

    @property
    def file(self) -> str:
        return f"{self.project}-{self.version}.tgz"

    @property
    def url(self) -> str:
        return f"https://www.npmjs.com/package/{self.project}/v/{self.version}"


@dataclass(frozen=True)
class Installed:
    """A file inside an installed package."""

    package: str
    member: str
    sha256: str
    convert: Callable[[Files], bytes]
    converted: str | None = None


@dataclass(frozen=True)
class Entry:
    """One weight. `file` is its name in the cache: a file, or a folder where `folder` is true.

    `optional` weights may be missing: what needs them is reported as missing, and all else works.
    """

    name: str
    what: str
    licence: str
    file: str
    sources: tuple[Official | Sdist | Installed, ...]
    folder: bool = False
    optional: bool = False

    def known(self, origin: str) -> list[Mapping[str, str]]:
        """What the cache may hold: path in the folder ("" for a file) -> sha256, one mapping a source.

        origin: where the cached entry says it came from. Empty where that is a source whose result is not known.
        """
        found: list[Mapping[str, str]] = []
        for source in self.sources:
            if self.folder or source.convert is None:
                if isinstance(source, Sdist):
                    found.append(source.members)
            elif source.converted is not None:
                found.append({"": source.converted})
            elif not isinstance(source, Official) or origin.endswith(source.file):
                return []
        return found
