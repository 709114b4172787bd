"""Voting without a browser: two files to look at, one letter to answer."""

from __future__ import annotations

import builtins
import random
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

from labelling.desk.queue import Queue
from labelling.desk.resume import after_last_vote
from labelling.desk.voting import answers_of, check_people, save_answer, sides_of
from labelling.store import TIE, UNSURE, OpenPair, Store, StoreError

_LETTERS = {"left": "a", "right": "b", TIE: "t", UNSURE: "u"}
_MEANINGS = {"a": "A", "b": "B", "t": "about the same", "u": "can't tell", "s": "later", "z": "undo", "q": "quit"}


def label_in_terminal(
    store: Store,
    round: str,
    observer: str,
    *,
    export_folder: Path,
    input: Callable[[str], str] = builtins.input,
    print: Callable[[str], object] = builtins.print,
    sides: random.Random | None = None,
) -> int:
    """Ask `observer` about the open pairs of `round` until none is left or the answer is q; returns the answers given.

    Each pair is written to `export_folder` as A.png and B.png, in a random order that is recorded with the answer, and
    its source pictures beside it; all are removed at the end. Answers: a, b, t (about the same) and u (can't tell)
    where the round offers them, s (later), z (take the last answer back), q. Raises UnknownRound, StoreError where
    the round is not labelled by people, and ValueError for a name that can be mistaken for another observer's.
    """
    batch = check_people(store, round)
    observer = store.observer_name(observer)
    queue = Queue(store, round)
    chance = sides or random.SystemRandom()
    answers = {_LETTERS[answer]: answer for answer in answers_of(batch.options)}
    asked = ", ".join(f"{letter} = {_MEANINGS[letter]}" for letter in [*answers, "s", "z", "q"])
    cast = 0
    files: list[Path] = []
    export_folder.mkdir(parents=True, exist_ok=True)
    print(batch.question)
    try:
        while (pair := queue.next(observer)) is not None:
            left, right = sides_of(pair, chance)
            files = _export(store, export_folder, pair, left, right)
            progress = queue.progress(observer)
            practice = " (to practise; it does not count)" if pair.purpose == "training" else ""
            print(
                f"Pair {progress.done + 1} of {progress.done + progress.left}{practice}: {'  '.join(map(str, files))}"
            )
            letter, seconds = _ask(input, print, f"Better ({asked})? ", {*answers, "s", "z", "q"})
            if letter == "q":
                break
            if letter == "z":
                print(_undo(store, round, observer))
                continue
            if letter == "s":
                store.skip_pair(round, observer, pair.key)
                continue
            save = partial(
                save_answer, store, pair.purpose, id=str(uuid.uuid4()), observer=observer, round=round, left=left,
                right=right, answer=answers[letter], seconds=seconds, question_id=pair.question_id,
            )  # fmt: skip
            while not _is_saved(save, print):
                try:
                    input("Press Enter to try again (Ctrl-C to give up this vote): ")
                except EOFError:
                    return cast
            cast += 1
    finally:
        for file in files:
            file.unlink(missing_ok=True)
    status = store.status(round)
    if status.complete:
        print(after_last_vote(round) if cast else f"Round {round} has all its votes{status.words()}.")
    else:
        print(f"Thank you. Round {round} has {status.have} of {status.need} votes{status.words()}.")
    return cast


def _export(store: Store, folder: Path, pair: OpenPair, left: str, right: str) -> list[Path]:
    shown = {"A.png": left, "B.png": right}
    shown |= {f"source{number}.png": picture for number, (_, picture) in enumerate(pair.sources, 1)}
    for name, sha256 in shown.items():
        # An image viewer that watches the file never sees half of it.
        part = folder / f".{name}.part"
        part.write_bytes(store.picture(sha256))
        part.replace(folder / name)
    return [folder / name for name in shown]


def _ask(
    input: Callable[[str], str], print: Callable[[str], object], question: str, allowed: set[str]
) -> tuple[str, float]:
    start = time.monotonic()
    while True:
        try:
            answer = input(question).strip().lower()
        except EOFError:
            return "q", 0.0
        if answer in allowed:
            return answer, time.monotonic() - start
        print(f"Please answer one of: {', '.join(sorted(allowed))}")


def _is_saved(save: Callable[[], object], print: Callable[[str], object]) -> bool:
    try:
        save()
    except StoreError as error:
        print(f"This vote is NOT saved: {error}")
        return False
    return True


def _undo(store: Store, round: str, observer: str) -> str:
    last = store.last_answer(round, observer)
    if last is None:
        return "There is no vote to take back."
    store.retract(last, observer)
    return "Your last vote was taken back."
