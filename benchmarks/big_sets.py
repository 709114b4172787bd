"""A set of 10^4, 10^5, 10^6 photos through the stages, without the pixels: seconds and memory of each step.

    python -m benchmarks.big_sets [--photos 10000 100000 1000000] [--steps joined dataset ...] [--validation 0.01]

The steps are what the stages of the low-light rounds do beside decoding, models and metrics, with made-up scores and hashes in
their place: names of a user's two folders joined; the dataset's table; the outputs' tables of two rounds; the choice of the
round's pairs (one of a hundred photos, 100 at least); their registration in the label store with three simulated votes each,
and the labels' table; what the judge learns from; the tables and the summary of the evaluation; the report. Every step is a
process of its own. Seconds on the clock and of the processor, and the peak of the process, imports included.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.labelling import picture

KIND, VALIDATION = "low_light", 0.01
METRICS = ("niqe", "brisque", "piqe", "entropy", "psnr", "ssim", "lpips", "delta_e", "clipped", "cast", "musiq", "pi")
MODELS = ("input", "f0", "f1", "f2", "content_only", "niqe_ranker")
_CODE = Path(__file__).resolve().parent.parent
_STEP = """
import re, sys, time
from pathlib import Path
from benchmarks import big_sets
begun = time.process_time()
big_sets.STEPS[sys.argv[1]](int(sys.argv[2]), float(sys.argv[3]))
found = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
print("peak", int(found[1]) / 1024)
"""


def name_of(number: int) -> str:
    return f"IMG_{number:07d}"


_HEADER = picture(0)[:33]


def stand_in(number: int, model: int) -> bytes:
    """What stands for a model's picture of a photo where the label store takes it: no more than a PNG's header, and a number."""
    return _HEADER + b"%d/%d" % (number, model)


def sha_of(number: int, model: int) -> str:
    return hashlib.sha256(stand_in(number, model)).hexdigest()


def joined(count: int, validation: float) -> None:
    """Two folders of the user, as listed: ids, partners, the names that the table keeps."""
    from pictures import Listing, identifiers, join
    from tasks.datasets.folders import original
    from tasks.low_light.pictures import Source

    folders = [
        Listing(Path("/photos") / side, [Path(f"/photos/{side}/{name_of(number)}.jpg") for number in range(count)])
        for side in ("dark", "lit")
    ]
    names = identifiers(folders[0])
    scenes = join(folders, "name", optional={1}).scenes
    found = [Source(path, names[path], original(path, folders[0]), *rest) for path, *rest in scenes if path is not None]
    assert len(found) == count


def dataset(count: int, validation: float) -> None:
    """The split, the table and its summary."""
    from pictures import write_json
    from tasks.datasets.crops import validation_names
    from tasks.low_light.pictures import placed
    from tasks.stage import tables
    from tasks.stage.places import Places

    out = Places(KIND).pictures
    rows = [
        {"id": name, "photograph": name, "has_reference": True, "width": 768, "height": 512, "original": f"{name}.jpg"}
        for name in map(name_of, range(count))
    ]
    photographs = [name_of(number) for number in range(count)]
    held = validation_names(photographs, max(1, round(count * validation)), 1)
    table = [placed(row, "validation" if row["photograph"] in held else "train", lambda path: "0" * 64) for row in rows]
    tables.write("images", table, out / "images.parquet")
    counts = {split: sum(row["split"] == split for row in table) for split in ("train", "validation")}
    photographs_known = len({row["photograph"] for row in table})
    write_json(out / "summary.json", {"source": "folder", "photographs": photographs_known, **counts})


def outputs(count: int, validation: float) -> None:
    """The tables of f0's and f1's outputs."""
    from tasks.datasets.subjects import subjects_of
    from tasks.stage import tables
    from tasks.stage.places import Places

    for model, round in enumerate(("r00", "r01")):
        out = Places(KIND).outputs(round)
        rows = (
            {
                "image": subject.id, "split": subject.split, "model": f"f{model}", "path": f"{subject.id}.png",
                "sha256": sha_of(int(subject.id[4:]), model),
            }
            for subject in subjects_of(KIND, "train")
        )  # fmt: skip
        tables.write("enhanced", rows, out / "enhanced.parquet")


def questions(count: int, validation: float) -> None:
    """Pairs of all outputs, and the choice among them by made-up costs."""
    from models.preference.choice import Candidates, choose
    from tasks.rounds.questions import differing, paired, rows_of
    from tasks.stage import tables
    from tasks.stage.places import Places
    from tasks.training.image_set import ImageSet

    at = Places(KIND)
    before, after = (tables.read("enhanced", at.outputs(name) / "enhanced.parquet") for name in ("r00", "r01"))
    both = differing(paired(before, after))
    for side in ("before", "after"):
        ImageSet(both[f"path_{side}"].tolist(), both[f"sha256_{side}"].tolist())
    costs = np.random.default_rng(0).random((2, len(both), 1))
    offered = Candidates(costs[0], costs[1])
    chosen = choose("gap", offered, max(100, count // 100), 1)
    rows = rows_of(both, chosen, offered.gaps, "r01", at.questions("r01"))
    tables.write("pairs", rows, at.questions("r01") / "pairs.parquet")


def shown(count: int, validation: float) -> None:
    """Not measured: the pictures of the chosen pairs, and of the validation photos."""
    from tasks.datasets.subjects import subjects_of
    from tasks.stage import tables
    from tasks.stage.places import Places

    at = Places(KIND)
    for row in tables.rows(tables.read("pairs", at.questions("r01") / "pairs.parquet")):
        for place, path in enumerate((row.first, row.second)):
            Path(path).write_bytes(stand_in(int(row.image[4:]), place))
    for folder in (at.evaluate / "outputs" / model for model in MODELS):
        folder.mkdir(parents=True, exist_ok=True)
    (at.pictures / "input").mkdir(exist_ok=True)
    (at.pictures / "reference").mkdir(exist_ok=True)
    for subject in subjects_of(KIND, "validation"):
        for model in MODELS:
            (at.evaluate / "outputs" / model / f"{subject.id}.png").write_bytes(picture(0))
        for path in (*subject.sources, subject.reference):
            Path(str(path)).write_bytes(picture(0))


def labels(count: int, validation: float) -> None:
    """The round's pairs in the store, three simulated votes on each, the labels' table."""
    from labelling.store import Store
    from tasks.config import load
    from tasks.rounds import labels as stage
    from tasks.rounds.showing import offered, options
    from tasks.stage import tables
    from tasks.stage.places import Places, store_round

    params = load(("{kind}.labels",), KIND)
    settings, at = params.labels, Places(KIND)
    pairs = tables.read("pairs", at.questions("r01") / "pairs.parquet")
    name = store_round(KIND, "r01")
    with Store.open("labels.sqlite") as store:
        store.register(name, "simulated", offered(pairs, KIND), settings.votes, settings.question, options(settings))
        hidden = {sha: int(sha[:8], 16) / 2**32 for sha in [*pairs.first_sha256, *pairs.second_sha256]}
        votes = stage.simulate(store, name, pairs, settings, lambda: hidden)
        assert store.status(name).complete
        again = stage.repeats(store, name)
    tables.write("labels", stage.rows_of(pairs, votes, settings.votes, again), at.labels("r01") / "labels.parquet")


def judge(count: int, validation: float) -> None:
    """Verdicts on the labelled pairs, and what is told of who labelled."""
    from tasks.stage import tables
    from tasks.stage.places import Places
    from tasks.training.consensus import told_of_observers
    from tasks.training.preferred import by_majority, decided

    at = Places(KIND)
    known = tables.read("labels", at.labels("r01") / "labels.parquet")
    told_of_observers(known)
    pairs = tables.read("pairs", at.questions("r01") / "pairs.parquet")
    assert len(decided(pairs, by_majority(known)))


def evaluate(count: int, validation: float) -> None:
    """The tables of the validation photos, as many as models, metrics and votes make, and all that is computed of them."""
    import pandas as pd

    from pictures import write_json
    from tasks.config import load
    from tasks.datasets.subjects import subjects_of
    from tasks.measuring import calibrated
    from tasks.measuring.rows import score_row
    from tasks.rounds import evaluate as stage
    from tasks.rounds.voted import simulated_votes
    from tasks.stage import tables
    from tasks.stage.places import Places

    params, out = load(stage.PARAMS, KIND), Places(KIND).evaluate
    subjects = subjects_of(KIND, "validation")
    photographs = {subject.id: subject.photograph for subject in subjects}
    random = np.random.default_rng(0)
    found: list[dict[str, Any]] = []
    for subject in subjects:
        values = random.random((len(MODELS), len(METRICS))).tolist()
        for place, model in enumerate(MODELS):
            row: dict[str, Any] = {
                "image": subject.id, "split": subject.split, "model": model, "path": f"{model}/{subject.id}.png",
                "sha256": sha_of(int(subject.id[4:]), place),
            }  # fmt: skip
            found.append({**row, "scores": dict(zip(METRICS, values[place], strict=True))})
    outputs = pd.DataFrame([{**row, "photograph": photographs[row["image"]]} for row in found])
    measured = {(row["image"], row["model"]): row["scores"] for row in found}
    made = outputs.assign(path=[f"outputs/{path}" for path in outputs.path])
    tables.write("enhanced", made[["image", "split", "model", "path", "sha256"]], out / "enhanced.parquet")
    scores = [
        score_row(image, model, name, values[name]) for (image, model), values in measured.items() for name in METRICS
    ]
    tables.write("scores", scores, out / "scores.parquet")
    del scores
    tables.write("votes", simulated_votes(outputs, measured, params), out / "votes.parquet")
    own = outputs[outputs.model.str.fullmatch(r"f\d+")]
    opinions = pd.DataFrame(
        [
            {"judge": f"g{number}", "image": image, "model": model, "value": value, "members": [value]}
            for number in range(2)
            for image, model, value in zip(own.image, own.model, random.random(len(own)).tolist(), strict=True)
        ]
    )
    tables.write("judgements", opinions.drop(columns="members"), out / "judgements.parquet")
    read = [tables.read(name, out / f"{name}.parquet") for name in ("votes", "scores", "judgements")]
    result = stage.summary(params, *read, photographs=photographs)
    result["calibration"] = calibrated.of_judges(read[0], opinions, params.evaluate.bootstrap, params.seed)
    result["doubt"] = calibrated.doubt(opinions)
    write_json(out / "metrics.json", result)
    write_json(out / "missing.json", {})


def report(count: int, validation: float) -> None:
    """The page. Its pictures are of 16 x 16 pixels."""
    from tasks.config import load
    from tasks.rounds import report as stage

    text = stage.page(load(stage.PARAMS, KIND))
    print("characters", len(text))


STEPS: dict[str, Callable[[int, float], None]] = {
    "joined": joined, "dataset": dataset, "outputs": outputs, "questions": questions, "shown": shown, "labels": labels,
    "judge": judge, "evaluate": evaluate, "report": report,
}  # fmt: skip
PREPARING = ("shown",)


def prepare(root: Path) -> None:
    """A project's params.yaml with one round of one kind."""
    params = yaml.safe_load((_CODE / "presets" / "demo.yaml").read_text())
    params["kinds"] = {KIND: {"start": "pictures", "rounds": 1}}
    params["rounds"] = {key: value for key, value in params["rounds"].items() if key == f"{KIND}-r01"}
    params["searched"] = []
    params[KIND]["evaluate"]["metrics"] = list(METRICS)
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def step(name: str, count: int, validation: float, root: Path) -> tuple[float, float, float, str]:
    """Seconds on the clock, of the processor, peak MB, and what the step said. Raises RuntimeError with what went wrong."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", _STEP, name, str(count), str(validation)], cwd=root, text=True, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_CODE)},
    )  # fmt: skip
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = re.search(r"peak ([\d.]+)", said)
    if process.returncode or peak is None:
        raise RuntimeError(f"{name} of {count} failed")
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime, float(peak[1]), said


def measured(count: int, validation: float, steps: list[str], root: Path) -> Iterator[str]:
    total = [0.0, 0.0, 0.0]
    for name in steps:
        clock, processor, peak, _ = step(name, count, validation, root)
        if name in PREPARING:
            continue
        total = [total[0] + clock, total[1] + processor, max(total[2], peak)]
        yield f"| {count:,} | {name} | {clock:.1f} s | {processor:.1f} s | {peak:,.0f} MB |"
    yield f"| {count:,} | all | {total[0]:.1f} s | {total[1]:.1f} s | {total[2]:,.0f} MB |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--validation", type=float, default=VALIDATION, help="share of the photos that is held out")
    parser.add_argument("--at", type=Path, help="a folder that is kept, so that single steps can be measured again")
    chosen = parser.parse_args()
    for count in chosen.photos:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) if chosen.at is None else chosen.at / str(count)
            root.mkdir(parents=True, exist_ok=True)
            prepare(root)
            for line in measured(count, chosen.validation, chosen.steps, root):
                print(line, flush=True)


if __name__ == "__main__":
    main()
