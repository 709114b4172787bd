"""Every kind of picture keeps what it promises, and nothing but its own module knows it by name."""

from __future__ import annotations

import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.quality import info
from tasks import kinds
from tasks.config import ConfigError, KindSection, Params, View, load_whole, read_yaml, validate
from tasks.kinds.base import Counts, Kind, Models, Words
from tasks.registry import KINDS
from tasks.stage import tables

ROOT = Path(__file__).resolve().parents[2]
EVERY = pytest.mark.parametrize("kind", kinds.every(), ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def params() -> Params:
    return load_whole(ROOT / "presets" / "demo.yaml")


@EVERY
def test_the_facts_name_what_there_is(kind: Kind, params: Params) -> None:
    assert kinds.named(kind.name) is kind
    columns = set(tables.table(kind.table).schema.names)
    assert {"id", "photograph", "split", "reference", *(name for source in kind.sources for name in source)} <= columns
    assert kind.source_names == (() if len(kind.sources) == 1 else tuple(path for path, _ in kind.sources))
    assert pickle.loads(pickle.dumps(kind)) == kind  # noqa: S301
    assert issubclass(kind.section, KindSection)
    section = params.of(kind.name)
    for key, side in kind.crops(section).items():
        part, name = key.split(".")
        assert getattr(getattr(section, part), name) == side
    assert kind.fault(section) is None
    assert callable(kind.check.look_at)


@EVERY
def test_the_models_have_the_functions_of_the_protocol(kind: Kind) -> None:
    for name, wanted in inspect.getmembers(Models, inspect.isfunction):
        if not name.startswith("_"):
            taken = list(inspect.signature(getattr(kind.models, name)).parameters)
            asked = list(inspect.signature(wanted).parameters)[1:]
            assert taken[: len(asked)] == asked, name


@EVERY
@pytest.mark.parametrize("source", ["sample", "folder"])
@pytest.mark.parametrize("references", [0, 3])
def test_the_page_says_where_everything_comes_from(kind: Kind, params: Params, source: str, references: int) -> None:
    view = View(validate(of_a_folder(kind, source)), ("{kind}",), kind.name)
    assert isinstance(kind.page.WORDS, Words)
    assert all(kind.page.model_facts(view))
    origins = kind.page.origins(view, Counts(photographs=2, images=9, with_reference=references))
    assert {origin.how for origin in origins} <= {"Real", "Simulated", ""}
    assert ("Simulated" in {origin.how for origin in origins}) == (source == "sample")
    assert "9" in origins[0].text
    assert all(origin.text.endswith(".") for origin in origins)


def of_a_folder(kind: Kind, source: str = "folder") -> dict[str, Any]:
    """The demo's params with the kind's pictures from there, labelled by people."""
    values = read_yaml(ROOT / "presets" / "demo.yaml")
    own = values[kind.name]
    own["labels"]["source"] = "people"
    own["dataset"]["source"] = source
    folder = own["dataset"]["folder"]
    folder |= {
        name: "/photos" for name in ("inputs", "under", "over", "natural", "infrared", "visible") if name in folder
    }
    return values


@EVERY
def test_a_folder_without_references_is_said(kind: Kind) -> None:
    values = of_a_folder(kind)
    values[kind.name]["labels"] |= {"source": "simulated"}
    values[kind.name]["labels"]["simulated"]["utility"] = {"psnr": 1.0}
    assert info("psnr").needs_reference
    with pytest.raises(
        ConfigError, match=rf"need references, but ({kind.name}\.dataset\.folder\.reference|.* have none)"
    ):
        validate(values)


def test_a_kind_that_there_is_not_is_refused_with_those_there_are() -> None:
    values = read_yaml(ROOT / "presets" / "demo.yaml")
    values["kinds"]["x-rays"] = {"start": "pictures", "rounds": 1}
    with pytest.raises(ConfigError, match=rf"kinds: .*'x-rays'; known are {', '.join(KINDS)}"):
        validate(values)


@pytest.mark.parametrize(
    "code",
    [
        "from tasks import kinds; kinds.every()",
        "from tasks.config import load_whole; load_whole()",
        "import tasks.low_light.pictures",
        "import tasks.rounds.labels",
        "import tasks.rounds.report",
    ],
)
def test_what_learns_nothing_needs_no_torch(code: str) -> None:
    """Params, datasets, the votes of people and the report: torch costs them seconds, and tells them nothing."""
    ended = f"{code}; import sys; raise SystemExit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", ended], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# They say where things of before went, when kinds had no names of their own.
OF_BEFORE = {"tasks/config/former.py", "labelling/store/database/migrations.py"}
# What experts score is called thermal there: how well hot things are kept.
A_CRITERION = {"labelling/exchange/criteria.py", "models/artifacts/truth.py", "models/judges/reward.py"}


def test_nothing_names_a_kind_but_its_folder_and_the_registry() -> None:
    named = re.compile(rf"[\"'](?:{'|'.join(KINDS)})[\"'@]|data/(?:{'|'.join(KINDS)})\b")
    own = (*(f"tasks/{name}/" for name in KINDS), "tasks/registry.py")
    found = [
        f"{place}:{number}: {line.strip()}"
        for folder in ("cli", "flows", "labelling", "models", "pictures", "tasks")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".html", ".js")
        and not (place := path.relative_to(ROOT).as_posix()).startswith(own)
        and place not in OF_BEFORE | A_CRITERION
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if named.search(line) and "`" not in line and not line.lstrip().startswith("#")
    ]
    assert found == []
