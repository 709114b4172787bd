"""What the shipped weights make of a user's photos: python -m benchmarks.shipped --dark DICM LIME --under DIR --over DIR

Of folders of dark photos: NIQE before and after, newly clipped pixels and the cast (models/quality/harm.py), and by how much
(delta E) photos change whose mean lies within 0.4 and 0.6 and of which under 1 % is clipped. Of exposures joined by name:
MEF-SSIM and Qabf (as public kits compute it, and folded), beside OpenCV's Mertens. Prints markdown.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.core.storage import load_weights
from models.enhancers import create as create_enhancer
from models.fusers import create as create_fuser
from models.fusers.many import clipped
from models.shipped import SHIPPED
from models.tiling import enhance_tiled, fuse_tiled
from pictures import find_photos, read_uint8
from tasks.measuring.scoring import score
from tasks.stage.mapping import cores

FUSION = ("mef_ssim", "qabf", "qabf_folded")


def opened(name: str, create: Any) -> Any:
    ours = SHIPPED[name]
    model = create(ours.name, **ours.options)
    load_weights(model, ours.path)
    return model.eval()


def photos_in(folder: Path) -> list[Path]:
    return [path for path, _ in find_photos([folder], Path("nowhere")).photos]


def needs_nothing(photo: np.ndarray) -> bool:
    return 0.4 <= photo.mean() / 255 <= 0.6 and sum(clipped(photo)) < 0.01


def dark(folder: Path, enhancer: Any) -> str:
    """A row of the table of enhancement."""
    rows, fine = [], []
    for path in photos_in(folder):
        photo = read_uint8(path)
        made = enhance_tiled(enhancer, photo)
        found = score(("niqe", "clipped", "cast", "delta_e"), made, photo, [photo])
        rows.append([score(("niqe",), photo, None, [photo])["niqe"], found["niqe"], found["clipped"], found["cast"]])
        if needs_nothing(photo):
            fine.append(found["delta_e"])
    table = np.array(rows, dtype=float)
    niqe, middle = np.nanmean(table[:, :2], 0), np.nanmedian(table, 0)
    kept = f"{np.mean(fine):.1f} ({len(fine)})" if fine else "-"  # type: ignore[arg-type]
    return (
        f"| {folder.name} ({len(rows)}) | {niqe[0]:.3f} | {niqe[1]:.3f} | {middle[2]:.2f} | {middle[3]:.2f} | "
        f"{np.nanmax(table[:, 3]):.2f} | {kept} |"
    )


def fused(under: Path, over: Path, fuser: Any) -> list[str]:
    """The rows of the table of fusion."""
    longer = {path.stem: path for path in photos_in(over)}
    methods = {"shipped": fuser, "Mertens": create_fuser("mertens"), "average": create_fuser("average")}
    found: dict[str, list[list[float]]] = {name: [] for name in methods}
    for path in photos_in(under):
        pair = [read_uint8(path), read_uint8(longer[path.stem])]
        for name, method in methods.items():
            said = score(FUSION, fuse_tiled(method, pair), None, pair)
            found[name].append([float(said[metric] or np.nan) for metric in FUSION])
    means = {name: np.nanmean(np.array(values), 0) for name, values in found.items()}
    return [f"| {name} | {' | '.join(f'{value:.4f}' for value in row)} |" for name, row in means.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dark", type=Path, nargs="*", default=[])
    parser.add_argument("--under", type=Path)
    parser.add_argument("--over", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(cores())
    print(json.dumps({name: ours.sha256[:12] for name, ours in SHIPPED.items()}))
    print("| | NIQE before | NIQE after | clipped %, median | cast, median | cast, most | delta E of fine photos |")
    for folder in chosen.dark:
        print(dark(folder, opened("local_tone", create_enhancer)), flush=True)
    if chosen.under and chosen.over:
        print(f"| | {' | '.join(FUSION)} |")
        print("\n".join(fused(chosen.under, chosen.over, opened("learned_pyramid", create_fuser))))


if __name__ == "__main__":
    main()
