"""The `ranker` stage of a round: g(n) continues from g(n-1) on all labels so far (HiLLIE, Sec. 3.2.2).

Reads data/ranker/PREVIOUS, data/pairs/ROUND, data/labels/ROUND and the pictures of the pairs; writes data/ranker/ROUND:
model.safetensors, live/ (curves) and dataset/ (the ranking dataset so far: pairs, labels and pictures).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from models.preference.votes import majority
from pictures import fresh_folder, mended, sha256_file, write_json
from tasks import tables
from tasks.config import View
from tasks.image_set import ImageSet
from tasks.ranker_data import RankedPair, load_ranker, train_ranker
from tasks.runtime import DATA, stage

PARAMS = ("seed", "ranker.network", "ranker.rounds")


class NoDecidedPairs(ValueError):
    """Every labelled pair is a tie, or undecidable."""


def decided(pairs: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """The pairs that are decidable and have a majority.

    They have the columns better and worse (paths), better_sha256 and worse_sha256 besides.
    """
    labels = labels[~labels.undecidable.astype(bool)]
    verdicts = labels.groupby(["round", "key"], sort=False).choice.agg(majority).rename("verdict").reset_index()
    known = pairs.merge(verdicts, on=["round", "key"], validate="many_to_one").dropna(subset="verdict")
    first = known.verdict == "first"
    return known.assign(
        better=known["first"].where(first, known["second"]),
        worse=known["second"].where(first, known["first"]),
        better_sha256=known.first_sha256.where(first, known.second_sha256),
        worse_sha256=known.second_sha256.where(first, known.first_sha256),
    ).reset_index(drop=True)


def gather(round_name: str, previous: str, out: Path) -> pd.DataFrame:
    """Write the ranking dataset so far to `out` and return its decided pairs, with the pictures' places in it."""
    with fresh_folder(out) as folder:
        parts: dict[str, pd.DataFrame] = {}
        for name in ("pairs", "labels"):
            old = tables.read(name, DATA / "ranker" / previous / "dataset" / f"{name}.parquet")
            new = tables.read(name, DATA / name / round_name / f"{name}.parquet")
            if name == "pairs":
                for side in ("first", "second"):
                    new[side] = [
                        _keep(Path(path), sha, folder)
                        for path, sha in zip(new[side], new[f"{side}_sha256"], strict=True)
                    ]
            parts[name] = pd.concat([old, new], ignore_index=True)
            tables.write(name, parts[name], folder / f"{name}.parquet")
        for picture in (DATA / "ranker" / previous / "dataset" / "pictures").glob("*.png"):
            if not (folder / "pictures" / picture.name).exists():
                shutil.copyfile(picture, folder / "pictures" / picture.name)
    known = decided(parts["pairs"], parts["labels"])
    for side in ("better", "worse"):
        known[side] = [str(out / path) for path in known[side]]
    return known


def _keep(path: Path, sha256: str, folder: Path) -> str:
    """Copy a picture into the dataset under its hash; returns its place in the dataset."""
    place = Path("pictures") / f"{sha256}.png"
    (folder / place).parent.mkdir(exist_ok=True)
    shutil.copyfile(path, folder / place)
    if sha256_file(folder / place) != sha256:
        raise tables.TableError(f"{path} is not the picture that was labelled; {mended(path)}")
    return str(place)


def run(params: View, round: str, previous: str) -> None:
    out = DATA / "ranker" / round
    known = gather(round, previous, out / "dataset")
    if known.empty:
        raise NoDecidedPairs(
            "none of the pairs labelled so far has a majority; label more (pairs.k) or raise labels.votes"
        )
    pictures = ImageSet([*known.better, *known.worse], [*known.better_sha256, *known.worse_sha256])
    ranked = [RankedPair(place, place + len(known)) for place in range(len(known))]
    data = "\n".join(sorted(known.better_sha256 + known.worse_sha256)) + sha256_file(
        DATA / "ranker" / previous / "model.safetensors"
    )
    train_ranker(
        load_ranker(params, previous).requires_grad_(True),
        pictures,
        ranked,
        params.ranker.rounds,
        params,
        name=f"ranker@{round}",
        data=data,
        out=out,
    )
    newest = known[known["round"] == round]
    write_json(
        out / "summary.json",
        {
            "pairs": len(known),
            "pairs_this_round": len(newest),
            "newer_preferred": float((newest.better_sha256 == newest.second_sha256).mean()) if len(newest) else None,
        },
    )


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"round": "r01, r02, ...", "previous": "the round before"})
