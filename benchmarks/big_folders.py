"""What DVC makes of many pictures: folders of files, folders by hash prefix, shards; and `dvc repro` with nothing to do.

    python -m benchmarks.big_folders [--pictures 1000 10000 100000] [--only layouts|graph] [--at FOLDER]

layouts: a folder of so many PNG of some hundred bytes goes through `dvc add`, `dvc status`, `dvc push` (to a folder), the same
after one picture changed, and `dvc checkout`. graph: the project's own stages for two kinds, each of which makes empty files in
place of its outputs, and so many pictures in all; then `dvc repro` again. Seconds on the clock, and of the processor (user and
system, of all the command's processes), which other work on the machine hardly lengthens.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from benchmarks.flow import environment
from benchmarks.labelling import picture
from pictures import pack
from pictures.packed import PACKED_FROM

SHARD = 1000
_CODE = Path(__file__).resolve().parent.parent
_FOLDERS = ("tasks", "models", "pictures", "labelling")
_KINDS = ("low_light", "thermal")


@dataclass(frozen=True)
class Took:
    """Of a command: seconds on the clock, and of the processor."""

    clock: float
    processor: float


def files(count: int, folder: Path, odd: int = 0) -> None:
    """A file a picture. odd: so many differ from what 0 writes, and only the first `SHARD` of all are written again."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, png in _named(min(count, SHARD) if odd else count, odd):
        (folder / name).write_bytes(png)


def prefixes(count: int, folder: Path, odd: int = 0) -> None:
    """A file a picture, in 256 folders by the first byte of the hash of its name."""
    for number in range(256):
        (folder / f"{number:02x}").mkdir(parents=True, exist_ok=True)
    for name, png in _named(min(count, SHARD) if odd else count, odd):
        (folder / hashlib.sha256(name.encode()).hexdigest()[:2] / name).write_bytes(png)


def tars(count: int, folder: Path, odd: int = 0) -> None:
    """As Loupe packs them, all of them anew each time."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, png in _named(count, odd):
        (folder / name).write_bytes(png)
    pack(folder)


def parquets(count: int, folder: Path, odd: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, shard in _shards(min(count, SHARD) if odd else count, odd):
        names, pngs = zip(*shard, strict=True)
        table = pa.table({"name": pa.array(names), "png": pa.array(pngs, pa.binary())})
        pq.write_table(table, folder / f"{number:06d}.parquet", compression="none")


LAYOUTS: dict[str, Callable[..., None]] = {"files": files, "prefixes": prefixes, "tar": tars, "parquet": parquets}


def _named(count: int, odd: int) -> Iterator[tuple[str, bytes]]:
    for number in range(count):
        yield f"{number:07d}.png", picture(number if number >= odd else 10**8 + number)


def _shards(count: int, odd: int) -> Iterator[tuple[int, list[tuple[str, bytes]]]]:
    held: list[tuple[str, bytes]] = []
    for name, png in _named(count, odd):
        held.append((name, png))
        if len(held) == SHARD:
            yield int(name[:7]) // SHARD, held
            held = []
    if held:
        yield count // SHARD, held


def run(root: Path, *words: str) -> Took:
    """A DVC command in a project. Raises CalledProcessError, with what it said."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", *words], cwd=root, env=environment(root), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"dvc {' '.join(words)}: {said[-2000:]}")
    return Took(time.perf_counter() - begun, used.ru_utime + used.ru_stime)


def init(root: Path) -> None:
    root.mkdir(parents=True)
    run(root, "init", "-q", "--no-scm")
    run(root, "config", "core.analytics", "false")
    run(root, "config", "core.check_update", "false")
    run(root, "remote", "add", "-d", "there", str(root.parent / f"{root.name}-remote"))


