"""The `ranker_niqe` stage: train the ranker g0 on NIQE rankings between the pretraining checkpoints' outputs.

Every checkpoint enhances every training image; two versions of one image are a pair, and the lower NIQE is the better
(HiLLIE, Sec. 3.2.1). Reads data/low_light, data/pretrain; writes data/ranker/r00.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import torch

from models.quality import info
from tasks import enhancers, tables
from tasks.config import View
from tasks.files import fresh_folder, sha256_file, write_json
from tasks.image_set import ImageSet
from tasks.images import read_uint8, write_png
from tasks.mapping import map_images
from tasks.ranker_data import RankedPair, fresh_ranker, train_ranker
from tasks.runtime import DATA, stage, workers
from tasks.scoring import score
from tasks.tensors import picture_of, tensor

PARAMS = ("seed", "enhancer", "ranker.network", "ranker.niqe")
OUT = DATA / "ranker" / "r00"


@dataclass(frozen=True)
class Job:
    """One image to be enhanced by every checkpoint and scored."""

    image: str
    path: str
    checkpoints: tuple[enhancers.Trained, ...]
    folder: str


def enhance_and_score(job: Job) -> list[dict[str, object]]:
    """Write each checkpoint's version of an image as PNG; returns rows (image, model, path, sha256, niqe)."""
    image = tensor(read_uint8(job.path))
    rows: list[dict[str, object]] = []
    for checkpoint in job.checkpoints:
        with torch.no_grad():
            picture = picture_of(enhancers.opened(checkpoint)(image))
        step = Path(checkpoint.weights).stem
        path = Path(job.folder) / f"{job.image}__{step}.png"
        write_png(path, picture)
        rows.append(
            {
                "image": job.image,
                "model": step,
                "path": str(path),
                "sha256": sha256_file(path),
                "niqe": score(["niqe"], picture)["niqe"],
            }
        )
    return rows


def ranked_pairs(rows: list[dict[str, object]]) -> list[RankedPair]:
    """All pairs of versions of one image whose NIQE differ, by their places in `rows`."""
    pairs = []
    for first, second in combinations(range(len(rows)), 2):
        a, b = rows[first], rows[second]
        if a["image"] != b["image"] or a["niqe"] is None or b["niqe"] is None or a["niqe"] == b["niqe"]:
            continue
        pairs.append(RankedPair(first, second) if a["niqe"] < b["niqe"] else RankedPair(second, first))  # type: ignore[operator]
    return pairs


class NoRankedPairs(ValueError):
    """NIQE ranks no two versions of any training image."""


def run(params: View) -> None:
    images = tables.read("images", DATA / "low_light" / "images.parquet").query("split == 'train'")
    files = sorted((DATA / "pretrain" / "checkpoints").glob("*.safetensors"))
    checkpoints = tuple(enhancers.trained(params, path) for path in files)
    with fresh_folder(Path(".loupe") / "work" / "ranker_niqe") as work:
        jobs = [Job(row.id, row.path, checkpoints, str(work)) for row in tables.rows(images)]
        rows = [
            row for found in map_images(enhance_and_score, jobs, workers(params), "NIQE of versions") for row in found
        ]
        pairs = ranked_pairs(rows)
        if not pairs:
            raise NoRankedPairs(
                "NIQE ranks no two checkpoints' versions of any training image: are the photos smaller than 192 pixels, "
                "or the checkpoints alike (pretrain.steps, pretrain.checkpoints)?"
            )
        pictures = ImageSet([str(row["path"]) for row in rows], [str(row["sha256"]) for row in rows])
        data = "\n".join(f"{row['sha256']} {row['niqe']}" for row in rows)
        train_ranker(
            fresh_ranker(params), pictures, pairs, params.ranker.niqe, params, name="ranker_niqe", data=data, out=OUT
        )
    scores = [
        {
            "image": row["image"],
            "model": row["model"],
            "metric": "niqe",
            "value": row["niqe"],
            "variant": info("niqe").variant,
            "library": info("niqe").library,
        }
        for row in rows
    ]
    tables.write("scores", scores, OUT / "niqe.parquet")
    tables.write("pairs", [], OUT / "dataset" / "pairs.parquet")
    tables.write("labels", [], OUT / "dataset" / "labels.parquet")
    write_json(OUT / "summary.json", {"versions": len(rows), "pairs": len(pairs)})


if __name__ == "__main__":
    stage(__doc__, run, PARAMS)
