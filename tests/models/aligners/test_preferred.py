"""Fine-tuning on what was preferred: towards the better picture, no further; the judge tells where nobody voted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from models.aligners import UnknownAligner, create
from models.aligners.base import Material, Votes, one_region
from models.core.training import Outcome, Run, Settings
from models.judges.base import Judge


def crops(index: int) -> tuple[torch.Tensor, ...]:
    return (0.2 + 0.2 * torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(index)),)


def brighter(index: int) -> tuple[tuple[torch.Tensor, ...], torch.Tensor, torch.Tensor]:
    given = crops(index)
    return given, 1.2 * given[0], 0.8 * given[0]


class Says(Judge):
    """Likes what is darker, or has no opinion, or says nothing that is a number."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def scores(self, pictures: torch.Tensor, sources: tuple[torch.Tensor, ...] = ()) -> torch.Tensor:  # type: ignore[override]
        return self.slope * pictures.mean((1, 2, 3))


class Gain(nn.Module):
    """Brighter by one number."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, 1, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image * self.gain


def aligned(folder: Path, votes: Votes | None, judge: Judge | None = None) -> tuple[float, Outcome]:
    """The gain of a model that began with 1."""
    model, run = Gain(), Run(Settings(100, 0.02, halve_every=20, log_every=20), folder, "data")
    outcome = create("preferred", parts=1).align(model, judge, Material(crops, one_region(crops), votes=votes), run)
    return model.gain.item(), outcome


def test_it_goes_to_what_was_preferred_and_stays_there(tmp_path: Path) -> None:
    gain, outcome = aligned(tmp_path, brighter)
    assert gain == pytest.approx(1.2, abs=0.01)
    assert outcome.history[-1]["preferred"] == 1.0
    assert outcome.history[-1]["fidelity"] < 40


def test_before_there_are_votes_the_judge_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gain, _ = aligned(tmp_path, None, Says(1.0))
    assert 0.6 < gain < 0.85, "darker by a tone of 0.5"
    assert "nobody has voted yet, so the judge tells two versions" in capsys.readouterr().out


@pytest.mark.parametrize("slope", [0.0, float("nan")])
def test_a_judge_without_an_opinion_changes_nothing(slope: float, tmp_path: Path) -> None:
    assert aligned(tmp_path, None, Says(slope))[0] == pytest.approx(1.0, abs=0.02)


def test_what_makes_no_sense_is_refused() -> None:
    for options in ({"newest_votes": 0}, {"tone": 0.0}, {"tone": 3.0}, {"parts": 0}):
        with pytest.raises(UnknownAligner, match="newest_votes is null or 1 or more, tone above 0"):
            create("preferred", **options)
