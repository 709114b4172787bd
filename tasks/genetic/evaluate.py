"""The `genetic_evaluate` stage: the search and its predictor on the photos (Tables 3 and 4), and what the predictor loses.

Reads pictures, genetic and predictor of data/KIND; writes data/KIND/genetic_evaluate: enhanced.parquet, scores.parquet,
output/ of the predictor, amortised.parquet, and metrics.json. The predictor is measured on validation photos alone.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.core.features import load_vgg16
from models.core.storage import load_weights
from models.core.tensors import tensor
from models.enhancers import create
from models.enhancers.predicted import GenePredictor
from models.genetic import objectives
from models.genetic.objectives import Photo
from pictures import fresh_folder, read_uint8, sha256_file, write_json, write_png
from tasks.config import View
from tasks.datasets.subjects import frame
from tasks.genetic.search import enhanced
from tasks.measuring.rows import score_row
from tasks.measuring.scoring import available, score_files
from tasks.stage import tables
from tasks.stage.mapping import map_images
from tasks.stage.places import MODEL, Places
from tasks.stage.runtime import stage, workers

PARAMS = ("seed", "genetic", "amortise", "genetic_evaluate")
PREDICTED = "predicted"


def predictor(params: View) -> GenePredictor:
    """The trained predictor, frozen."""
    network = create("predicted", width=params.amortise.width, hidden=params.amortise.hidden)
    load_weights(network, Places(params.kind).predictor / MODEL)
    assert isinstance(network, GenePredictor)
    return network.requires_grad_(False).eval()


def measure(job: tuple[str, str, str, str | None, str, tuple[str, ...]]) -> list[dict[str, Any]]:
    """Rows of the scores table of one picture: (image, model, path, reference, photo, metrics)."""
    image, model, path, reference, photo, metrics = job
    values = score_files(metrics, read_uint8(path), reference, [photo])
    return [score_row(image, model, name, value) for name, value in values.items()]


def both_objectives(picture: np.ndarray, genes: torch.Tensor, extractor: Any, settings: Any) -> tuple[float, float]:
    """Entropy and distance of a photo under genes (1, 3), as the search measures them."""
    photo = Photo(picture)
    low, high = settings.brightness
    with torch.inference_mode():
        second = objectives.distance(photo, extractor, penalty=settings.penalty, low=low, high=high, side=settings.side)
        return float(objectives.entropy(photo).values(genes)), float(second.values(genes))


def run(params: View) -> None:
    at = Places(params.kind)
    images = frame(params.kind).set_index("id")
    searched = tables.read("enhanced", at.genetic / "enhanced.parquet")
    fronts = tables.read("fronts", at.genetic / "fronts.parquet").query("chosen == 1").set_index("image")
    network = predictor(params)
    extractor = load_vgg16("relu5_3").to(memory_format=torch.channels_last)
    usable, missing = available(params.genetic_evaluate.metrics)
    losses, rows, seconds = [], [], []
    out = at.root / "genetic_evaluate"
    with fresh_folder(out) as folder:
        for image in tables.rows(searched):
            picture = read_uint8(images.path[image.image])
            rows.append({"image": image.image, "split": image.split, "model": "input", "path": images.path[image.image],
                         "sha256": images.sha256[image.image]})  # fmt: skip
            rows.append(image._asdict())
            if image.split != "validation":
                continue
            batch = tensor(picture)
            begun = time.perf_counter()
            with torch.no_grad():
                genes = network.genes(batch)
            seconds.append(time.perf_counter() - begun)
            entropy, distance = both_objectives(picture, genes.double(), extractor, params.genetic)
            best = fronts.loc[image.image]
            losses.append(
                {
                    "image": image.image, "entropy": entropy, "distance": distance, "searched_entropy": float(best.entropy),
                    "searched_distance": float(best.distance), "brightness": float(genes[0, 0]),
                    "contrast": float(genes[0, 1]), "gamma": float(genes[0, 2]),
                }
            )  # fmt: skip
            path = Path("output") / f"{image.image}.png"
            write_png(folder / path, enhanced(picture, genes[0].tolist()))
            rows.append({"image": image.image, "split": image.split, "model": PREDICTED, "path": str(folder / path),
                         "sha256": sha256_file(folder / path)})  # fmt: skip
        named = [row | {"path": _named(Path(row["path"]), folder, out)} for row in rows]
        tables.write("enhanced", named, folder / "enhanced.parquet")
        tables.write("amortised", losses, folder / "amortised.parquet")
        jobs = [
            (
                row["image"],
                row["model"],
                row["path"],
                _reference(images, row),
                images.path[row["image"]],
                tuple(usable),
            )
            for row in rows
        ]
        scores = [row for part in map_images(measure, jobs, workers(params), "genetic evaluation") for row in part]
        tables.write("scores", scores, folder / "scores.parquet")
        result = {
            "metrics": means(scores, rows),
            "amortised": lost(losses),
            "missing": [vars(entry) for entry in missing],
        }
        write_json(folder / "metrics.json", result)
    told(result, seconds)


def _named(path: Path, folder: Path, out: Path) -> str:
    """A picture as the table in `out` names it; it lies in `folder` until that is whole, or is another stage's."""
    return tables.relative(path, folder if path.is_relative_to(folder) else out)


def _reference(images: Any, row: dict[str, Any]) -> str | None:
    found = images.reference[row["image"]]
    return found if isinstance(found, str) else None


def means(scores: list[dict[str, Any]], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """split -> model -> metric -> mean over the photos that have a value."""
    split = {(row["image"], row["model"]): row["split"] for row in rows}
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for entry in scores:
        if entry["value"] is not None:
            part = found.setdefault(split[entry["image"], entry["model"]], {}).setdefault(entry["model"], {})
            part.setdefault(entry["metric"], []).append(entry["value"])
    return {
        name: {
            model: {metric: float(np.mean(values)) for metric, values in metrics.items()}
            for model, metrics in part.items()
        }
        for name, part in found.items()
    }


def lost(losses: list[dict[str, Any]]) -> dict[str, Any]:
    """What the predictor loses against the search, in parts of the search's figures: medians over held-out photos.

    Positive is worse: less entropy, more distance.
    """
    if not losses:
        return {"photos": 0}
    entropy = [(row["searched_entropy"] - row["entropy"]) / max(row["searched_entropy"], 1e-9) for row in losses]
    distance = [(row["distance"] - row["searched_distance"]) / max(row["searched_distance"], 1e-9) for row in losses]
    return {
        "photos": len(losses),
        "entropy_loss_median": float(np.median(entropy)),
        "distance_loss_median": float(np.median(distance)),
        "entropy_loss_worst": float(np.max(entropy)),
        "distance_loss_worst": float(np.max(distance)),
    }


def told(result: dict[str, Any], seconds: list[float]) -> None:
    for split, part in result["metrics"].items():
        for model, metrics in part.items():
            print(f"{split:<12} {model:<10} " + "  ".join(f"{name} {value:.3f}" for name, value in metrics.items()))
    if result["amortised"]["photos"]:
        lost_ = result["amortised"]
        print(
            f"predictor, {lost_['photos']} held-out photos, median loss against the search: entropy "
            f"{100 * lost_['entropy_loss_median']:.1f} %, distance {100 * lost_['distance_loss_median']:.1f} %; genes in "
            f"{1000 * float(np.median(seconds)):.1f} ms a photo"
        )


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures"})
