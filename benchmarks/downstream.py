"""Made-up infrared and visible pictures with labels, to try `loupe downstream` on. Its figures of them say nothing about fusion.

    python -m benchmarks.downstream DIR [--scenes 40] [--seed 0]

Writes DIR/visible, DIR/infrared and DIR/labels (YOLO's, with classes.txt). Each scene is a wall with two photographs on it, of
scikit-image's: a person and a cat, each of a box that was drawn by hand once. In the visible picture one half, by chance, is
nearly dark; in the infrared one all is there, in grey, blurred and with little contrast.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from pictures import write_png

SIDE = 416
THINGS = (("person", data.astronaut, (0.0, 0.0, 0.86, 1.0)), ("cat", data.chelsea, (0.12, 0.0, 1.0, 1.0)))
"""Class, photograph, and the box in it: left, top, right, bottom of its sides."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    random = np.random.default_rng(chosen.seed)
    labels = chosen.folder / "labels"
    labels.mkdir(parents=True, exist_ok=True)
    (labels / "classes.txt").write_text("".join(f"{name}\n" for name, _, _ in THINGS))
    for number in range(chosen.scenes):
        visible, infrared, lines = scene(random)
        name = f"scene{number:03d}"
        write_png(chosen.folder / "visible" / f"{name}.png", visible)
        write_png(chosen.folder / "infrared" / f"{name}.png", infrared)
        (labels / f"{name}.txt").write_text("\n".join(lines) + "\n")


def scene(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Visible and infrared (SIDE, SIDE, 3) uint8, and the lines of the label."""
    wall = np.repeat(data.brick()[:SIDE, :SIDE, None], 3, axis=2)
    picture, lines = wall // 2 + 40, []
    halves = random.permutation(2)
    for number, (_, photograph, box) in enumerate(THINGS):
        width = int(random.integers(90, 180))
        thing = photograph()
        height = width * thing.shape[0] // thing.shape[1]
        left = int(halves[number]) * SIDE // 2 + int(random.integers(0, SIDE // 2 - width))
        top = int(random.integers(0, SIDE - height))
        picture[top : top + height, left : left + width] = cv2.resize(
            thing, (width, height), interpolation=cv2.INTER_AREA
        )
        x, y = left + width * (box[0] + box[2]) / 2, top + height * (box[1] + box[3]) / 2
        sides = (width * (box[2] - box[0]), height * (box[3] - box[1]))
        lines.append(" ".join([str(number), *(f"{value / SIDE:.6f}" for value in (x, y, *sides))]))
    dark = slice(0, SIDE // 2) if random.random() < 0.5 else slice(SIDE // 2, SIDE)
    visible = picture.astype(np.float64)
    visible[:, dark] *= 0.03
    visible += random.normal(0, 4, visible.shape)
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.5).astype(np.float64)
    infrared = np.repeat((90 + 0.5 * grey + random.normal(0, 3, grey.shape))[..., None], 3, axis=2)
    return _rounded(visible), _rounded(infrared), lines


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.clip(values.round(), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
