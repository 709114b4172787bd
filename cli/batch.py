"""The one runner of the commands on a user's photos: what fails is named and passed over, what is done is not made again."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pictures import FileFault, Receipts, Work, plan, printable, remove_leftovers, said_of
from tasks.stage.runtime import is_own_error

DONE, STOPPED, SOME_LEFT_OUT = 0, 1, 3
DEBUG = "LOUPE_DEBUG"

Note = tuple[Path, str]
"""A photo, and what a user should know of it: a short sentence that is the same for every photo it is true of."""

Make = Callable[[Work, Path], Sequence[Note]]
"""Makes the file of a work at a temporary path, and returns what is to be said of its photos."""

# Of the place to write to: the next photo would fail as well.
_OF_THE_TARGET = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENODEV, errno.ENOTDIR}
)
_OF_ANY_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@dataclass(frozen=True)
class Options:
    """What the commands share.

    recursive: sub-folders too. page: of files with several. fresh: make again what is done. overwrite: replace files that are
    not ours. debug: show where an error came from.
    """

    recursive: bool = False
    page: int = 1
    fresh: bool = False
    overwrite: bool = False
    debug: bool = False


PLAIN = Options()


@dataclass(frozen=True)
class Batch:
    """Files to make of photos, where, and how.

    receipts: of the output folder. recipe: what decides the result beside the photos (model, settings), fit for JSON.
    noun, words: of the summary, such as "photos" and "enhanced with MODEL into FOLDER". failed: photos that are left out
    before any is read; alone: photos that belong to no scene, and count apart. said: what else was not read, a line each;
    unread: how many photos are among that. beside: how many are made at a time, in threads.
    """

    work: Sequence[Work]
    receipts: Receipts
    recipe: Mapping[str, Any]
    noun: str
    words: str
    options: Options = PLAIN
    failed: Sequence[Exception] = ()
    alone: Sequence[Exception] = ()
    said: Sequence[str] = ()
    unread: int = 0
    beside: int = 1


@dataclass(frozen=True)
class _Outcome:
    """What became of one work: made, with what is to be said of it, or why not; stopped: why the others would fail as well."""

    notes: Sequence[Note] = ()
    failed: str = ""
    stopped: str = ""


@dataclass
class _Run:
    """What became of the photos so far."""

    made: int = 0
    failed: list[str] = field(default_factory=list)
    notes: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    stopped: str = ""

    def take(self, outcome: _Outcome) -> None:
        self.stopped = self.stopped or outcome.stopped
        if outcome.failed:
            self.failed.append(outcome.failed)
        elif not outcome.stopped:
            self.made += 1
            for photo, note in outcome.notes:
                self.notes[note].append(photo)


def run(batch: Batch, make: Make, prepare: Callable[[Sequence[Work]], None] | None = None) -> int:
    """Make all files of a batch that are not made yet, say what became of them, and return the exit code.

    prepare: called once with the work that is left to do, where there is any, before the first is made.
    Raises `ImageError` before anything is written where a name is refused (`pictures.plan`).
    """
    from rich.progress import track

    planned = plan(
        batch.work, batch.receipts, batch.recipe, fresh=batch.options.fresh, overwrite=batch.options.overwrite
    )
    targets = [item.target for item in batch.work]
    remove_leftovers([*targets, *map(batch.receipts.path_of, targets)])
    state = _Run(failed=[str(error) for error in batch.failed])
    try:
        if prepare is not None and planned.todo:
            prepare(planned.todo)
        todo = track(planned.todo, description=batch.words.split()[0], disable=not sys.stderr.isatty())
        _all(batch, todo, make, state)
    except KeyboardInterrupt:
        state.stopped = "by Ctrl-C"
    except OSError as error:  # of the preparation
        if is_own_error(error) or not _of_the_target(error, ()):
            raise
        state.stopped = f"{error.strerror or error}"
    return _tell(batch, state, planned.done, planned.kept)


def _all(batch: Batch, todo: Iterable[Work], make: Make, state: _Run) -> None:
    """Make them in their order, up to one that stops the run; several at a time where the batch says so.

    Whatever ends it, those that were begun are ended, and counted.
    """
    if batch.beside == 1:
        for item in todo:
            state.take(_one(batch, item, make))
            if state.stopped:
                return
        return
    begun: deque[Future[_Outcome]] = deque()
    with ThreadPoolExecutor(batch.beside, "photos") as pool:
        try:
            for item in todo:
                begun.append(pool.submit(_one, batch, item, make))
                while len(begun) > batch.beside and not state.stopped:
                    state.take(begun[0].result())
                    begun.popleft()
                if state.stopped:
                    return
            while begun and not state.stopped:
                state.take(begun[0].result())
                begun.popleft()
        finally:
            running = [one for one in begun if not one.cancel()]
            for one in running:
                state.take(one.result())


def _one(batch: Batch, item: Work, make: Make) -> _Outcome:
    temporary = item.target
    try:
        with batch.receipts.writing(item.sources, item.target, batch.recipe, batch.options.overwrite) as temporary:
            notes = make(item, temporary)
    except Exception as error:
        if batch.options.debug:
            traceback.print_exception(error)
        if _of_the_target(error, item.sources):
            return _Outcome(stopped=f"{printable(item.target)} could not be written: {_reason(error)}")
        return _Outcome(failed=_failure(error, item, temporary))
    return _Outcome(notes)


def of_photo(item: Work, notes: Sequence[str]) -> list[Note]:
    """What is to be said of the one photo of a work, with the kind of file that it becomes where that is another."""
    source = item.sources[0]
    if item.target.suffix != source.suffix:
        kind = source.suffix.lower() or "files without suffix"
        notes = [*notes, f"written as {item.target.suffix}: {kind} cannot be written, or has no place for 16 bits"]
    return [(source, note) for note in notes]


def _of_the_target(error: BaseException, sources: Sequence[Path]) -> bool:
    """Whether it is the place to write to that refuses; what reads photos raises `ImageError` of the photo instead."""
    own: BaseException | None = error
    while own is not None and not isinstance(own, OSError):
        own = own.__cause__
    if own is None:
        return False
    if own is not error:
        return own.errno in _OF_ANY_DISK
    named = {os.fsdecode(source) for source in sources}
    return own.errno in _OF_THE_TARGET and not (isinstance(own.filename, str) and own.filename in named)


def _reason(error: BaseException) -> str:
    """Of an error that has the disk's in it: its first line."""
    while not isinstance(error, OSError) and error.__cause__ is not None:
        error = error.__cause__
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _failure(error: Exception, item: Work, temporary: Path) -> str:
    """One line that names the photo and why it was passed over."""
    if isinstance(error, FileFault):
        named = type(error)(item.target, error.reason) if error.path == temporary else error
        return str(named)
    photo = printable(item.sources[0])
    if isinstance(error, MemoryError):
        return f"{photo}: too large for this machine's memory"
    line = (str(error).splitlines() or [""])[0][:300]
    if is_own_error(error):
        return f"{photo}: {line}"
    if isinstance(error, OSError):
        return f"{photo}: {error.strerror or line}"
    return f"{photo}: {type(error).__name__}: {line} (--debug, or {DEBUG}=1, shows where)"


