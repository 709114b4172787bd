"""The whole demo over several seeds, each from scratch in a folder of its own: python -m benchmarks.seeds 1 2 3 [--hillie]

--hillie: the low-light rounds as the paper has them, pairs of f(n-1) and f(n), and the ranker loss.
Prints a markdown table: the panel's preference of every f(n) over f(0), the rankers' accuracy on validation votes, and the last
model's preference in light of another character.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tasks.low_light.kind import KIND

PROJECT = Path(__file__).resolve().parent.parent
CODE = ("cli", "flows", "labelling", "models", "pictures", "presets", "tasks", "dvc.yaml", ".dvcignore", "params.yaml")


HILLIE: dict[str, Any] = {
    "name": "ranker_loss",
    "steps": 60,
    "batch": 2,
    "crop": 192,
    "learning_rate": 0.0003,
    "options": {"lambda_ranker": 1.0, "content_layer": "relu3_1", "content_reduce": 2},
}
"""`low_light.align` as HiLLIE's alignment was measured at demo scale."""


def as_measured(values: dict[str, Any]) -> None:
    """Make the low-light rounds of params.yaml what HiLLIE's were measured with."""
    section = values[KIND.name]
    section["align"] = dict(HILLIE)
    section["pairs"] = {"k": 48, "strategy": "gap"}
    section["dataset"]["sample"]["validation_photos"] = 5


def as_hillie(text: str) -> str:
    """The text of params.yaml with the low-light rounds as the paper has them, and as they were measured."""
    values = yaml.safe_load(text)
    as_measured(values)
    return yaml.safe_dump(values, sort_keys=False)


def run(seed: int, folder: Path, kind: str = KIND.name, edit: Callable[[str], str] = str) -> dict[str, Any]:
    """Run the pipeline of a kind with another seed in `folder`; returns data/KIND/evaluate/metrics.json, and as `elsewhere` the
    preferences over f0 in light of another character; {} where nothing is taken in such.

    edit: what is made of the text of params.yaml.
    """
    prepared(seed, folder, f"evaluate@{kind}", edit)
    made = folder / "data" / kind / "evaluate"
    elsewhere = json.loads((made / "elsewhere" / "summary.json").read_text()).get("sample", {})
    return {**json.loads((made / "metrics.json").read_text()), "elsewhere": elsewhere.get("preference_over_f0", {})}


def prepared(seed: int, folder: Path, target: str, edit: Callable[[str], str] = str) -> None:
    """Run the pipeline with another seed in an empty `folder`, up to a stage."""
    for name in CODE:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, folder / name)
    params = folder / "params.yaml"
    params.write_text(edit(re.sub(r"^seed: \d+", f"seed: {seed}", params.read_text(), count=1, flags=re.MULTILINE)))
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LOUPE_LABELS": str(folder / "labels.sqlite"),
        "PYTHONPATH": str(folder),
        "DVC_NO_ANALYTICS": "1",
    }
    for command in (["dvc", "init", "-q", "--no-scm"], ["dvc", "repro", "-q", target]):
        subprocess.run(command, cwd=folder, env=environment, check=True)


def rate(entry: dict[str, Any]) -> str:
    return f"{entry['rate']:.2f} ({entry['low']:.2f}-{entry['high']:.2f})"


def table(found: dict[int, dict[str, Any]]) -> str:
    """Markdown rows, one a seed."""
    first = next(iter(found.values()))
    models = [name for name in first["preference_over_f0"] if re.fullmatch(r"f\d+", name)]
    rankers = list(first["judge_accuracy"])
    apart = [name for name in models[-1:] if name in first["elsewhere"]]
    header = ["seed", *(f"{name} over f0" for name in models), *(f"{name} accuracy" for name in rankers),
              *(f"{name} over f0 elsewhere" for name in apart)]  # fmt: skip
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for seed, metrics in found.items():
        cells = [rate(metrics["preference_over_f0"][name]) for name in models]
        cells += [f"{metrics['judge_accuracy'][name]:.2f}" for name in rankers]
        cells += [rate(metrics["elsewhere"][name]) for name in apart]
        lines.append("| " + " | ".join([str(seed), *cells]) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--hillie", action="store_true")
    found: dict[int, dict[str, Any]] = {}
    chosen = parser.parse_args()
    for seed in chosen.seeds:
        with tempfile.TemporaryDirectory() as name:
            found[seed] = run(seed, Path(name), edit=as_hillie if chosen.hillie else str)
        print(table({seed: found[seed]}), flush=True)
    print(table(found))


if __name__ == "__main__":
    main()
