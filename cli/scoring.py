"""`loupe score`: what a judge of the rounds says of pictures, as a table, and its heatmaps as pictures."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from models.core.tensors import tensor
from models.judges.base import HIGHEST, Judge, RatedJudge
from pictures import ImageError, atomic_path, is_folder, join, listing, read_uint8, write_png
from tasks import kinds
from tasks.config import Params, View, load_whole
from tasks.stage.places import Places
from tasks.stage.runtime import device
from tasks.training.judges import judge_path, load_judge

FORMATS = {".csv", ".parquet"}
BATCH = 16


class CannotScore(ValueError):
    """What was asked does not go together; the message says what would."""


def score_pictures(
    pictures: Path, sources: Sequence[Path], out: Path, kind: str, round_name: str | None, heatmaps: Path | None
) -> int:
    """Score a picture or a folder of pictures of a kind by the judge of a round (the last by default) into `out`.

    sources: what they were made of, a file or folder each, joined by name; of judges that look at them. heatmaps: folder for the
    heatmaps. Pictures that cannot be scored are named and passed over. Returns the exit code. Raises `CannotScore`, `ImageError`.
    """
    if out.suffix.lower() not in FORMATS:
        raise CannotScore(f"{out} should end in {' or '.join(sorted(FORMATS))}")
    params = load_whole()
    judge = judge_of(params, kind, round_name)
    if heatmaps is not None and not isinstance(judge, RatedJudge):
        raise CannotScore(f"the judge {params.of(kind).judge.name} says no heatmaps; --heatmaps is for one that does")
    wanted = kinds.named(kind).source_names if judge.uses_sources else ()
    if judge.uses_sources and len(sources) != max(len(wanted), 1):
        raise CannotScore(
            f"the judge {params.of(kind).judge.name} looks at {' and '.join(wanted) or 'the source'} beside each picture: give "
            f"--source that often, in this order ({len(sources)} given)"
        )
    to = device(View(params, ()))
    scored = _Scored(judge, to, heatmaps)
    for name, files in found(pictures, sources if judge.uses_sources else ()):
        scored.add(name, files)
    scored.flush()
    if not scored.rows:
        return 1
    write(pd.DataFrame(scored.rows), out)
    print(
        f"{len(scored.rows)} pictures scored into {out}" + (f", heatmaps in {heatmaps}" if heatmaps is not None else "")
    )
    return 3 if scored.failed else 0


def judge_of(params: Params, kind: str, round_name: str | None) -> Judge:
    """The judge of a round of a kind, frozen. Raises `CannotScore` where there is none."""
    if kind not in params.kinds:
        raise CannotScore(f"kinds of params.yaml does not name {kind!r}; it names {', '.join(params.kinds)}")
    name = round_name or params.last_round(kind)
    if not judge_path(kind, name).is_file():
        have = sorted(
            path.name for path in Places(kind).judge("r00").parent.glob("r*") if judge_path(kind, path.name).is_file()
        )
        way = (
            f"--round takes {', '.join(have)}"
            if have
            else f"`dvc repro report@{kind}` trains it, `dvc pull` fetches it"
        )
        raise CannotScore(f"{judge_path(kind, name)} is missing; {way}")
    view = View(params, ("seed", "{kind}.judge.name", "{kind}.judge.options"), kind)
    return load_judge(view, name, device(View(params, ())))


def found(pictures: Path, sources: Sequence[Path]) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """Each picture's name with its file and its sources'. Names pictures without a partner, on standard error."""
    if not is_folder(pictures):
        yield pictures.name, (pictures, *sources)
        return
    folders = [listing(pictures), *(listing(source) for source in sources)]
    joined = join(folders) if sources else None
    if joined is None:
        yield from ((path.name, (path,)) for path in folders[0].photos)
        return
    for error in joined.lonely:
        print(f"error: {error}", file=sys.stderr)
    for row in joined.scenes:
        if row[0] is not None:
            yield row[0].name, tuple(path for path in row if path is not None)


class _Scored:
    """The rows so far. Judges of ratings see pictures of any size, brought to theirs, `BATCH` at once; others one by one."""

    def __init__(self, judge: Judge, to: str, heatmaps: Path | None) -> None:
        self.judge, self.to, self.heatmaps = judge, to, heatmaps
        self.rows: list[dict[str, Any]] = []
        self.failed = 0
        self._waiting: list[tuple[str, tuple[int, int], list[torch.Tensor]]] = []

    @torch.no_grad()
    def add(self, name: str, files: Sequence[Path]) -> None:
        try:
            arrays = [read_uint8(path) for path in files]
            if len({array.shape for array in arrays}) > 1:
                raise ImageError(files[0], f"differs in size from {' or '.join(str(path) for path in files[1:])}")
        except ImageError as error:
            self.failed += 1
            print(f"error: {error}", file=sys.stderr)
            return
        picture, *sources = (tensor(array).to(self.to) for array in arrays)
        if not isinstance(self.judge, RatedJudge):
            self.rows.append({"picture": name, "score": float(self.judge.scores(picture, sources))})
            return
        self._waiting.append((name, arrays[0].shape[:2], [self.judge.prepared(one) for one in (picture, *sources)]))
        if len(self._waiting) >= BATCH:
            self.flush()

    @torch.no_grad()
    def flush(self) -> None:
        """Score what waits: overall as the rounds go by it, and by criterion, 1 to 5 as people give them; write its heatmaps."""
        if not self._waiting or not isinstance(self.judge, RatedJudge):
            return
        batch = [torch.cat(same) for same in zip(*(pictures for _, _, pictures in self._waiting), strict=True)]
        opinion = self.judge.opinion(batch[0], batch[1:])
        overall = self.judge.overall(opinion)
        for place, (name, size, _) in enumerate(self._waiting):
            scores = {
                key: HIGHEST * float(value)
                for key, value in zip(self.judge.criteria, opinion.scores[place], strict=False)
            }
            self.rows.append({"picture": name, "score": float(overall[place]), **scores})
            if self.heatmaps is not None and opinion.heatmap is not None:
                small = opinion.heatmap[place : place + 1]
                whole = torch.nn.functional.interpolate(small, size, mode="bilinear", align_corners=False)[0, 0]
                shown = np.repeat(whole.clamp(0, 1).cpu().numpy()[..., None], 3, 2)
                write_png((self.heatmaps / name).with_suffix(".png"), shown)
        self._waiting.clear()


def write(frame: pd.DataFrame, out: Path) -> None:
    """Write the table whole or not at all."""
    with atomic_path(out) as temporary:
        if out.suffix.lower() == ".csv":
            frame.to_csv(temporary, index=False)
        else:
            frame.to_parquet(temporary, index=False)
