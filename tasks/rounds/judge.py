"""The `judge` stage of a round: g(n) continues from g(n-1) on all labels so far (HiLLIE, Sec. 3.2.2); a settled judge stays.

Reads data/KIND/judges/PREVIOUS, questions/ROUND, labels/ROUND and the pictures of the pairs; writes data/KIND/judges/ROUND:
model.safetensors, live/ (curves) and dataset/ (the ranking dataset so far: pairs, labels and pictures).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from models.judges.base import Judge
from models.preference.votes import majority
from pictures import fresh_folder, mended, sha256_file, write_json
from tasks.config import View
from tasks.stage import tables
from tasks.stage.places import MODEL, Places, previous
from tasks.stage.runtime import stage
from tasks.training.judges import RankedPair, keep, load_judge, train_on_pairs, training_of, versions

PARAMS = ("seed", "{kind}.judge.name", "{kind}.judge.options", "{kind}.judge.rounds")


SIDES, SIDES_SHA256 = ("better", "worse"), ("better_sha256", "worse_sha256")


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


def gather(at: Places, round_name: str) -> pd.DataFrame:
    """Write the ranking dataset so far to data/KIND/judges/ROUND/dataset and return its decided pairs."""
    before, out = at.judge(previous(round_name)) / "dataset", at.judge(round_name) / "dataset"
    made = {"pairs": at.questions(round_name), "labels": at.labels(round_name)}
    with fresh_folder(out) as folder:
        parts: dict[str, pd.DataFrame] = {}
        for name in ("pairs", "labels"):
            old = tables.read(name, before / f"{name}.parquet")
            new = tables.read(name, made[name] / f"{name}.parquet")
            if name == "pairs":
                for side in ("first", "second"):
                    old[side] = [_place(sha) for sha in old[f"{side}_sha256"]]
                    new[side] = [
                        _keep(Path(path), sha, folder)
                        for path, sha in zip(new[side], new[f"{side}_sha256"], strict=True)
                    ]
            parts[name] = pd.concat([old, new], ignore_index=True)
            tables.write(name, parts[name], folder / f"{name}.parquet")
        for picture in (before / "pictures").glob("*.png"):
            if not (folder / "pictures" / picture.name).exists():
                shutil.copyfile(picture, folder / "pictures" / picture.name)
    known = decided(parts["pairs"], parts["labels"])
    for side in ("better", "worse"):
        known[side] = [str(out / path) for path in known[side]]
    return known


def _place(sha256: str) -> str:
    return f"pictures/{sha256}.png"


def _keep(path: Path, sha256: str, folder: Path) -> str:
    """Copy a picture into the dataset under its hash; returns its place in the dataset."""
    place = _place(sha256)
    (folder / place).parent.mkdir(exist_ok=True)
    shutil.copyfile(path, folder / place)
    if sha256_file(folder / place) != sha256:
        raise tables.TableError(f"{path} is not the picture that was labelled; {mended(path)}")
    return place


def learn_from(known: pd.DataFrame, judge: Judge, params: View, round: str) -> None:
    """Train the judge on decided pairs and write it to data/KIND/judges/ROUND."""
    at = Places(params.kind)
    if known.empty:
        raise NoDecidedPairs(
            "none of the pairs labelled so far has a majority; label more (pairs.k) or raise labels.votes"
        )
    both = ([*known[one], *known[other]] for one, other in (("image", "image"), SIDES, SIDES_SHA256))
    data = "\n".join(sorted(known.better_sha256 + known.worse_sha256)) + sha256_file(at.judge(previous(round)) / MODEL)
    train_on_pairs(
        judge,
        versions(judge, params.kind, *both),
        [RankedPair(place, place + len(known)) for place in range(len(known))],
        training_of(params.judge.rounds, judge, f"{params.kind}.judge.rounds"),
        params,
        name=f"judge@{params.kind}-{round}",
        purpose=f"ranker@{round}",
        data=data,
        out=at.judge(round),
    )


def run(params: View, round: str) -> None:
    at = Places(params.kind)
    out = at.judge(round)
    known = gather(at, round)
    judge = load_judge(params, previous(round))
    if judge.learns is None:
        keep(judge, out)
    else:
        learn_from(known, judge.requires_grad_(True), params, round)
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
    stage(__doc__, run, PARAMS, {"kind": "of pictures", "round": "r01, r02, ..."})
