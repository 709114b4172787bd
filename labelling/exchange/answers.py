"""Votes and ratings out of the label store: parquet, CSV, and the CSV of HiLLIE's ranking labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from labelling.exchange.csv_files import mapped, write_rows
from labelling.exchange.importing import ExchangeError, pair_rounds
from labelling.exchange.names import NamesOf, PairNames, names_of_study
from labelling.store import CHOICES, PURPOSES, Store, StoredVote, undecidable_pairs
from models.preference.votes import majority
from pictures import atomic_path

if TYPE_CHECKING:
    import pyarrow as pa

Columns = Mapping[str, Literal["str", "int", "float", "bool", "circles"]]

# One row per answer. first and second are the pair's two pictures; choice and left name one of them.
VOTES: Columns = {
    "round": "str", "question": "str", "key": "str", "image": "str", "first": "str", "second": "str", "first_sha256": "str",
    "second_sha256": "str", "observer": "str", "kind": "str", "purpose": "str", "choice": "str", "left": "str",
    "seconds": "float", "made_at": "str", "id": "str",
}  # fmt: skip
STUDY_VOTES: Columns = {
    "study": "str", "photo": "str", "first_method": "str", "second_method": "str", "observer": "str", "choice": "str",
    "left": "str", "seconds": "float", "made_at": "str", "id": "str",
}  # fmt: skip
_COPIED = ("round", "question", "observer", "kind", "purpose", "seconds", "made_at", "id")
PAPER = ("image", "first", "second", "label_first", "label_second", "votes")


def vote_rows(store: Store, rounds: Sequence[str], names_of: NamesOf = names_of_study) -> list[dict[str, Any]]:
    """The effective votes of the rounds, then their repeats and training answers; a vote that counts in two rounds once.

    Where the origin of a pair is known, first and second are as its maker ordered them, else by sha256.
    """
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for round in rounds:
        known = names_of(round)
        pairs = store.pairs(round)
        by_key = {pair[0]: pair for pair in pairs}
        batch = store.batch(round)
        for vote in store.votes(list(by_key), batch.kind, batch.question):
            if vote.id not in seen:
                seen.add(vote.id)
                values = {"purpose": "vote", "question": batch.question, **asdict(vote)}
                rows.append(_row(known.get(vote.key), by_key[vote.key], values))
        for position, trial in _trials(store, round, pairs):
            values = {"question": batch.question, **trial}
            rows.append(_row(known.get(pairs[position][0]), pairs[position], values))
    order = ("round", "key", "observer", "purpose", "id")
    return sorted(rows, key=lambda row: tuple(str(row[name]) for name in order))


def paper_rows(
    store: Store, rounds: Sequence[str], names_of: NamesOf = names_of_study
) -> tuple[list[dict[str, Any]], int]:
    """HiLLIE's labels (Sec. 3.2.1): 0 for the better picture of a pair, 1 for the other, by the majority of its votes.

    Returns the rows, and how many pairs have none because they have no votes, their votes balance, or too many can't tell.
    """
    rows, undecided = [], 0
    for round in rounds:
        known = names_of(round)
        pairs = store.pairs(round)
        votes: dict[str, list[StoredVote]] = {}
        batch = store.batch(round)
        found = store.votes([key for key, _, _ in pairs], batch.kind, batch.question)
        for vote in found:
            votes.setdefault(vote.key, []).append(vote)
        for key in undecidable_pairs(found, batch.votes_per_pair):
            del votes[key]
        for key, low, high in pairs:
            names = known.get(key) or PairNames(key, low, high, low, high)
            sides = {names.first_sha256: "first", names.second_sha256: "second"}
            winner = majority([sides.get(vote.preferred, vote.preferred) for vote in votes.get(key, ())])
            if winner is None:
                undecided += 1
                continue
            label = int(winner == "second")
            values = (names.image, names.first, names.second, label, 1 - label, len(votes[key]))
            rows.append(dict(zip(PAPER, values, strict=True)))
    return rows, undecided


def export_votes(store: Store, rounds: Sequence[str], out: Path, form: str, names_of: NamesOf = names_of_study) -> str:
    """Write the votes of `rounds` (all, where empty) to a .parquet or .csv file; returns what was done.

    form: "table", one row per answer, or "paper", HiLLIE's CSV. names_of: of a round, what its pairs are.
    Raises ExchangeError, UnknownRound.
    """
    if out.suffix not in (".csv", ".parquet") or (form == "paper" and out.suffix != ".csv"):
        raise ExchangeError(f"{out} should end in .csv{'' if form == 'paper' else ' or .parquet'}")
    chosen = list(rounds) or pair_rounds(store)
    for round in chosen:
        if store.batch(round).task != "pairs":
            raise ExchangeError(f"round {round} holds ratings; `loupe ratings export {round}` writes them")
    if not chosen:
        raise ExchangeError("the label store holds no pairs yet; there is nothing to export")
    if form == "paper":
        rows, undecided = paper_rows(store, chosen, names_of)
        write_csv(rows, PAPER, out)
        return f"{len(rows)} pairs written to {out}; {undecided} pairs left out: no votes, they balance, or too many can't tell"
    rows = vote_rows(store, chosen, names_of)
    if out.suffix == ".parquet":
        write_parquet(rows, VOTES, out)
    else:
        write_csv(rows, list(VOTES), out)
    votes = sum(row["purpose"] == "vote" for row in rows)
    return f"{votes} votes, and {len(rows) - votes} repeats and training answers, written to {out}"


def write_parquet(rows: Sequence[Mapping[str, Any]], columns: Columns, path: Path) -> None:
    """Write rows as parquet, whole or not at all. Raises ExchangeError where the file cannot be written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([{name: row.get(name) for name in columns} for row in rows], schema=_schema(columns))
    try:
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary, compression="zstd", version="2.6", store_schema=False)
    except OSError as error:
        raise ExchangeError(f"{path} cannot be written ({error.strerror or error}); choose another --out") from error


