"""Files that a user, or a damaged disk, may put in place of the pipeline's and the label store's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelling.exchange.csv_votes import read_csv
from labelling.exchange.import_report import Report
from labelling.exchange.importing import ExchangeError
from labelling.exchange.label_studio import read_config, read_label_studio
from labelling.exchange.manifest import StudyError, find
from models.search.genotype import GenotypeError
from tasks.brackets import loss_weights
from tasks.brackets.fusers import read_genotype
from tasks.config import ConfigError, load_whole
from tasks.genetic.one_photo import BrokenFront, read_front
from tasks.pages import data as report_data

READERS: dict[str, tuple[Callable[[Path], Any], type[Exception]]] = {
    "params": (load_whole, ConfigError),
    "genotype": (read_genotype, GenotypeError),
    "loss weights": (loss_weights.read, loss_weights.LossWeightsError),
    "summary": (report_data.read_json, report_data.ReportError),
    "curve": (report_data.read_curve, report_data.ReportError),
    "front": (read_front, BrokenFront),
    "label studio": (lambda path: read_label_studio(path, None, Report()), ExchangeError),  # type: ignore[arg-type]
    "configuration": (read_config, ExchangeError),
    "votes": (lambda path: list(read_csv(path, None, Report())), ExchangeError),  # type: ignore[arg-type]
}


def put(path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "sparse":
        path.touch()
        os.truncate(path, 30 * 10**9)
    else:
        path.write_text("[" * 50_000)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "folder", "endless", "sparse", "deep"])
@pytest.mark.parametrize("name", sorted(READERS))
def test_every_reader_refuses_at_once_and_in_one_line(tmp_path: Path, name: str, kind: str) -> None:
    read, error = READERS[name]
    put(tmp_path / "file.txt", kind)
    if (name, kind) == ("curve", "deep"):  # a table without rows is an empty curve
        assert read(tmp_path / "file.txt") == []
        return
    with pytest.raises(error, match=r"file\.txt") as refused:
        read(tmp_path / "file.txt")
    assert len(str(refused.value)) < 1_200
    assert kind == "deep" or "\n" not in str(refused.value)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "folder", "endless", "sparse", "deep"])
def test_a_manifest_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("labelling.exchange.manifest.project_root", lambda: tmp_path)
    (tmp_path / ".loupe" / "studies" / "mine").mkdir(parents=True)
    put(tmp_path / ".loupe" / "studies" / "mine" / "manifest.json", kind)
    with pytest.raises(StudyError, match=r"manifest\.json"):
        find("mine")
