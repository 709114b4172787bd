"""Every kind of picture keeps what it promises, and nothing but its own module knows it by name."""

from __future__ import annotations

import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from models.quality import info
from tasks import kinds
from tasks.config import ConfigError, Params, View, load_whole, read_yaml, validate
from tasks.kinds.base import Counts, Kind, Models, Words
from tasks.registry import KINDS
from tasks.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
EVERY = pytest.mark.parametrize("kind", kinds.every(), ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def params() -> Params:
    return load_whole(ROOT / "presets" / "demo.yaml")


@EVERY
def test_the_facts_name_what_there_is(kind: Kind, params: Params) -> None:
    assert kinds.named(kind.name) is kind
    columns = set(TABLES[kind.table].schema.names)
    assert {"id", "photograph", "split", "reference", *(name for source in kind.sources for name in source)} <= columns
    assert set(kind.sections) <= set(Params.model_fields)
    assert kind.source_names == (() if len(kind.sources) == 1 else tuple(path for path, _ in kind.sources))
    assert pickle.loads(pickle.dumps(kind)) == kind  # noqa: S301
    for key, side in kind.crops(params).items():
        section, name = key.split(".")
        assert getattr(getattr(params, section), name) == side
        assert section in kind.sections


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
    values = read_yaml(ROOT / "presets" / "demo.yaml")
    values["labels"]["source"] = "people"
    values[kind.sections[0]]["source"] = source
    folder = values[kind.sections[0]]["folder"]
    folder |= {name: "/photos" for name in ("inputs", "under", "over", "natural") if name in folder}
    view = View(validate(values), kind.sections)
    assert isinstance(kind.page.WORDS, Words)
    assert all(kind.page.model_facts(view))
    origins = kind.page.origins(view, Counts(photographs=2, images=9, with_reference=references))
    assert {origin.how for origin in origins} <= {"Real", "Simulated", ""}
    assert ("Simulated" in {origin.how for origin in origins}) == (source == "sample")
    assert "9" in origins[0].text
    assert all(origin.text.endswith(".") for origin in origins)


@EVERY
def test_a_folder_without_references_is_said(kind: Kind) -> None:
    values = read_yaml(ROOT / "presets" / "demo.yaml")
    values["loop"]["task"] = kind.name
    values["labels"]["simulated"]["utility"] = {"psnr": 1.0}
    assert info("psnr").needs_reference
    values[kind.sections[0]]["source"] = "folder"
    folder = values[kind.sections[0]]["folder"]
    folder |= {name: "/photos" for name in ("inputs", "under", "over", "natural") if name in folder}
    with pytest.raises(ConfigError, match=rf"need references, but {kind.sections[0]}\.folder\.reference"):
        validate(values)


@pytest.mark.parametrize("key", ["loop.task", "pairs.candidates"])
def test_a_kind_that_there_is_not_is_refused_with_those_there_are(key: str) -> None:
    values = read_yaml(ROOT / "presets" / "demo.yaml")
    section, name = key.split(".")
    values[section][name] = "x-rays"
    with pytest.raises(ConfigError, match=rf"{key}: .*'x-rays'; known are {', '.join(KINDS)}"):
        validate(values)


@pytest.mark.parametrize(
    "code",
    [
        "from tasks import kinds; kinds.every()",
        "from tasks.config import load_whole; load_whole()",
        "import tasks.low_light",
        "import tasks.labels",
        "import tasks.report",
    ],
)
def test_what_learns_nothing_needs_no_torch(code: str) -> None:
    """Params, datasets, the votes of people and the report: torch costs them seconds, and tells them nothing."""
    ended = f"{code}; import sys; raise SystemExit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", ended], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_nothing_compares_a_kind_by_its_name() -> None:
    names = "|".join(KINDS)
    compared = re.compile(rf"[!=]=\s*[\"'](?:{names})[\"']|[\"'](?:{names})[\"']\s*(?:[!=]=|if )")
    own = {ROOT / "tasks" / "kinds" / f"{name}{part}.py" for name in KINDS for part in ("", "_models", "_page")}
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("cli", "flows", "labelling", "tasks")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".html", ".js") and path not in own
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if compared.search(line)
    ]
    assert found == []
