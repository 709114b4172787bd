"""Two versions of what f(n) made of each training picture, to be compared in place of f(n-1) with f(n): `pairs.vary`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from models.core.training import step_seed
from models.enhancers.versions import two_versions
from pictures import fresh_folder, read_uint8, sha256_file, write_png
from tasks.config import View
from tasks.config.rounds import Vary
from tasks.stage import tables
from tasks.stage.mapping import Workers, map_images

FEW = 200
"""Pictures of which versions are made in this process: another takes seconds to start."""
POOL, LEAST = 20, 1000
"""So many pictures a pair that is asked about, but at least so many, are made in two versions; of more, some are drawn."""
FOLDER = "versions"
SIDES = {"before": "darker", "after": "brighter"}
"""Which version stands where f(n-1) and f(n) stand in `tasks.rounds.questions.paired`."""


@dataclass(frozen=True)
class Job:
    """A picture that f(n) made of an image, and the seed of its two versions."""

    image: str
    split: str
    model: str
    path: str
    seed: int
    vary: Vary
    folder: str


def made(job: Job) -> dict[str, Any]:
    """Write both versions as PNG; their row, as of `tasks.rounds.questions.paired`, with the names of the files."""
    drawn = np.random.default_rng(job.seed).standard_normal((1, 1, job.vary.parts, job.vary.parts))
    picture = torch.tensor(read_uint8(job.path)).permute(2, 0, 1)[None].float() / 255
    both = two_versions(picture, torch.from_numpy(drawn).float(), job.vary.tone)
    row: dict[str, Any] = {"image": job.image, "split": job.split}
    for (side, name), version in zip(SIDES.items(), both, strict=True):
        path = Path(job.folder) / f"{job.image}__{name}.png"
        write_png(path, (version[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())
        row |= {f"model_{side}": f"{job.model} {name}", f"path_{side}": path.name, f"sha256_{side}": sha256_file(path)}
    return row


def varied(after: pd.DataFrame, params: View, round: str, out: Path, where: Workers) -> pd.DataFrame:
    """Two versions of pictures of the outputs of a round, in a folder of `out`, as `tasks.rounds.questions.paired` has two
    rounds'. Which versions follows from seed, round and image alone.
    """
    number, vary, most = int(round[1:]), params.pairs.vary, max(LEAST, POOL * params.pairs.k)
    if len(after) > most:
        drawn = np.random.default_rng(step_seed(params.seed, number, "versions")).permutation(len(after))[:most]
        after = after.iloc[np.sort(drawn)]
    with fresh_folder(out / FOLDER) as folder:
        jobs = [
            Job(
                row.image,
                row.split,
                row.model,
                row.path,
                step_seed(params.seed, number, f"versions/{row.image}"),
                vary,
                str(folder),
            )
            for row in tables.rows(after)
        ]
        few = not where.cluster and len(jobs) <= FEW
        found = pd.DataFrame(map_images(made, jobs, 1 if few else where, "two versions of each"))
    return found.assign(
        **{key: [str(out / FOLDER / name) for name in found[key]] for key in map("path_{}".format, SIDES)}
    )


def keep_versions(out: Path, paths: Collection[str]) -> None:
    """Remove the versions in `out` that nobody is asked about."""
    for path in (out / FOLDER).iterdir():
        if str(path) not in paths:
            path.unlink()
