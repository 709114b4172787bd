from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app, main
from labelling.store import PairImages, Store, Vote, pair_key
from pictures import encode_png
from tasks.config import load_whole

ROOT = Path(__file__).resolve().parents[2]
DEMO = load_whole(ROOT / "presets" / "demo.yaml")
COMMANDS = (
    "check", "preset", "run", "enhance", "label", "status", "weights", "labels", "observers", "study", "ratings",
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOUPE_LABELS", str(tmp_path / "labels.sqlite"))
    (tmp_path / "params.yaml").write_bytes((ROOT / "presets" / "demo.yaml").read_bytes())
    return tmp_path


def loupe(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command in this process; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["loupe", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_help_lists_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert all(name in shown for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from cli.main import app\n"
        "CliRunner().invoke(app, ['--help'])\n"
        "print(sorted({'torch', 'prefect', 'dvc', 'pandas', 'sqlalchemy', 'fastapi'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"


def test_check_accepts_the_demo(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "check") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    rounds = "; ".join(f"{kind} {entry.rounds}, labels from simulated" for kind, entry in DEMO.kinds.items())
    assert last == f"params.yaml is valid (scale demo; rounds: {rounds})"


def test_check_lists_faults_without_a_traceback(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(
        re.sub(r"strategy: \w+", "strategy: luck", text).replace("seed: 1\n", "sed: 1\n", 1)
    )
    assert loupe(monkeypatch, "check") == 1
    errors = capsys.readouterr().err
    assert errors.startswith("error: params.yaml has 6 faults:\n")
    assert "  low_light.pairs.strategy: " in errors and "  brackets.pairs.strategy: " in errors
    assert "  thermal.labels.ratings.strategy: " in errors
    assert "  sed: unknown key" in errors
    assert "  seed: Field required" in errors


def test_a_broken_configuration_starts_no_run(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "params.yaml").write_text("seed: 1\n")
    assert loupe(monkeypatch, "run") == 1
    assert capsys.readouterr().err.startswith("error: params.yaml has")


def test_preset_writes_the_params(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "preset", "paper") == 0
    assert "params.yaml is now the preset 'paper'" in capsys.readouterr().out
    assert (project / "params.yaml").read_bytes() == (ROOT / "presets" / "paper.yaml").read_bytes()
    assert loupe(monkeypatch, "preset", "poster") == 1
    assert "error: no preset is called 'poster'" in capsys.readouterr().err


def test_status_of_an_empty_store(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "status") == 0
    assert capsys.readouterr().out.startswith("The label store is empty")


def test_status_counts_votes_and_pairs(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = [encode_png(np.full((4, 4, 3), value, np.uint8)) for value in (10, 200)]
    first, second = (hashlib.sha256(picture).hexdigest() for picture in pictures)
    key = pair_key(first, second)
    with Store.open() as store:
        pair = PairImages(
            key=key, first_sha256=first, second_sha256=second, first_png=pictures[0], second_png=pictures[1]
        )
        store.register("r01", "people", [pair], votes=2, question="Which?")
        vote = {"key": key, "kind": "people", "preferred": first, "left": first, "round": "r01"}
        store.add_votes([Vote(id="1", observer="ann", **vote)])
        assert loupe(monkeypatch, "status") == 0
        assert capsys.readouterr().out.split() == [
            "r01", "people", "1", "of", "2", "votes", "on", "1", "pairs", "label", "with:", "loupe", "label", "r01",
        ]  # fmt: skip
        store.add_votes([Vote(id="2", observer="bob", **vote)])
        assert loupe(monkeypatch, "status") == 0
        assert capsys.readouterr().out.rstrip().endswith("complete")


def test_enhance_before_any_training_says_what_to_do(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    last = DEMO.last_round("low_light")
    assert loupe(monkeypatch, "enhance", "photo.jpg", "--out", "out") == 1, "there is no such photo"
    assert (
        f"the enhancer that Loupe comes with (local_tone): round {last} is not trained here" in capsys.readouterr().out
    )
    assert loupe(monkeypatch, "enhance", "photo.jpg", "--out", "out", "--round", last) == 1
    errors = capsys.readouterr().err
    assert f"round {last} is not trained yet" in errors
    assert "`dvc repro report@low_light` trains it" in errors
    assert loupe(monkeypatch, "enhance", "photo.jpg", "--out", "out", "--round", "r99") == 1
    assert "no round is called 'r99'; params.yaml has r00, r01" in capsys.readouterr().err


def test_an_error_that_is_not_loupes_keeps_its_traceback(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> str:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("cli.presets.apply", broken)
    monkeypatch.setattr(sys, "argv", ["loupe", "preset", "demo"])
    with pytest.raises(ZeroDivisionError):
        main()
