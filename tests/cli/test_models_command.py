"""`loupe models` and `loupe export`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from photo_helpers import ROOT

from cli import models
from cli.models import ExportError, export, list_models
from cli.presets import PRESETS
from models.core.storage import load_weights, save_weights
from models.enhancers import create
from models.enhancers.registry import ENHANCERS
from models.fusers.registry import FUSERS
from models.quality import names

TINY = {"width": 4, "iterations": 4, "scale": 4}  # the enhancer of tests/tiny.yaml


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((ROOT / "tests" / "tiny.yaml").read_text())
    torch.manual_seed(0)
    save_weights(create("curve", **TINY), Path("data/low_light/models/r01/model.safetensors"))
    return tmp_path


def test_all_that_is_registered_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    list_models(PRESETS)
    registered, _, _ = capsys.readouterr().out.partition("\n\n")
    rows = [line.split() for line in registered.splitlines()[1:]]
    listed = {(row[0], row[1].rstrip(",")) for row in rows}
    assert {("enhancer", name) for name in ENHANCERS} | {("fuser", name) for name in FUSERS} <= listed
    assert {("metric", name) for name in names()} <= listed
    assert {("judge", "ranker"), ("judge", "reward"), ("judge", "metric")} <= listed
    assert next(row for row in rows if row[1] == "dcevo")[2:4] == ["28,524,", "2,004,904"]
    size = sum(parameter.numel() for parameter in create("local_tone", width=16).parameters())
    assert next(row for row in rows if row[1] == "local_tone")[2] == f"{size:,}"


def test_what_is_used_here_and_what_is_known_of_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    list_models(PRESETS)
    _, _, usable = capsys.readouterr().out.partition("\n\n")
    rows = {tuple(line.split()[:2]): line for line in usable.splitlines()}
    assert (
        " yes " in rows["low_light", "f2"] and "data/low_light/models/r01/model.safetensors" in rows["low_light", "f2"]
    )
    assert " yes " not in rows["low_light", "shipped:"], "what was trained here goes first"
    assert " yes " in rows["brackets", "shipped:"]
    assert "nothing is trained here" in rows["thermal", "none"]
    Path("params.yaml").unlink()
    list_models(PRESETS)
    assert " yes " in next(
        line for line in capsys.readouterr().out.splitlines() if line.startswith("low_light  shipped")
    )


def test_an_exported_model_makes_the_same_picture(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(Path("out"), None)
    said = capsys.readouterr().out
    assert "out/model.safetensors: the same picture as round r01" in said
    assert "out/model.ts: the same picture as round r01" in said
    image = torch.rand(1, 3, 80, 112)
    trained, again = create("curve", **TINY), create("out/model.ts")
    load_weights(trained, Path("out/model.safetensors"))
    with torch.no_grad():
        assert torch.allclose(trained(image), again(image), atol=1e-6)
    with pytest.raises(ExportError, match=r"out/model\.safetensors, out/model\.ts.*: there already"):
        export(Path("out"), None)


def test_a_form_that_makes_another_picture_is_not_kept(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = models._run
    monkeypatch.setattr(models, "_run", lambda network: lambda probes: [made + 0.01 for made in run(network)(probes)])
    with pytest.raises(ExportError, match=r"would make another picture: it is off by 0\.01"):
        export(Path("out"), None)
    assert list(Path("out").iterdir()) == []
