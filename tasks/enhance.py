"""The `enhance` stage of a round: apply f(n) to the low-light images (HiLLIE, Alg. 1, line 8).

Reads data/low_light and the enhancer before the round; writes data/enhance/ROUND: training images as PNG, enhanced.parquet.
"""

from __future__ import annotations

from tasks import enhancers, tables
from tasks.config import View
from tasks.files import fresh_folder, sha256_file
from tasks.images import read_uint8, write_png
from tasks.runtime import DATA, device, stage
from tasks.tensors import picture_of, tensor

PARAMS = ("seed", "enhancer")


def run(params: View, round: str) -> None:
    import torch

    to = device(params)
    enhancer = enhancers.load(params, enhancers.weights_before(round), to)
    images = tables.read("images", DATA / "low_light" / "images.parquet").query("split == 'train'")
    out = DATA / "enhance" / round
    rows = []
    with fresh_folder(out) as folder:
        for image in tables.rows(images):
            with torch.no_grad():
                picture = picture_of(enhancer(tensor(read_uint8(image.path)).to(to)))
            write_png(folder / f"{image.id}.png", picture)
            rows.append(
                {
                    "image": image.id,
                    "split": image.split,
                    "model": enhancers.model_name(round),
                    "path": str(out / f"{image.id}.png"),
                    "sha256": sha256_file(folder / f"{image.id}.png"),
                }
            )
        tables.write("enhanced", rows, folder / "enhanced.parquet")
    print(f"{enhancers.model_name(round)} enhanced {len(rows)} training images")


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"round": "r00, r01, ..."})
