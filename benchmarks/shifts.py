"""How far the shift between infrared and visible pictures is found: pairs of a user's, each moved by a known number of pixels.

    python -m benchmarks.shifts INFRARED VISIBLE [--every 4] [--most 9] [--seed 0]

Prints how many of the pairs were called certain, the errors of these in pixels, and the largest evidence of pictures of different
scenes, which a shift has to exceed to be believed.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np

from pictures import Shift, join, list_photos, read_image, shift_between, shifted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("infrared", type=Path)
    parser.add_argument("visible", type=Path)
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--most", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    random = np.random.default_rng(chosen.seed)
    joined = join([list_photos(chosen.infrared), list_photos(chosen.visible)])
    pairs = [(heat, light) for heat, light in joined.scenes if heat and light][:: chosen.every]
    errors = []
    for heat, light in pairs:
        infrared, visible = read_image(heat), read_image(light)
        right, down = (float(step) for step in random.integers(-chosen.most, chosen.most + 1, 2))
        before = shift_between(infrared, visible)
        after = shift_between(shifted(infrared, Shift(-right, -down, np.inf)), visible)
        if before.certain and after.certain:
            errors.append(float(np.hypot(after.x - right - before.x, after.y - down - before.y)))
    strangers = []
    for (heat, _), (_, light) in pairwise(pairs):
        infrared, visible = read_image(heat), read_image(light)
        height, width = (min(sides) for sides in zip(infrared.shape[:2], visible.shape[:2], strict=True))
        strangers.append(shift_between(infrared[:height, :width], visible[:height, :width]).evidence)
    spread = f"median {np.median(errors):.3f}, largest {max(errors):.3f} pixels"
    print(f"{len(errors)} of {len(pairs)} shifts certain; errors: {spread}")
    print(f"largest evidence of pictures of different scenes: {max(strangers):.1f} (of {len(strangers)})")


if __name__ == "__main__":
    main()
