"""What is said of a round that waits for labels, and where people label. Knows no Prefect."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from flows.params import settings
from labelling.web.addresses import running

LLM = "llm"
"""The kind of labels that a stage fetches itself, whenever it runs."""


class LabelsStatus(Protocol):
    """What the gate wants to know of a round's labels: how many are there and wanted, of what, and by whom."""

    @property
    def have(self) -> int: ...
    @property
    def need(self) -> int: ...
    @property
    def complete(self) -> bool: ...
    @property
    def kind(self) -> str: ...
    @property
    def what(self) -> str: ...


def label_address(root: Path) -> str | None:
    """Where people reach the labelling app: LOUPE_LABEL_ADDRESS, machine.label_address of params.yaml, or the address of
    the app that runs on this machine; None where none is known."""
    machine = settings(root).get("machine")
    told = os.environ.get("LOUPE_LABEL_ADDRESS") or (
        machine.get("label_address") if isinstance(machine, dict) else None
    )
    if told:
        return str(told).rstrip("/")
    return running()


def subject(round: str) -> str:
    """`round r01 of low light`."""
    kind, _, name = round.rpartition("-")
    return f"round {name} of {kind.replace('_', ' ')}" if kind else f"round {name}"


def known(round: str, status: LabelsStatus) -> str:
    """`round r01 of low light waits for labels: 3 of 8 votes are in`."""
    return f"{subject(round)} waits for labels: {status.have} of {status.need} {status.what} are in"


def how_to_label(round: str, where: str | None) -> str:
    """`label at http://...`, or the command where no address is known."""
    return f"label at {where}" if where else f"label with `loupe label {round}`"
