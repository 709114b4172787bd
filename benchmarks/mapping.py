"""A map over 200 photographs: two workers beside one, in processes and on a Dask cluster, and what a map costs an item.

    python -m benchmarks.mapping [--repeats 3]

The photographs are crops of 512 x 512, drawn, enhanced (a tone curve in floating point) and written as PNG, which takes one
core a sixth of a second each. Workers of the cluster run on this machine, one thread each. Overhead is of a map of 400
items of which nothing is done, less that over two items (the start of processes, or the check of the workers), an item.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measure import Result, compare
from pictures import write_png
from tasks.stage.mapping import Workers, map_images

PHOTOS, ITEMS = 200, 400
_CODE = Path(__file__).resolve().parents[1]


def enhanced(item: int, folder: str) -> None:
    """Draw a photograph of its own, brighten it, and write it into `folder`."""
    random = np.random.default_rng(item)
    photo = np.repeat(np.repeat(random.random((64, 64, 3), dtype=np.float32), 8, 0), 8, 1)
    photo = np.clip(photo + random.normal(0, 0.02, photo.shape), 0, 1)
    for gamma in (2.2, 1.4, 1 / 2.2):
        photo = photo**gamma
    write_png(Path(folder) / f"{item}.png", photo.astype(np.float32))


def nothing(item: int) -> int:
    return item


@contextmanager
def cluster(workers: int, folder: Path) -> Iterator[str]:
    """Address of a Dask scheduler on this machine whose workers run in `folder`."""
    from distributed import LocalCluster

    environment = {**os.environ, "PYTHONPATH": str(_CODE)}
    command = [sys.executable, "-m", "dask", "worker"]
    options = ["--no-nanny", "--no-dashboard", "--nthreads", "1"]
    with LocalCluster(
        n_workers=0, processes=False, dashboard_address="127.0.0.1:0", protocol="tcp", host="127.0.0.1"
    ) as found:
        address = found.scheduler_address
        started = [
            subprocess.Popen([*command, address, *options], cwd=folder, env=environment, stderr=subprocess.DEVNULL)
            for _ in range(workers)
        ]
        try:
            while len(found.scheduler.workers) < workers:
                time.sleep(0.05)
            yield address
        finally:
            for process in started:
                process.kill()
                process.wait()


def results(repeats: int) -> list[Result]:
    """Rows of `make bench`."""
    found = []
    before = Path.cwd()
    with ExitStack() as open_places:
        folder = Path(open_places.enter_context(tempfile.TemporaryDirectory()))
        (folder / "data").mkdir()
        os.chdir(folder)
        open_places.callback(os.chdir, before)
        one, two = (Workers(1, open_places.enter_context(cluster(count, folder))) for count in (1, 2))
        work = partial(enhanced, folder=str(folder / "data"))
        for name, both, alone in (("processes", Workers(2), Workers(1)), ("Dask", two, one)):
            found.append(
                compare(
                    f"map over {PHOTOS} photographs, two workers ({name})", "s",
                    lambda where=both: map_images(work, range(PHOTOS), where, "two", progress=False),  # type: ignore[misc]
                    "one worker",
                    lambda where=alone: map_images(work, range(PHOTOS), where, "one", progress=False),  # type: ignore[misc]
                    repeats=repeats,
                )
            )  # fmt: skip
            found.append(overhead(name, both, repeats))
    return found


def overhead(name: str, where: Workers, repeats: int) -> Result:
    row = compare(
        f"a map's overhead an item ({name})", "ms",
        lambda: map_images(nothing, range(ITEMS), where, "many", progress=False),
        "two items",
        lambda: map_images(nothing, range(2), where, "few", progress=False),
        repeats=repeats,
    )  # fmt: skip
    each = 1000 * (row.value - row.other) / (ITEMS - 2)
    return Result(row.name, each, row.unit, 5.0, "target", each / 5.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    print(f"load before: {os.getloadavg()[0]:.1f}", flush=True)
    for row in results(parser.parse_args().repeats):
        print(
            f"| {row.name} | {row.value:.3g} {row.unit} | {row.other_name}: {row.other:.3g} | {row.ratio:.2f} |",
            flush=True,
        )
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