def write_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], path: Path) -> None:
    """Write the columns of rows as CSV (see csv_files), whole or not at all. Raises ExchangeError."""
    try:
        write_rows(mapped(rows, columns), path)
    except OSError as error:
        raise ExchangeError(f"{path} cannot be written ({error.strerror or error}); choose another --out") from error


def _row(names: PairNames | None, pair: tuple[str, str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """An answer on a pair, where `preferred` and `left` become first or second."""
    key, low, high = pair
    sides = {low: "first", high: "second"}
    row: dict[str, Any] = {"key": key, "image": None, "first": None, "second": None}
    row |= {"first_sha256": low, "second_sha256": high}
    if names is not None:
        sides = {names.first_sha256: "first", names.second_sha256: "second"}
        row |= asdict(names)
    choice = sides.get(values["preferred"], values["preferred"])
    return row | {name: values[name] for name in _COPIED} | {"choice": choice, "left": sides[values["left"]]}


def _trials(store: Store, round: str, pairs: Sequence[tuple[str, str, str]]) -> list[tuple[int, dict[str, Any]]]:
    """(position of the pair, answer) for the repeats and training answers of a round, in the order they came in."""
    tally = store.tally(round)
    kind = store.batch(round).kind
    found = []
    for i in np.flatnonzero(tally.purpose != PURPOSES.index("vote")):
        position = int(tally.position[i])
        _, low, high = pairs[position]
        seconds = float(tally.seconds[i])
        choice = CHOICES[tally.choice[i]]
        answer = {
            "round": round,
            "observer": tally.names[tally.observer[i]],
            "kind": kind,
            "purpose": PURPOSES[tally.purpose[i]],
            "preferred": {"low": low, "high": high}.get(choice, choice),
            "left": low if tally.left_low[i] else high,
            "seconds": None if np.isnan(seconds) else seconds,
            "made_at": None,
            "id": None,
        }
        found.append((position, answer))
    return found


def _schema(columns: Columns) -> pa.Schema:
    import pyarrow as pa

    places = [(name, pa.float64()) for name in ("x", "y", "radius")]
    circle = pa.list_(pa.struct([*places, ("artifact", pa.string())]))
    kinds = {"str": pa.string(), "int": pa.int32(), "float": pa.float64(), "bool": pa.bool_(), "circles": circle}
    return pa.schema([pa.field(name, kinds[kind]) for name, kind in columns.items()])
