"""What a kind of picture is: everything about it that the stages of the rounds, the page and the commands ask for.

The facts of a kind need no torch. Its models and its words for the page lie in modules of their own, imported when asked
for, so that a stage which needs neither does not depend on them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from labelling.store import Criterion
    from models.artifacts import Disk
    from pictures import Photo
    from tasks.config import KindSection, View
    from tasks.datasets.looking import Findings
    from tasks.datasets.subjects import Subject


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


Loss = Callable[["torch.Tensor", tuple["torch.Tensor", ...]], "torch.Tensor"]
"""(what a model makes (B, 3, H, W), of which sources) -> a scalar to keep low."""


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


class Check(Protocol):
    """What can be said of a user's pictures before a dataset is made of them; a module with this function.

    It may also have `look_at_model(section, found)`, which looks at the kind's section `model`, at its training, and at what
    it is to be measured on, before anything is trained, and returns the network, or None.
    """

    def look_at(self, dataset: Any, crops: Mapping[str, int], found: Findings) -> None:
        """Note in `found` what is wrong with the pictures that the section `dataset` names, quickly.

        crops: sides of the crops that trainings cut, by the path of their key.
        """


class Brought(Protocol):
    """How `loupe fuse` brings the pictures of one scene together, for kinds whose scenes have several; a module with these.

    LIKE: which of the files named the result takes its metadata from. DEPTH: which one's depth it has; None for the deepest.
    ALIGN: whether they are aligned where nobody says. MOST: how many there are at most; None for any number from two on.
    """

    LIKE: int
    DEPTH: int | None
    ALIGN: bool
    MOST: int | None

    def method(self, name: str | None) -> Any:
        """The spec of a fuser by name; None: the kind's own, where params.yaml has no section."""

    def recipe(self, section: Any) -> Mapping[str, object]:
        """What of params.yaml changes what is brought: with other values a scene that was fused is fused again."""

    def brought(self, photos: Sequence[Photo], section: Any, align: bool) -> list[np.ndarray]:
        """What is fused of the photos that were read, (H, W, 3) of one type. Raises `ImageError`."""


@dataclass(frozen=True)
class RatedPicture:
    """A picture (H, W, 3), float in [0, 1], with its sources, whose scores (1 to 5 by criterion) and heatmap (H, W) are known.

    corruptions: what was injected, by name; disks: where.
    """

    picture: np.ndarray
    sources: tuple[np.ndarray, ...]
    scores: Mapping[str, float]
    heatmap: np.ndarray
    corruptions: tuple[str, ...] = ()
    disks: tuple[Disk, ...] = ()


class Rated(Protocol):
    """Pictures of a kind with known scores, of which its judges of ratings learn without labels; a module with these."""

    def examples(self, sources: tuple[str, ...], f0: Any, count: int, seed: int) -> list[RatedPicture]:
        """`count` corrupted versions of a scene, fused by f(0) (a spec) and by other methods; the same for the same seed."""

    def candidates(
        self, sources: tuple[str, ...], made: Mapping[str, str], injected: float, seed: int
    ) -> dict[str, RatedPicture]:
        """What may be rated of a scene, by model: pictures in the files `made`, and what other methods make of the sources.

        A share `injected` of them is corrupted, then named `model+corruption`; the same for the same seed.
        """


class Elsewhere(Protocol):
    """Pictures of another character than the dataset's, which are measured and shown, and of which nothing learns."""

    def subjects(self, params: View, folder: Path) -> dict[str, list[Subject]]:
        """Those that the kind's section asks for, by group, with their files below a folder. Raises `ImageError`."""


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

    table: of its dataset, in data/NAME/pictures. sources: the table's columns (path, sha256) of what a model is given. start:
    what of data/NAME the training of its first model reads. comes_with: the network of `models.shipped` that serves before
    anything is trained; "": none. Beside the module that has its KIND lie `params`, `models`,
    `check` and `page`, `brought` where its scenes have several pictures, and `losses` where some can be kept.
    """

    name: str
    table: str
    sources: tuple[tuple[str, str], ...]
    comes_with: str = ""

    @property
    def structure(self) -> int:
        """Which of the sources shows best what there is, and where: its place among them."""
        return len(self.sources) - 1

    @property
    def source_names(self) -> tuple[str, ...]:
        """What the files of an image are called, where it has several: under, over."""
        names = tuple(path for path, _ in self.sources)
        return names if len(names) > 1 else ()

    def _beside(self, name: str) -> ModuleType:
        return import_module(f"{type(self).__module__.rpartition('.')[0]}.{name}")

    @property
    def models(self) -> Models:
        return cast(Models, self._beside("models"))

    @property
    def losses(self) -> Mapping[str, Loss]:
        """Of a model's pictures without judge and reference, by name: LOSSES of the module `losses` beside it; {}: none."""
        found: Mapping[str, Loss] = self._beside("losses").LOSSES if self._has("losses") else {}
        return found

    @property
    def check(self) -> Check:
        return cast(Check, self._beside("check"))

    @property
    def brought(self) -> Brought:
        return cast(Brought, self._beside("brought"))

    @property
    def rated(self) -> Rated | None:
        """Of kinds that have corruptions with a known truth."""
        return cast(Rated, self._beside("rated")) if self._has("rated") else None

    @property
    def elsewhere(self) -> Elsewhere | None:
        """Of kinds that have such pictures."""
        return cast(Elsewhere, self._beside("elsewhere")) if self._has("elsewhere") else None

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What single pictures of the kind are scored by: CRITERIA of the module `criteria` beside it; () where there is none."""
        found: tuple[Criterion, ...] = self._beside("criteria").CRITERIA if self._has("criteria") else ()
        return found

    def _has(self, name: str) -> bool:
        return find_spec(f"{type(self).__module__.rpartition('.')[0]}.{name}") is not None

    @property
    def page(self) -> Page:
        return cast(Page, self._beside("page"))

    @property
    def section(self) -> type[KindSection]:
        """The shape of the kind's section of params.yaml: SECTION of the module `params` beside it."""
        return cast("type[KindSection]", self._beside("params").SECTION)

    def start_of(self, section: Any) -> str:
        """What of data/NAME the training of f(0) reads with this section of params.yaml: a search, or the dataset alone."""
        return "pictures"

    def fault(self, section: Any) -> str | None:
        """Why the rounds cannot work with the kind's section of params.yaml, else None; beyond what holds for every kind."""
        return None

    @abstractmethod
    def crops(self, section: Any) -> Mapping[str, int]:
        """Sides of the crops that the trainings of its first model cut, by the path of their key in the section."""

    @abstractmethod
    def absent_references(self, section: Any) -> str | None:
        """Why the pictures of this section have no references, as the end of a sentence, else None."""
