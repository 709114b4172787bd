"""`make bench`: measure, print, and write benchmarks/results.json (name, value, unit, the other side's value, ratio)."""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path

from tasks.config import load_whole
from tasks.files import atomic_path

RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="measured runs of each side (median of them)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    chosen = parser.parse_args()
    import torch

    from benchmarks import flow, genetic, images, training

    params = load_whole()
    results = [
        *training.steps(params, chosen.device, chosen.repeats),
        *images.enhancement(params, chosen.device, chosen.repeats),
        *images.metrics(chosen.device, chosen.repeats),
        *genetic.results(chosen.device, chosen.repeats),
        *flow.overhead(max(2, chosen.repeats // 2)),
    ]
    for row in results:
        print(
            f"{row.name:<46} {row.value:9.3f} {row.unit:<9} {row.other_name:<26} {row.other:9.3f}  ratio {row.ratio:.2f}"
        )
    machine = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "device": chosen.device,
        "scale": params.scale,
        "repeats": chosen.repeats,
    }
    with atomic_path(RESULTS) as temporary:
        text = json.dumps({"on": machine, "results": [asdict(row) for row in results]}, indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
