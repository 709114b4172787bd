"""Stores as older versions wrote them (their own SQL, kept in version_N_*.sql), looked at without any code of Loupe."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

TABLES_2 = (
    "batch_items", "batch_pairs", "batches", "observers", "pairs", "pictures", "ratings", "retractions", "rounds",
    "secrets", "sizes", "skips", "trials", "votes",
)  # fmt: skip
TABLES_3 = (*TABLES_2, "batch_sources", "questions")


def quoted(names: list[str]) -> list[str]:
    return [f'"{name}"' for name in names]


class RawStore:
    """The database of a store at `place`, as a program of any version has it."""

    def __init__(self, place: str) -> None:
        self.postgres = place.startswith("postgresql")
        self.db: Any = psycopg.connect(place, autocommit=True) if self.postgres else sqlite3.connect(place)

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            found = self.db.execute(statement.replace("?", "%s") if self.postgres else statement, values)
        except Exception:
            self.db.rollback()
            raise
        rows = found.fetchall() if found.description else []
        self.db.commit()
        return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in rows]

    def script(self, version: int) -> str:
        """The SQL that a store of that version is made with."""
        name = f"version_{version}_{'postgresql' if self.postgres else 'sqlite'}.sql"
        return Path(__file__).with_name(name).read_text(encoding="utf-8")

    def load(self, version: int) -> None:
        """Make the store of that version whole, with what is in it."""
        if self.postgres:
            self.db.execute(self.script(version))
        else:
            self.db.executescript(self.script(version))

    def columns(self, table: str) -> list[str]:
        return [column[0] for column in self.db.execute(f"SELECT * FROM {table} WHERE 1 = 0").description]

    def rows(self, columns: dict[str, list[str]]) -> dict[str, list[tuple[Any, ...]]]:
        """Table -> its rows, in the columns given for it."""
        return {
            table: sorted(self.run(f"SELECT {', '.join(names)} FROM loupe_{table}"), key=repr)
            for table, names in columns.items()
        }

    def version(self) -> int:
        return int(self.run("SELECT version FROM loupe_schema")[0][0])


_KILLED = """
import os, signal, sys
from labelling.store.database import migrations
from labelling.store import Store
real, done = migrations.Connection.execute, []
def execute(db, statement, *more, **options):
    done.append(str(statement))
    if len(done) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(db, statement, *more, **options)
migrations.Connection.execute = execute
Store.open(sys.argv[1])
print("migrated after", len(done))
"""


def open_killed(place: str, statement: int) -> None:
    """Open the store in a process that is killed when it comes to its `statement`-th statement."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", _KILLED, place, str(statement)]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
