from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from flows import stage as flows_stage
from models.weights import WeightUnavailable
from tasks.config import Params, View, load_whole
from tasks.stage import places, runtime
from tasks.stage.mapping import Workers
from tasks.stage.runtime import UNAVAILABLE, identity, is_own_error, workers
from tasks.stage.runtime import stage as run_stage
from tasks.stage.tables import TableError

ROOT = Path(__file__).resolve().parents[2]


def stage(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_bytes((ROOT / "presets" / "demo.yaml").read_bytes())
    return tmp_path


def test_an_error_of_the_stages_own_module_is_one_line(project: Path) -> None:
    """Its class then belongs to the module `__main__`."""
    done = stage(project, "tasks.rounds.ablation", "--kind", "low_light", "--variant", "nonsense")
    assert done.returncode == 1
    assert done.stderr == "error: no ablation is called 'nonsense'; known are content_only, niqe_ranker\n"


def test_an_unknown_kind_is_one_line(project: Path) -> None:
    done = stage(project, "tasks.rounds.labels", "--kind", "photos", "--round", "r01")
    assert done.returncode == 1
    assert done.stderr == "error: no kind of pictures is called 'photos'; known are low_light, brackets, thermal\n"


def test_faults_of_the_params_are_listed_without_a_traceback(project: Path) -> None:
    text = re.sub(r"strategy: \w+", "strategy: luck", (project / "params.yaml").read_text(), count=1)
    text = re.sub(r"\bk: \d+", "k: 0", text, count=1)
    (project / "params.yaml").write_text(text)
    done = stage(project, "tasks.rounds.labels", "--kind", "low_light", "--round", "r01")
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml has 2 faults:\n  low_light.pairs.k: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("temporary", "code"), [(True, 69), (False, 1)])
def test_a_download_that_may_do_later_has_its_exit_code(
    project: Path, monkeypatch: pytest.MonkeyPatch, temporary: bool, code: int
) -> None:
    def fails(params: View) -> None:
        raise WeightUnavailable("vgg16", ["https://weights.example: busy"], [], temporary)

    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["tasks.x"])
    with pytest.raises(SystemExit) as ended:
        run_stage("", fails, ["seed"])
    assert ended.value.code == code == (UNAVAILABLE if temporary else 1)
    assert UNAVAILABLE == flows_stage.UNAVAILABLE


def test_which_errors_are_loupes_own() -> None:
    assert is_own_error(TableError("x"))
    assert not is_own_error(ValueError("x"))
    assert not is_own_error(KeyError("x"))


@pytest.fixture(scope="module")
def params() -> Params:
    return load_whole(ROOT / "presets" / "demo.yaml")


def test_workers_are_the_cores_unless_said(params: Params) -> None:
    def of(**machine: object) -> View:
        return View(params.model_copy(update={"machine": params.machine.model_copy(update=machine)}), ())

    assert workers(of()).count >= 1
    assert workers(of(workers=3)) == Workers(3)
    for executor in ("processes", "tcp://head:8786"):
        assert workers(of(workers=3, executor=executor), "cuda") == Workers(1), "this process feeds the GPU"
    assert workers(of(executor="tcp://head:8786")).cluster == "tcp://head:8786"


def test_a_stage_runs_under_the_name_of_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python runs it as __main__, whose functions no other machine could import."""
    main = ModuleType("__main__")
    main.__spec__ = ModuleSpec("tasks.stage.places", None)
    monkeypatch.setitem(sys.modules, "__main__", main)
    namesake = FunctionType(places.store_round.__code__, {"__name__": "__main__"}, "store_round")
    assert runtime._by_its_name(namesake) is places.store_round
    assert runtime._by_its_name(identity) is identity


def test_identity_tells_data_apart() -> None:
    assert identity("a", "b") == identity("a", "b")
    assert len({identity("a", "b"), identity("b", "a"), identity("ab"), identity("a")}) == 4
