"""A trained reward model as a metric, by the file of its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.core.storage import save_weights
from models.judges import create as judge_of
from models.own import OwnModelError
from models.quality import create, info
from tasks.config.base import unknown_metrics

SMALL = {"side": 64, "grid": 4, "width": 16, "depth": 1, "heads": 2}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    judge = judge_of("reward", **SMALL)
    save_weights(judge, tmp_path / "model.safetensors", judge.architecture)
    return tmp_path / "model.safetensors"


def test_it_scores_as_the_judge_does(file: Path) -> None:
    torch.manual_seed(0)
    judge = judge_of("reward", **SMALL).eval()
    fused, infrared, visible = torch.rand(3, 2, 3, 80, 100)
    found = create(f"reward:{file}")(fused, sources=(infrared, visible))
    assert torch.allclose(found, judge.scores(fused, (infrared, visible)), atol=1e-6) and found.shape == (2,)
    facts = info(f"reward:{file}")
    assert facts.needs_sources and facts.higher_is_better and facts.value_range == (0.0, 5.0)
    assert "efficientnet_lite0" in facts.variant
    shown = fused.clone().requires_grad_()
    create(f"reward:{file}")(shown, sources=(infrared, visible)).sum().backward()
    assert shown.grad is not None and shown.grad.any()


def test_what_is_no_such_file_is_named(tmp_path: Path, file: Path) -> None:
    with pytest.raises(OwnModelError, match=r"absent\.safetensors holds no weights of a reward model"):
        create(f"reward:{tmp_path / 'absent.safetensors'}")
    save_weights(judge_of("reward", **SMALL), tmp_path / "mute.safetensors")
    with pytest.raises(OwnModelError, match="does not say which network it holds"):
        info(f"reward:{tmp_path / 'mute.safetensors'}")
    assert "absent" in str(unknown_metrics("metrics", [f"reward:{tmp_path / 'absent.safetensors'}"]))
    assert unknown_metrics("metrics", [f"reward:{file}"]) is None
