"""Voting without a browser: two files to look at, one letter to answer."""

from __future__ import annotations

import builtins
import random
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from labelling.records import TIE, UNSURE, Vote
from labelling.resume import after_last_vote
from labelling.store import Store, StoreError
from labelling.voting import check_people


def label_in_terminal(
    store: Store,
    round: str,
    observer: str,
    *,
    export_folder: Path,
    input: Callable[[str], str] = builtins.input,
    print: Callable[[str], object] = builtins.print,
    allow_tie: bool = False,
    allow_unsure: bool = False,
    sides: random.Random | None = None,
) -> int:
    """Ask `observer` about the open pairs of `round` until none is left or the answer is q; returns the votes cast.

    Each pair is written to `export_folder` as A.png and B.png, in a random order that is recorded with the vote, and
    both are removed at the end. Answers: a, b, t (about the same) and u (can't tell) where allowed, z (take the last
    vote back), q. Raises UnknownRound, and StoreError where the round is not labelled by people.
    """
    batch = check_people(store, round)
    sides = sides or random.SystemRandom()
    answers = "a, b" + (", t = about the same" if allow_tie else "") + (", u = can't tell" if allow_unsure else "")
    allowed = {"a", "b"} | ({"t"} if allow_tie else set()) | ({"u"} if allow_unsure else set())
    export_folder.mkdir(parents=True, exist_ok=True)
    files = (export_folder / "A.png", export_folder / "B.png")
    cast = 0
    print(batch.question)
    try:
        while (pair := store.next_pair(round, observer)) is not None:
            shown = sides.sample(pair.pictures, 2)
            for file, sha256 in zip(files, shown, strict=True):
                _replace(file, store.picture(sha256))
            progress = store.progress(round, observer)
            print(f"Pair {progress.done + 1} of {progress.done + progress.left}: {files[0]}  {files[1]}")
            answer, seconds = _ask(input, print, f"Better ({answers}; z = undo, q = quit)? ", allowed | {"z", "q"})
            if answer == "q":
                break
            if answer == "z":
                print(_undo(store, round, observer))
                continue
            vote = Vote(
                id=str(uuid.uuid4()),
                key=pair.key,
                observer=observer,
                kind="people",
                preferred={"a": shown[0], "b": shown[1], "t": TIE, "u": UNSURE}[answer],
                left=shown[0],
                round=round,
                seconds=builtins.round(seconds, 3),
            )
            while not _save(store, vote, print):
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
        print(after_last_vote(round) if cast else f"Round {round} has all its votes.")
    else:
        print(f"Thank you. Round {round} has {status.have} of {status.need} votes.")
    return cast


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


def _save(store: Store, vote: Vote, print: Callable[[str], object]) -> bool:
    try:
        store.add_votes([vote])
    except StoreError as error:
        print(f"This vote is NOT saved: {error}")
        return False
    return True


def _undo(store: Store, round: str, observer: str) -> str:
    last = store.last_vote(observer, round)
    if last is None:
        return "There is no vote to take back."
    store.retract(last.id, observer)
    return "Your last vote was taken back."


def _replace(path: Path, content: bytes) -> None:
    # An image viewer that watches the file never sees half of it.
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
