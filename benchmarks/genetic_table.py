"""The search on folders of real photos, as in Table 3 of entropy-driven NSGA-II: BRISQUE, NIQE and entropy, with ablations.

    python -m benchmarks.genetic_table FOLDER [FOLDER ...] [--side 96] [--variants full nsga2_only ...]

prints one row a folder and variant; the numbers of the search are the paper's (N 50, G 5, 8 local steps).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pictures import list_photos, read_array
from tasks.config.genetic import Genetic
from tasks.genetic.one_photo import SearchJob, jobs_of, search_photo
from tasks.genetic.search import enhanced
from tasks.measuring.scoring import score
from tasks.stage.mapping import cores, map_images

METRICS = ("brisque", "niqe", "entropy")
VARIANTS: dict[str, dict[str, Any]] = {
    "full": {},
    "nsga2_only": {"adaptive": False, "local_search": False},
    "no_local_search": {"local_search": False},
    "no_adaptive_mutation": {"adaptive": False},
}


def measured(job: SearchJob) -> dict[str, float | None]:
    """Metrics of the chosen version of one photo."""
    front = search_photo(job)
    return score(METRICS, _in_8_bits(enhanced(read_array(job.path), front.genes[front.chosen])))


def untouched(path: Path) -> dict[str, float | None]:
    return score(METRICS, _in_8_bits(read_array(path)))


def _in_8_bits(photo: np.ndarray) -> np.ndarray:
    return photo if photo.dtype == np.uint8 else ((photo.astype(np.uint32) + 128) // 257).astype(np.uint8)


def row(folder: Path, name: str, values: list[dict[str, float | None]]) -> str:
    means = []
    for metric in METRICS:
        known = [entry[metric] for entry in values if entry[metric] is not None]
        means.append(f"{np.mean(np.array(known, float)):.2f} ({len(known)})")
    return f"| {folder.name} | {len(values)} | {name} | " + " | ".join(means) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--side", type=int, default=224, help="of the picture that VGG16 sees")
    parser.add_argument("--variants", nargs="+", choices=sorted(VARIANTS), default=sorted(VARIANTS))
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    print("| folder | photos | variant | " + " | ".join(f"{metric} (photos)" for metric in METRICS) + " |", flush=True)
    print("|---|---|---|" + "---|" * len(METRICS), flush=True)
    for folder in chosen.folders:
        photos = list_photos(folder)
        print(row(folder, "input", map_images(untouched, photos, cores(), "input")), flush=True)
        for name in chosen.variants:
            settings = Genetic(side=chosen.side, **VARIANTS[name])
            with tempfile.TemporaryDirectory() as kept:
                named = [(photo.name, photo) for photo in photos]
                jobs = jobs_of(settings, named, Path(kept), chosen.seed, "cpu", None)
                print(row(folder, name, map_images(measured, jobs, cores(), name)), flush=True)


if __name__ == "__main__":
    main()
