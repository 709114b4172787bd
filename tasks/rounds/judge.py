"""The `judge` stage of a round: g(n) continues from g(n-1) on all labels so far (HiLLIE, Sec. 3.2.2); a settled judge stays.

Where ratings were asked for, a judge of ratings learns from them, and one that learns from pairs from the pairs of one image that
they rank. Reads data/KIND/judges/PREVIOUS, questions/ROUND, labels/ROUND and the pictures they name; writes
data/KIND/judges/ROUND: model.safetensors, live/ (curves) and dataset/ (what it learnt from so far: pairs, labels, their verdicts,
ratings and pictures; observers.json says what can be told of who labelled).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from models.core import processes
from models.judges.base import Judge
from pictures import MAX_PICTURE, fresh_folder, mended, read_regular, sha256_file, write_json
from tasks.config import View
from tasks.stage import tables
from tasks.stage.places import MODEL, Places, previous
from tasks.stage.runtime import stage
from tasks.training.consensus import CONSENSUS, of_observers, told_of_observers
from tasks.training.judges import RankedPair, keep, load_judge, train_on_pairs, training_of, versions
from tasks.training.preferred import SIDES, SIDES_SHA256, decided

PARAMS = ("seed", "{kind}.judge.name", "{kind}.judge.options", "{kind}.judge.rounds", "{kind}.labels")


RATINGS = "ratings"
PICTURES: dict[str, dict[str, str]] = {
    "pairs": {"first": "first_sha256", "second": "second_sha256"}, "labels": {}, RATINGS: {"path": "item"},
}  # fmt: skip
"""Tables of what a judge learns from, and their columns of pictures (path, sha256)."""


class NoDecidedPairs(ValueError):
    """Every labelled pair is a tie, or undecidable."""


def gather(at: Places, round_name: str) -> dict[str, pd.DataFrame]:
    """Write what there is to learn from so far to data/KIND/judges/ROUND/dataset and return it: pairs, labels, ratings."""
    before, out = at.judge(previous(round_name)) / "dataset", at.judge(round_name) / "dataset"
    made = {"pairs": at.questions(round_name), "labels": at.labels(round_name), RATINGS: at.labels(round_name)}
    with fresh_folder(out) as folder:
        parts: dict[str, pd.DataFrame] = {}
        for name, columns in PICTURES.items():
            found = []
            # Data of before had no ratings, and a round asks for pairs or for ratings.
            if name != RATINGS or (before / f"{name}.parquet").is_file():
                found.append(_placed(tables.read(name, before / f"{name}.parquet"), columns))
            if (name == RATINGS) == asks_ratings(at, round_name):
                found.append(_kept(tables.read(name, made[name] / f"{name}.parquet"), columns, folder))
            if found:
                parts[name] = pd.concat(found, ignore_index=True)
                tables.write(name, parts[name], folder / f"{name}.parquet")
        for picture in (before / "pictures").glob("*.png"):
            if not (folder / "pictures" / picture.name).exists():
                shutil.copyfile(picture, folder / "pictures" / picture.name)
    processes.meet()  # all read the pictures that the first one wrote
    return {name: _within(out, part, PICTURES[name]) for name, part in parts.items()}


def asks_ratings(at: Places, round_name: str) -> bool:
    """Whether a round asked for ratings, and not about pairs."""
    return (at.labels(round_name) / f"{RATINGS}.parquet").is_file()


def _placed(part: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    return part.assign(**{path: [_place(sha) for sha in part[sha256]] for path, sha256 in columns.items()})


def _kept(part: pd.DataFrame, columns: Mapping[str, str], folder: Path) -> pd.DataFrame:
    """The rows, with copies of their pictures in the dataset."""
    placed = {}
    for path, sha256 in columns.items():
        placed[path] = [_keep(Path(file), sha, folder) for file, sha in zip(part[path], part[sha256], strict=True)]
    return part.assign(**placed)


def _within(folder: Path, part: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    return part.assign(**{path: [str(folder / place) for place in part[path]] for path in columns})


def _place(sha256: str) -> str:
    return f"pictures/{sha256}.png"


def _keep(path: Path, sha256: str, folder: Path) -> str:
    """Copy a picture into the dataset under its hash; returns its place in the dataset."""
    place = _place(sha256)
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).write_bytes(read_regular(path, MAX_PICTURE))
    if sha256_file(folder / place) != sha256:
        raise tables.TableError(f"{path} is not the picture that was labelled; {mended(path)}")
    return place


def verdicts(labels: pd.DataFrame, params: View, folder: Path) -> pd.DataFrame:
    """What the labels so far say, by labels.consensus and labels.observers; written to the dataset, with what is told of who
    gave them (of all of them).
    """
    told = told_of_observers(labels)
    if told["tastes"]:
        print(f"{told['tastes']}; labels.observers chooses whose votes the judge learns from", flush=True)
    write_json(folder / "observers.json", told)
    found = CONSENSUS[params.labels.consensus](of_observers(labels, params.labels.observers))
    tables.write("verdicts", found, folder / "verdicts.parquet")
    return found


def learn_from(known: pd.DataFrame, judge: Judge, params: View, round: str) -> None:
    """Train the judge on decided pairs and write it to data/KIND/judges/ROUND."""
    at = Places(params.kind)
    if known.empty:
        raise NoDecidedPairs(
            "none of the pairs labelled so far has a verdict; label more (pairs.k) or raise labels.votes"
        )
    both = ([*known[one], *known[other]] for one, other in (("image", "image"), SIDES, SIDES_SHA256))
    told = known.better_sha256 + known.worse_sha256 + [f" {weight:.9g}" for weight in known.weight]
    data = "\n".join(sorted(told)) + sha256_file(at.judge(previous(round)) / MODEL)
    train_on_pairs(
        judge,
        versions(judge, params.kind, *both),
        [RankedPair(place, place + len(known), weight) for place, weight in enumerate(known.weight)],
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
    parts = gather(at, round)
    judge = load_judge(params, previous(round))
    judge.requires_grad_(judge.learns is not None)
    if asks_ratings(at, round):
        from tasks.rounds import judge_ratings

        write_json(out / "summary.json", judge_ratings.learn_from(parts[RATINGS], judge, params, round))
        return
    known = decided(parts["pairs"], verdicts(parts["labels"], params, out / "dataset"))
    if judge.learns is None:
        keep(judge, out)
    else:
        learn_from(known, judge, params, round)
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
    stage(__doc__, run, PARAMS, {"kind": "of pictures", "round": "r01, r02, ..."}, trains=("judge.rounds",))
