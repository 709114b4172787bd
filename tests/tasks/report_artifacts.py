"""A tiny set of artifacts of a whole run, for the tests of the report: two labelled rounds, three validation images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pictures import sha256_file, write_json, write_png
from tasks.config import View, read_yaml, validate
from tasks.rounds.report import PARAMS
from tasks.stage import tables
from tasks.stage.places import Places

ROOT = Path(__file__).parents[2]
NASTY = '<img src=x onerror="alert(1)">'
MODELS = ("input", "f0", "f1", "f2", "f3", "content_only", "niqe_ranker")
ROUNDS = ("r01", "r02")
KIND = "low_light"
AT = Places(KIND)


def params(source: str = "simulated", photos: int = 2, **sections: Any) -> View:
    """What the report sees of params.yaml; sections: changes of those of the kind."""
    values = read_yaml(ROOT / "presets" / "demo.yaml")
    values["rounds"] = {key: entry for key, entry in values["rounds"].items() if key != f"{KIND}-r03"}
    values["kinds"][KIND]["rounds"] = len(ROUNDS)
    own = values[KIND]
    own["labels"]["source"] = source
    own["report"]["photos"] = photos
    for name, changes in sections.items():
        own[name] |= changes
    return View(validate(values), PARAMS, KIND)


def make(kind: str = "simulated", voted: bool = True, nasty: str = "porch") -> None:
    """Write all artifacts that the report reads under data/ of the current folder; `nasty` names a photograph."""
    random = np.random.default_rng(5)
    photographs = {"cat_0": "cat", "cat_1": "cat", "porch": nasty}
    images, enhanced = [], []
    for number, (image, photograph) in enumerate(photographs.items()):
        size = (40, 64 + 8 * number, 3)
        for model in (*MODELS, "reference"):
            path = AT.evaluate / "outputs" / model / f"{image}.png"
            seed = 99 if model == "content_only" else MODELS.index(model) if model in MODELS else 50
            level = np.full(size, (1 if seed == 99 else seed) * 4 + number, np.uint8)
            write_png(path, level)
            if model != "reference":
                enhanced.append(
                    {
                        "image": image,
                        "split": "validation",
                        "model": model,
                        "path": tables.relative(path, AT.evaluate),
                        "sha256": sha256_file(path),
                    }
                )
        outputs = "../evaluate/outputs"
        reference = None if image == "cat_1" else f"{outputs}/reference/{image}.png"
        images.append(
            {
                "id": image,
                "photograph": photograph,
                "split": "validation",
                "path": f"{outputs}/input/{image}.png",
                "sha256": "0" * 64,
                "reference": reference,
                "reference_sha256": reference and "0" * 64,
                "width": size[1],
                "height": size[0],
                "original": photograph,
            }
        )
    train = {**images[0], "id": "train", "photograph": "train", "split": "train"}
    tables.write("images", [*images, train], AT.pictures / "images.parquet")
    write_json(
        AT.pictures / "summary.json",
        {
            "photographs": 3,
            "train": 1,
            "validation": 3,
            "normal": 0,
            "without_reference": ["cat_1"],
            "skipped": [{"file": f"{nasty}.jpg", "reason": "damaged; see /home/somebody/photos/broken.jpg"}],
            "not_read": [{"file": f"low/{number}.mov", "reason": "not a photo"} for number in range(7)],
            "in_sub_folders": 120,
        },
    )
    tables.write("enhanced", enhanced, AT.evaluate / "enhanced.parquet")
    means: dict[str, dict[str, float]] = {}
    scores = []
    for place, model in enumerate(MODELS):
        means[model] = {"niqe": 8.0 - place / 4, "psnr": 10.0 + place}
        scores += [
            {
                "image": image,
                "model": model,
                "metric": metric,
                "value": value + random.normal() / 10,
                "variant": f"variant of {metric}",
                "library": "pyiqa 0.1.16",
            }
            for metric, value in means[model].items()
            for image in photographs
        ]
    tables.write("scores", scores, AT.evaluate / "scores.parquet")
    votes = [
        {
            "image": image,
            "photograph": photograph,
            "first_model": "f0",
            "second_model": "f3",
            "observer": f"secret name {observer}",
            "kind": kind,
            "choice": "second",
        }
        for image, photograph in photographs.items()
        for observer in range(3)
    ]
    tables.write("votes", votes if voted else [], AT.evaluate / "votes.parquet")
    costs = [
        {"judge": f"g{judge}", "image": image, "model": f"f{number}", "value": 1.0 - number * (0.1 if place else -0.1)}
        for judge in range(len(ROUNDS) + 1)
        for place, image in enumerate(photographs)
        for number in range(len(ROUNDS) + 2)
    ]
    tables.write("judgements", costs, AT.evaluate / "judgements.parquet")
    write_json(AT.evaluate / "metrics.json", metrics(means, voted))
    write_json(
        AT.evaluate / "missing.json",
        {"musiq": "no weight (cache /opt/somewhere/weights/musiq.pth: absent; https://example.org/a/b: no network)"},
    )
    for name in ROUNDS:
        label_round(name, kind, nasty)
    trained = [folder(name) for folder in (AT.judge, AT.model) for name in ("r00", *ROUNDS)]
    for folder in (AT.start, *trained):
        curve(folder / "live" / "plots" / "metrics" / "loss.tsv")


def metrics(means: dict[str, dict[str, float]], voted: bool) -> dict[str, Any]:
    rate = {"rate": 0.784, "low": 0.701, "high": 0.852, "votes": 9, "photographs": 2}
    return {
        "scores": means,
        "preference_over_f0": {"f3": rate} if voted else {},
        "preference_over_input": {"f3": rate} if voted else {},
        "judge_accuracy": {"g0": 0.52, "g1": 0.61, "g2": 0.77} if voted else {},
        "judge_accuracy_pairs": {"g0": 3, "g1": 3, "g2": 3} if voted else {},
        "judge_prefers_next": {"g0": 1.0, "g1": 0.9, "g2": 0.8},
        "global_scores": [
            {"model": "f3", "score": 0.5, "error": 0.1, "low": 0.2, "high": 0.8, "from_prior": "undefeated"},
            {"model": "f0", "score": -0.5, "error": 0.1, "low": -0.8, "high": -0.2, "from_prior": None},
        ]
        if voted
        else [],
    }


def label_round(name: str, kind: str, nasty: str) -> None:
    """Three pairs of three votes: one all for the newer version, one 2 to 1 for it, one all for the older."""
    pairs, labels = [], []
    for rank, choices in enumerate((("second",) * 3, ("first", "second", "second"), ("first",) * 3)):
        key = f"{name}{rank}"
        pairs.append(
            {
                "round": name,
                "key": key,
                "image": nasty,
                "rank": rank,
                "gap": 0.75 - rank / 4,
                "first_model": f"f{int(name[1:]) - 1}",
                "first": "a",
                "first_sha256": "a" * 64,
                "second_model": f"f{int(name[1:])}",
                "second": "b",
                "second_sha256": "b" * 64,
            }
        )
        labels += [
            {
                "round": name,
                "key": key,
                "image": nasty,
                "observer": f"secret name {place}",
                "kind": kind,
                "choice": choice,
                "undecidable": False,
            }
            for place, choice in enumerate(choices)
        ]
    tables.write("pairs", pairs, AT.questions(name) / "pairs.parquet")
    tables.write("labels", labels, AT.labels(name) / "labels.parquet")


def curve(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"step\t{path.stem}\n10\t0.5\n20\t0.25\n30\tnan\n", encoding="utf-8")