def layout(name: str, count: int, at: Path) -> Iterator[tuple[str, Took]]:
    """The commands with what each took, of one layout."""
    root, write = at / f"{name}-{count}", LAYOUTS[name]
    init(root)
    write(count, root / "pictures")
    yield "add", run(root, "add", "-q", "pictures")
    yield "status", run(root, "status", "-q")
    yield "push", run(root, "push", "-q")
    write(count, root / "pictures", odd=1)
    yield "add, one changed", run(root, "add", "-q", "pictures")
    yield "push, one changed", run(root, "push", "-q")
    shutil.rmtree(root / "pictures")
    yield "checkout", run(root, "checkout", "-q")
    for path in (root, at / f"{root.name}-remote"):
        shutil.rmtree(path)


_MAKE = """
import sys
from pathlib import Path
count, layout, *outs = sys.argv[1:]
for out in map(Path, outs):
    if out.name == "pictures" or (out.parent.name == "outputs" and out.name.startswith("r")):  # a folder of pictures
        from benchmarks.big_folders import LAYOUTS
        LAYOUTS[layout](int(count), out)
        (out / "table.parquet").write_text(str(out))
    elif out.suffix:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(str(out))
    else:
        out.mkdir(parents=True, exist_ok=True)
        (out / "one").write_text(str(out))
"""


def graph(root: Path, each: int, written: str) -> None:
    """The project's own graph in `root`, its commands replaced by those that write something of the same shape."""
    init(root)
    for name in _FOLDERS:
        shutil.copytree(_CODE / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "make.py").write_text(_MAKE)
    params = yaml.safe_load((_CODE / "params.yaml").read_text())
    for key in ("kinds", "rounds"):
        params[key] = {name: value for name, value in params[key].items() if name.startswith(_KINDS)}
    stages = yaml.safe_load((_CODE / "dvc.yaml").read_text())["stages"]
    stages = {name: stage for name, stage in stages.items() if "searched" not in str(stage.get("foreach"))}
    for stage in stages.values():
        body = stage.get("do", stage)
        outs = [out for key in ("outs", "metrics", "plots") for out in map(_path, body.get(key, []))]
        body["cmd"] = f"python make.py {each} {written} {' '.join(outs)}"
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))


def _path(out: str | Mapping[str, Any]) -> str:
    return out if isinstance(out, str) else next(iter(out))


def up_to_date(count: int, written: str, at: Path) -> Iterator[tuple[str, Took]]:
    """What `dvc repro` takes the first time, and again, with `count` pictures in all folders together."""
    root = at / f"graph-{written}-{count}"
    folders = len(_KINDS) * 2 + sum(_rounds().values())
    graph(root, count // folders, written)
    stages = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--name-only"], cwd=root, env=environment(root), text=True,
        capture_output=True, check=True,
    ).stdout.split()  # fmt: skip
    name = f"{len(stages)} stages, {folders} folders of {count // folders}"
    yield f"{name}: repro", run(root, "repro")
    yield f"{name}: repro again", run(root, "repro")
    yield f"{name}: and again", run(root, "repro")
    shutil.rmtree(root)


def _rounds() -> dict[str, int]:
    kinds = yaml.safe_load((_CODE / "params.yaml").read_text())["kinds"]
    return {name: int(kinds[name]["rounds"]) for name in _KINDS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--only", choices=("layouts", "graph"))
    parser.add_argument("--at", type=Path, help="a folder on the disk to be measured; it is left as it was")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.at) as folder:
        for count in chosen.pictures:
            for name in chosen.layouts:
                if name == "tar" and count < PACKED_FROM:
                    continue
                if chosen.only != "graph":
                    _print(f"{count:,} | {name}", layout(name, count, Path(folder)))
                if chosen.only != "layouts":
                    _print(f"{count:,} | {name}", up_to_date(count, name, Path(folder)))


def _print(where: str, found: Iterator[tuple[str, Took]]) -> None:
    for what, took in found:
        print(f"| {where} | {what} | {took.clock:.1f} s | {took.processor:.1f} s |", flush=True)


if __name__ == "__main__":
    main()
