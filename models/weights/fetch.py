"""Getting bytes: over https, from a source package through pip, from an archive, from an installed package."""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from models.weights.errors import FetchError

CONNECT_SECONDS = 4.0
DOWNLOAD_SECONDS = 1800.0
PIP_SECONDS = 900.0
CHUNK = 1 << 20

# pip prepares the metadata of a source package before it hands the archive over, and would run its setup.py for that
# (which fails for some, and is somebody else's code). This stand-in for setuptools answers from PKG-INFO instead.
STAND_IN = """
from pathlib import Path

class _Backend:
    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        fields = {}
        for line in Path("PKG-INFO").read_text(encoding="utf-8").splitlines():
            key, colon, value = line.partition(": ")
            if colon and key in ("Name", "Version"):
                fields.setdefault(key, value)
            elif not line:
                break
        name = fields["Name"].replace("-", "_")
        folder = Path(metadata_directory, f"{name}-{fields['Version']}.dist-info")
        folder.mkdir()
        text = f"Metadata-Version: 2.1\\nName: {fields['Name']}\\nVersion: {fields['Version']}\\n"
        (folder / "METADATA").write_text(text, encoding="utf-8")
        return folder.name

__legacy__ = _Backend()
prepare_metadata_for_build_wheel = __legacy__.prepare_metadata_for_build_wheel
"""


def check(content: bytes, sha256: str, what: str) -> None:
    """Raise FetchError unless the content's sha256 starts with the given digits."""
    found = hashlib.sha256(content).hexdigest()
    if not found.startswith(sha256):
        raise FetchError(f"{what} has sha256 {found}, expected {sha256}")


def over_https(url: str, max_bytes: int) -> bytes:
    """The file at an https address. Raises FetchError: no answer, not https, an error status, larger than max_bytes."""
    if not url.startswith("https://"):
        raise FetchError(f"{url} is not https")
    request = urllib.request.Request(url, headers={"User-Agent": "loupe"})
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    try:
        with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as response:
            if not response.geturl().startswith("https://"):
                raise FetchError(f"{url} leads to {response.geturl()}, which is not https")
            content = bytearray()
            while chunk := response.read(CHUNK):
                content += chunk
                if len(content) > max_bytes:
                    raise FetchError(f"{url} is larger than {max_bytes} bytes")
                if time.monotonic() > deadline:
                    raise FetchError(f"{url} took longer than {DOWNLOAD_SECONDS:.0f} s")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(f"{url}: {getattr(error, 'reason', None) or error}", _passes(error)) from error
    return bytes(content)


def _passes(error: Exception) -> bool:
    """Whether what went wrong may be over in a little while: a busy server or line, and no machine without a network."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in (408, 425, 429) or error.code >= 500
    reason = getattr(error, "reason", error)
    if isinstance(reason, socket.gaierror):
        return reason.errno == socket.EAI_AGAIN
    return isinstance(reason, (TimeoutError, ConnectionError, http.client.IncompleteRead))


def sdist_through_pip(project: str, version: str, sha256: str, file: str) -> bytes:
    """A source package's archive through pip, which brings the machine's own index, proxy and certificate settings.

    Nothing of the package is run or installed. Raises FetchError with pip's own reason.
    """
    return _through_pip(project, version, sha256, file, "--no-binary")


def wheel_through_pip(project: str, version: str, sha256: str, file: str) -> bytes:
    """A wheel through pip; the rest as `sdist_through_pip`."""
    return _through_pip(project, version, sha256, file, "--only-binary")


def _through_pip(project: str, version: str, sha256: str, file: str, form: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="loupe-sdist-") as name:
        folder = Path(name)
        backend = folder / "stand_in" / "setuptools"
        backend.mkdir(parents=True)
        (backend / "__init__.py").write_text("", encoding="utf-8")
        (backend / "build_meta.py").write_text(STAND_IN, encoding="utf-8")
        requirements = folder / "requirements.txt"
        requirements.write_text(f"{project}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
        target = folder / "sdist"
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(backend.parent), *filter(None, [environment.get("PYTHONPATH")])]
        )
        environment.setdefault("PIP_RETRIES", "1")
        arguments = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
        arguments += ["--no-deps", "--no-build-isolation", form, ":all:", "--require-hashes"]
        command = [sys.executable, "-m", "pip", "download", *arguments, "-r", str(requirements), "-d", str(target)]
        try:
            done = subprocess.run(
                command, env=environment, cwd=folder, capture_output=True, text=True, timeout=PIP_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise FetchError(f"pip download {project}=={version} took longer than {PIP_SECONDS:.0f} s") from error
        archive = target / file
        if done.returncode != 0 or not archive.is_file():
            raise FetchError(f"pip download {project}=={version}: {_reason(done.stderr, target)}")
        content = archive.read_bytes()
    check(content, sha256, file)
    return content


def _reason(stderr: str, target: Path) -> str:
    if "No module named pip" in stderr:
        return f"{sys.executable} has no pip (`{sys.executable} -m ensurepip` brings it)"
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    if errors or lines:
        reason = (errors or lines)[0]
        return reason if len(reason) <= 160 else reason[:160] + "..."
    found = sorted(path.name for path in target.glob("*"))
    return f"it gave {', '.join(found) or 'no file'}"


def members_of(archive: Path, members: Mapping[str, str], max_bytes: int) -> dict[str, bytes]:
    """Named regular files of a .tar.gz or a wheel, read into memory and checked; nothing is unpacked to disk.

    members: path, in a .tar.gz below the archive's top folder, -> sha256. Raises FetchError when one is missing, too large or
    wrong.
    """
    if archive.suffix == ".whl":
        return _members_of_wheel(archive, members, max_bytes)
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for info in tar:
                inner = info.name.partition("/")[2]
                if inner not in members or inner in found:
                    continue
                stream = tar.extractfile(info) if info.isreg() else None
                if stream is None or info.size > max_bytes:
                    raise FetchError(f"{archive.name}: {inner} is no plain file of at most {max_bytes} bytes")
                found[inner] = stream.read()
                check(found[inner], members[inner], f"{inner} in {archive.name}")
                if len(found) == len(members):
                    break
    except (tarfile.TarError, OSError, EOFError) as error:
        raise FetchError(f"{archive.name} cannot be read: {error}") from error
    missing = sorted(set(members) - set(found))
    if missing:
        raise FetchError(f"{archive.name} lacks {missing[0]}")
    return found


def _members_of_wheel(archive: Path, members: Mapping[str, str], max_bytes: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(archive) as wheel:
            for inner in sorted(members):
                with wheel.open(inner) as stream:
                    found[inner] = stream.read(max_bytes + 1)
    except KeyError as error:
        raise FetchError(f"{archive.name} lacks {inner}") from error
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
        raise FetchError(f"{archive.name} cannot be read: {error}") from error
    for inner, content in found.items():
        if len(content) > max_bytes:
            raise FetchError(f"{archive.name}: {inner} is no plain file of at most {max_bytes} bytes")
        check(content, members[inner], f"{inner} in {archive.name}")
    return found


def from_installed(package: str, member: str, sha256: str) -> bytes:
    """A file of an installed package, found without importing it. Raises FetchError: not installed, absent, wrong."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FetchError(f"package {package} is not installed")
    path = Path(spec.submodule_search_locations[0]) / member
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FetchError(f"{path}: {error.strerror}") from error
    check(content, sha256, str(path))
    return content
