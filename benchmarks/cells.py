"""Other combinations of pictures, judge and aligner than those that ship, at demo scale: python -m benchmarks.cells [NAME ...]

Each is one change of params.yaml, from scratch in a folder of its own, up to `evaluate`. Prints a line each: the preference of
the last f(n) over f(0), the judges' accuracy on validation pairs, and what became of the kind's metrics (last f(n) less f(0)).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.seeds import HILLIE, as_measured, rate, run

NIQE = {"name": "metric", "options": {"metric": "niqe"}, "start": None, "rounds": None}
SHOWN = ("niqe", "qabf", "ssim_sources", "cc_sources", "psnr", "ssim", "lpips", "clipped", "cast")
POLICY = {"explore": {"name": "white", "scale": 0.02}, "view": "local"}


def low_light_grpo(values: dict[str, Any]) -> None:
    as_measured(values)
    values["low_light"]["align"] |= {"name": "grpo", "crop": 128, "options": POLICY | {"view": "whole"}}


def brackets_ppo(values: dict[str, Any]) -> None:
    judge, reward = values["brackets"]["judge"], values["thermal"]["judge"]
    pairs = {"crop": judge["start"]["crop"], "margin": 0.2, "batch": 8, "steps": 60}
    learning = {name: value for name, value in reward["rounds"].items() if name not in pairs}
    values["brackets"]["judge"] = {
        "name": "reward", "options": reward["options"], "start": learning | pairs, "rounds": learning | pairs,
    }  # fmt: skip
    values["brackets"]["align"] |= {"name": "ppo", "crop": 128, "options": POLICY}


def thermal_ranker(values: dict[str, Any]) -> None:
    ranker = values["low_light"]["judge"]
    values["thermal"]["judge"] = ranker | {name: ranker[name] | {"crop": 192} for name in ("start", "rounds")}
    values["thermal"]["labels"]["asks"] = "pairs"
    values["thermal"]["align"] |= {"name": "ranker_loss", "options": HILLIE["options"]}


def thermal_niqe(values: dict[str, Any]) -> None:
    values["thermal"]["judge"] = NIQE
    values["thermal"]["labels"]["asks"] = "pairs"
    values["thermal"]["align"] |= {"name": "grpo", "crop": 192, "options": POLICY | {"view": "whole"}}


CELLS: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
    "low_light x ranker x grpo": ("low_light", low_light_grpo),
    "brackets x reward x ppo": ("brackets", brackets_ppo),
    "thermal x ranker x ranker_loss": ("thermal", thermal_ranker),
    "thermal x niqe x grpo": ("thermal", thermal_niqe),
}


def edited(change: Callable[[dict[str, Any]], None]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        values = yaml.safe_load(text)
        change(values)
        return yaml.safe_dump(values, sort_keys=False)

    return edit


def line(name: str, found: dict[str, Any], seconds: float) -> str:
    last = max((model for model in found["scores"] if model[1:].isdigit()), key=lambda model: int(model[1:]))
    votes = found["preference_over_f0"].get(last)
    judges = " ".join(f"{judge} {value:.2f}" for judge, value in found["judge_accuracy"].items())
    first, end = found["scores"]["f0"], found["scores"][last]
    changes = ", ".join(f"{metric} {end[metric] - first[metric]:+.3f}" for metric in SHOWN if metric in end)
    return f"| {name} | {last}: {rate(votes) if votes else 'no votes'} | {judges} | {changes} | {seconds:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(CELLS), metavar="NAME", help=", ".join(CELLS))
    parser.add_argument("--seed", type=int, default=1)
    parsed = parser.parse_args()
    for name in parsed.names:
        kind, change = CELLS[name]
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            found = run(parsed.seed, Path(folder), kind, edited(change))
        print(line(name, found, time.perf_counter() - begun), flush=True)


if __name__ == "__main__":
    main()
