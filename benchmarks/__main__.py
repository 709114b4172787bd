"""`make bench`: measure, print, and write benchmarks/results.json (name, value, unit, the other side's value, ratio)."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.measure import Result
from pictures import atomic_path
from tasks.config import load_whole

RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="measured runs of each side (median of them)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--only", help="measure one part alone, and keep the other results: training, labelling, ...")
    chosen = parser.parse_args()
    import torch

    from benchmarks import (
        alignment_cost,
        flow,
        fusion,
        genetic,
        images,
        labelling,
        large_metrics,
        mapping,
        resume,
        scaling,
        scoring,
        training,
    )

    params = load_whole()
    parts: dict[str, Callable[[], list[Result]]] = {
        "training": lambda: training.steps(params, chosen.device, chosen.repeats),
        "enhancement": lambda: images.enhancement(params, chosen.device, chosen.repeats),
        "metrics": lambda: images.metrics(chosen.device, chosen.repeats),
        "large metrics": lambda: large_metrics.results(chosen.device, chosen.repeats),
        "scoring": lambda: scoring.results(params, chosen.device, chosen.repeats),
        "alignment": lambda: alignment_cost.results(params, chosen.device, chosen.repeats),
        "genetic": lambda: genetic.results(chosen.device, chosen.repeats),
        "fusion": lambda: fusion.results(chosen.device, chosen.repeats),
        "flow": lambda: flow.results(max(2, chosen.repeats // 2)),
        "resume": lambda: resume.results(chosen.repeats),
        "mapping": lambda: mapping.results(chosen.repeats),
        "labelling": labelling.voting,
        "scaling": lambda: scaling.results(max(1, chosen.repeats // 3)),
    }
    if chosen.only is not None and chosen.only not in parts:
        parser.error(f"unknown part {chosen.only!r}; known: {', '.join(parts)}")
    results = [row for name, measure in parts.items() if chosen.only in (None, name) for row in measure()]
    for row in results:
        print(
            f"{row.name:<52} {row.value:9.3f} {row.unit:<9} {row.other_name:<26} {row.other:9.3f}  ratio {row.ratio:.2f}"
        )
    machine = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "device": chosen.device,
        "scale": params.scale,
        "repeats": chosen.repeats,
    }
    rows = [asdict(row) for row in results]
    if chosen.only is not None:
        before = json.loads(RESULTS.read_text(encoding="utf-8"))
        machine = before["on"]
        measured = {row["name"] for row in rows}
        rows = [row for row in before["results"] if row["name"] not in measured] + rows
    with atomic_path(RESULTS) as temporary:
        text = json.dumps({"on": machine, "results": rows}, indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
