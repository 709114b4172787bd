"""The resumable state of a training or a search on disk: written whole or not at all, read without unpickling code."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from models.core import processes
from models.core.storage import MAX_BYTES
from pictures import AbsentFile, atomic_path, check_regular


def resumed(load: Callable[[], int], folder: Path) -> int:
    """The number of steps that `load` takes from the state in a folder, 0 for a fresh start, the same in all processes.

    The first process alone may remove a state; the others do as it does.
    """
    done = load() if processes.leads() else 0
    if int(processes.of_the_first(str(done))) and not processes.leads():
        done = load()
    processes.check_alike(str(done), f"{folder} holds different states for the processes")
    return done


class ResumableState:
    """State dicts of `parts` and a few plain values, at a step. name: what is resumed, for messages.

    fingerprint: what the state belongs to; a state of something else is removed, so that nothing goes on from it.
    """

    def __init__(self, folder: Path, fingerprint: str, parts: Mapping[str, Any], name: str) -> None:
        self.folder = folder
        self._path = folder / "state.pt"
        self._fingerprint = fingerprint
        self._parts = dict(parts)
        self._name = name

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Load the parts in place and return what else was saved; None for a fresh start, with an empty folder."""
        try:
            check_regular(self._path, MAX_BYTES)
            saved = torch.load(self._path, map_location=device, weights_only=True)
        except AbsentFile:
            saved = None
        except Exception as error:  # torch raises many kinds for a damaged file
            print(f"{self._path} is damaged ({type(error).__name__}); {self._name} starts anew", flush=True)
            saved = None
        if saved is None or saved["fingerprint"] != self._fingerprint:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            return None
        for name, part in self._parts.items():
            part.load_state_dict(saved[name])
        return {name: value for name, value in saved.items() if name not in self._parts}

    def save(self, **values: Any) -> None:
        """Write the parts and `values` (numbers, text, lists and dicts of them)."""
        saved = {name: part.state_dict() for name, part in self._parts.items()}
        with atomic_path(self._path) as temporary:
            torch.save({**saved, "fingerprint": self._fingerprint, **values}, temporary)
