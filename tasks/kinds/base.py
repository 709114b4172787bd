"""What a kind of picture is: everything about it that the stages of the rounds, the page and the commands ask for.

The facts of a kind need no torch. Its models and its words for the page lie in modules of their own, imported when asked
for, so that a stage which needs neither does not depend on them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from tasks.config import Params, View


class Spec(Protocol):
    """A model by what it is made of: small, and fit to be sent to another process."""

    @property
    def weights(self) -> str:
        """The file of its weights."""


class Models(Protocol):
    """The models that the rounds teach pictures of a kind; a module with these functions."""

    def spec(self, params: View, weights: Path) -> Spec:
        """The model of params.yaml with the weights in a file."""

    def opened(self, spec: Any) -> nn.Module:
        """The model of a spec, frozen, in evaluation mode, on the CPU; loaded once a process. Raises `WeightsError`."""

    def apply(self, model: nn.Module, sources: tuple[str, ...], device: str = "cpu") -> np.ndarray:
        """What a model makes of the files, (H, W, 3) uint8. Raises `ImageError`."""

    def untouched(self, sources: tuple[str, ...]) -> np.ndarray:
        """What there is without a model, (H, W, 3) uint8. Raises `ImageError`."""

    def store(self, model: nn.Module, path: Path) -> None:
        """Write a model that was opened, and that was trained since."""


@dataclass(frozen=True)
class Words:
    """What the page calls things: what is done, the model, what there is without one, the references."""

    title: str
    model: str
    input: str
    reference: str


@dataclass(frozen=True)
class Origin:
    """Where a part of the data comes from: `how` is Real, Simulated, or empty where `text` says all."""

    part: str
    how: str
    text: str


@dataclass(frozen=True)
class Counts:
    """Of a run's data: photographs, images or scenes made of them, and how many of those have a reference."""

    photographs: int
    images: int
    with_reference: int


class Page(Protocol):
    """How the report speaks of a kind; a module with these."""

    WORDS: Words

    def model_facts(self, params: View) -> tuple[str, str]:
        """What the model is called, and how it is made."""

    def origins(self, params: View, counts: Counts) -> list[Origin]:
        """What was real and what was simulated."""


@dataclass(frozen=True)
class Kind(ABC):
    """A kind of picture.

    table: of its dataset, which is the folder data/NAME. sources: the table's columns (path, sha256) of what a model is
    given. sections: those of params.yaml that are about this kind alone, its dataset's first. command: `loupe COMMAND`
    puts a user's pictures through its model. module: where its KIND is; MODULE_models and MODULE_page lie beside it.
    """

    name: str
    table: str
    sources: tuple[tuple[str, str], ...]
    sections: tuple[str, ...]
    command: str
    module: str

    @property
    def source_names(self) -> tuple[str, ...]:
        """What the files of an image are called, where it has several: under, over."""
        names = tuple(path for path, _ in self.sources)
        return names if len(names) > 1 else ()

    @property
    def models(self) -> Models:
        return cast(Models, import_module(f"{self.module}_models"))

    @property
    def page(self) -> Page:
        return cast(Page, import_module(f"{self.module}_page"))

    @abstractmethod
    def fault(self, params: Params) -> str | None:
        """Why the rounds cannot work on this kind with these params, else None."""

    @abstractmethod
    def crops(self, params: Params) -> Mapping[str, int]:
        """Sides of the crops that the trainings of its first model cut, by the path of their key."""

    @abstractmethod
    def absent_references(self, params: Params) -> str | None:
        """The key of the folder of references where the pictures are a user's and it is not set, else None."""