def _tell(batch: Batch, state: _Run, done: int, kept: Sequence[Path]) -> int:
    """Say what was left out, what was done to the photos, and the summary; the exit code."""
    for failure in [*state.failed, *batch.alone]:
        print(f"skipped: {printable(str(failure))}", file=sys.stderr)
    for line in batch.said:
        print(printable(line), file=sys.stderr)
    for note, photos in state.notes.items():
        print(said_of(note, photos))
    if state.stopped:
        print(f"stopped: {state.stopped}; the same command goes on", file=sys.stderr)
    total = len(batch.work) + len(batch.failed)
    left = total - state.made - done - len(kept) - len(state.failed)
    words = [f"{state.made} of {total} {batch.noun} {batch.words}"]
    words += [f"{done} {'was' if done == 1 else 'were'} done already"] if done else []
    words += [f"{len(kept)} changed since and kept as {'it is' if len(kept) == 1 else 'they are'}"] if kept else []
    words += [f"{len(state.failed)} left out (named above)"] if state.failed else []
    alone = len(batch.alone)
    words += [f"{alone} {'photo is' if alone == 1 else 'photos are'} in no scene (named above)"] if alone else []
    unread = batch.unread
    words += [f"{unread} of a kind that is not read here (see above)"] if unread else []
    words += [f"{left} not reached"] if left else []
    print(printable("; ".join(words)))
    if state.stopped or not (state.made or done or kept):
        return STOPPED
    return SOME_LEFT_OUT if state.failed or batch.alone or batch.unread else DONE
