"""Where the stages keep what they make: data/KIND/..., as dvc.yaml says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DATA = Path("data")
MODEL = "model.safetensors"


@dataclass(frozen=True)
class Places:
    """The folders of a kind of pictures under `data`."""

    kind: str
    data: Path = DATA

    @property
    def root(self) -> Path:
        return self.data / self.kind

    @property
    def pictures(self) -> Path:
        """The dataset."""
        return self.root / "pictures"

    @property
    def search(self) -> Path:
        """What the search of network and loss found."""
        return self.root / "search"

    @property
    def start(self) -> Path:
        """f(0): its weights, its checkpoints, its curves."""
        return self.root / "start"

    @property
    def evaluate(self) -> Path:
        return self.root / "evaluate"

    @property
    def report(self) -> Path:
        return self.root / "report"

    @property
    def regions(self) -> Path:
        """Which pixels of each picture belong together."""
        return self.root / "regions"

    @property
    def genetic(self) -> Path:
        return self.root / "genetic"

    @property
    def predictor(self) -> Path:
        """The predictor of genes that takes the search's place."""
        return self.root / "predictor"

    def model(self, round_name: str) -> Path:
        """What a round's alignment made: r00 -> f(1), r01 -> f(2), ..."""
        return self.root / "models" / round_name

    def outputs(self, round_name: str) -> Path:
        return self.root / "outputs" / round_name

    def questions(self, round_name: str) -> Path:
        return self.root / "questions" / round_name

    def labels(self, round_name: str) -> Path:
        return self.root / "labels" / round_name

    def judge(self, round_name: str) -> Path:
        """g(n): r00 -> g(0), r01 -> g(1), ..."""
        return self.root / "judges" / round_name

    def ablation(self, variant: str) -> Path:
        return self.root / "ablation" / variant


def previous(round_name: str) -> str:
    """The round before: r01 -> r00, r02 -> r01, ..."""
    return f"r{int(round_name[1:]) - 1:02d}"


def store_round(kind: str, round_name: str) -> str:
    """What a round is called where rounds of all kinds come together: the label store, its gate, `loupe label`."""
    return f"{kind}-{round_name}"
