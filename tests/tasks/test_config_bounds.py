"""Every number of params.yaml has both bounds: read off the schema, so that a new one without them fails here."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.config import ConfigError, load_whole, read_yaml, validate
from tasks.registry import KINDS

ROOT = Path(__file__).resolve().parents[2]
DEMO = read_yaml(ROOT / "presets" / "demo.yaml")
SCHEMA = type(load_whole(ROOT / "presets" / "demo.yaml")).model_json_schema()  # with the kinds' own sections


def numbers(schema: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every number in a schema, with its path."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if schema.get("type") in {"integer", "number"} and "enum" not in schema:
        yield place, schema
    for name, inner in schema.get("properties", {}).items():
        yield from numbers(inner, f"{place}.{name}")
    for inner in schema.get("anyOf", []):
        yield from numbers(inner, place)
    for position, inner in enumerate(schema.get("prefixItems", [])):
        yield from numbers(inner, f"{place}[{position}]")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from numbers(schema[key], f"{place}[]")


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all numbers of a configuration."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    values = copy.deepcopy(DEMO)
    place: Any = values
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return values


def test_every_number_of_the_schema_has_both_bounds() -> None:
    found = list(numbers(SCHEMA, ""))
    assert len(found) > 100
    assert {place.split(".")[1] for place, _ in found} >= set(KINDS)
    without = [
        place
        for place, schema in found
        if not ({"minimum", "exclusiveMinimum"} & set(schema) and {"maximum", "exclusiveMaximum"} & set(schema))
    ]
    assert without == []


@pytest.mark.parametrize("path", list(leaves(DEMO)), ids=lambda path: ".".join(map(str, path)))
def test_what_is_beyond_a_bound_is_refused_by_name(path: tuple[str | int, ...]) -> None:
    values: Any = DEMO
    for key in path:
        values = values[key]
    kind = type(values)
    section = r"\.".join(map(str, path[:2])) if path[0] in KINDS else str(path[0])
    for beyond in (kind(-(10**12)), kind(10**12), float("nan"), float("inf"), -float("inf"), 10**400):
        with pytest.raises(ConfigError, match=section) as refused:
            validate(changed(path, beyond))
        assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("seed", [-5, -1, 2**32])
@pytest.mark.parametrize("path", [("seed",), *((kind, "labels", "simulated", "seed") for kind in KINDS)])
def test_a_seed_that_a_late_stage_would_refuse(path: tuple[str, ...], seed: int) -> None:
    with pytest.raises(ConfigError, match="seed"):
        validate(changed(path, seed))
    import numpy as np

    validate(changed(path, 2**32 - 1))
    np.random.RandomState(2**32 - 1)


@pytest.mark.parametrize("name", ["params.yaml", "presets/demo.yaml", "presets/paper.yaml", "tests/tiny.yaml"])
def test_files_that_are_there_still_load(name: str) -> None:
    load_whole(ROOT / name)


BOMB = "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    ["[" * 50_000, "{a: " * 5_000, "- " * 5_000 + "1", BOMB, MERGES, "a: &a [*a]\n", "seed: " + "9" * 5_000, "seed: 1e400\n",
     "seed: 2001-99-99\n", "? [1, {2: 3}]\n: 4\n", "x" * (1 << 20), "a: !!int x\n"],
    ids=["flow", "maps", "block", "aliases", "merges", "itself", "digits", "infinite", "date", "key", "long", "tag"],
)  # fmt: skip
def test_hostile_yaml_is_one_short_message(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"params\.yaml") as refused:
        load_whole(path)
    assert len(str(refused.value)) < 8_000


def test_aliases_that_mean_well_still_load(tmp_path: Path) -> None:
    text = (ROOT / "presets" / "demo.yaml").read_text()
    shared = text.replace("exposure_stops: [1.0, 4.5]", "exposure_stops: &stops [1.0, 4.5]")
    shared = shared.replace("under_stops: [2.5, 4.0]", "under_stops: *stops")
    (tmp_path / "params.yaml").write_text(shared)
    assert load_whole(tmp_path / "params.yaml").of("brackets").dataset.sample.under_stops == (1.0, 4.5)
