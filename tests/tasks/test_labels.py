"""The gate: a project folder with pictures, pairs and a label store, and no model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.llm_server import Model, Seen, picture_of, serving
from labelling.store import Store, Trial, Vote, pair_key
from pictures import sha256_file, write_png
from tasks.config import View, read_yaml, validate
from tasks.measuring.utility import NoUtility, panel
from tasks.rounds import labels
from tasks.stage import tables
from tasks.stage.places import Places

ROOT = Path(__file__).resolve().parents[2]
KIND, ROUND = "low_light", "low_light-r01"
AT = Places(KIND)
IMAGES = AT.pictures / "images.parquet"
PAIRS_TABLE = AT.questions("r01") / "pairs.parquet"
OUT = AT.labels("r01") / "labels.parquet"
PAIRS = 6


def params(seed: int = 7, **changes: Any) -> View:
    """seed: of the simulated observers; changes: of the kind's labels."""
    values = read_yaml(ROOT / "presets" / "demo.yaml")
    section = values[KIND]["labels"]
    simulated = {**section["simulated"], "utility": {"psnr": 1.0}, "noise": 0.0, "lapse": 0.0, "position_bias": 0.0}
    section |= {"votes": 3, "simulated": simulated | {"observers": 3, "seed": seed}, **changes}
    values["machine"]["workers"] = 1
    return View(validate(values), labels.PARAMS, KIND)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Six pairs; in even ones the first picture is the closer to its reference. Returns the keys by rank."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOUPE_LABELS", str(tmp_path / "labels.sqlite"))
    random = np.random.default_rng(0)
    images, pairs = [], []
    for number in range(PAIRS):
        reference = random.integers(40, 216, (16, 16, 3), dtype=np.uint8)
        paths = {name: AT.root / name / f"{number}.png" for name in ("reference", "low", "first", "second")}
        near, far = reference + 4, reference + 30
        first, second = (near, far) if number % 2 == 0 else (far, near)
        contents = {"reference": reference, "low": reference // 4, "first": first, "second": second}
        for name, path in paths.items():
            write_png(path, contents[name])
        shas = {name: sha256_file(path) for name, path in paths.items()}
        images.append(
            {
                "id": f"image{number}",
                "photograph": "p",
                "split": "train",
                "path": tables.relative(paths["low"], IMAGES.parent),
                "sha256": shas["low"],
                "reference": tables.relative(paths["reference"], IMAGES.parent),
                "reference_sha256": shas["reference"],
                "width": 16,
                "height": 16,
                "original": "x",
            }
        )
        pairs.append(
            {
                "round": "r01",
                "key": pair_key(shas["first"], shas["second"]),
                "image": f"image{number}",
                "rank": number,
                "gap": 1.0,
                "first_model": "f0",
                "first": tables.relative(paths["first"], PAIRS_TABLE.parent),
                "first_sha256": shas["first"],
                "second_model": "f1",
                "second": tables.relative(paths["second"], PAIRS_TABLE.parent),
                "second_sha256": shas["second"],
            }
        )
    tables.write("images", images, IMAGES)
    tables.write("pairs", pairs, PAIRS_TABLE)
    return [str(row["key"]) for row in pairs]


def people(keys: list[str], observer: str, choice: str = "first") -> list[Vote]:
    """One person's votes on pairs: always the first picture, the second, or a word."""
    pairs = tables.read("pairs", PAIRS_TABLE).set_index("key")
    return [
        Vote(
            id=f"{observer}-{key[:12]}",
            key=key,
            observer=observer,
            kind="people",
            preferred=pairs[f"{choice}_sha256"][key] if choice in ("first", "second") else choice,
            left=pairs.second_sha256[key],
            round=ROUND,
        )
        for key in keys
    ]


def test_simulated_observers_prefer_the_higher_utility(project: list[str]) -> None:
    settings = params()
    assert labels.run(settings, "r01") == 0
    found = tables.read("labels", OUT)
    assert len(found) == PAIRS * 3
    assert set(found.observer) == {observer.name for observer in panel(settings.labels.simulated)}
    assert set(found.kind) == {"simulated"}
    wanted = {key: "first" if rank % 2 == 0 else "second" for rank, key in enumerate(project)}
    assert all(row.choice == wanted[row.key] for row in tables.rows(found))


def test_running_again_is_the_same_bytes_and_no_new_vote(project: list[str]) -> None:
    labels.run(params(), "r01")
    before = OUT.read_bytes()
    labels.run(params(), "r01")
    assert OUT.read_bytes() == before
    with Store.open() as store:
        assert len(store.votes(project, "simulated", params().labels.question)) == PAIRS * 3


def test_the_store_may_be_lost(project: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    noisy = params()
    labels.run(noisy, "r01")
    before = OUT.read_bytes()
    monkeypatch.setenv("LOUPE_LABELS", str(tmp_path / "another.sqlite"))
    labels.run(noisy, "r01")
    assert OUT.read_bytes() == before


def test_another_panel_does_not_count_the_votes_of_the_one_before(project: list[str]) -> None:
    labels.run(params(), "r01")
    one = set(tables.read("labels", OUT).observer)
    labels.run(params(seed=99, votes=2), "r01")
    found = tables.read("labels", OUT)
    assert len(found) == PAIRS * 2
    assert one.isdisjoint(found.observer)


def test_people_are_waited_for(project: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    settings = params(source="people", votes=2)
    assert labels.run(settings, "r01") == labels.LABELS_MISSING == 75
    with Store.open() as store:
        store.add_votes(people(project, "ann"))
        store.add_votes(people(project[1:], "bob"))
    assert labels.run(settings, "r01") == 75
    assert not OUT.exists()
    said = capsys.readouterr().out
    assert "round low_light-r01 waits for labels: 0 of 12 votes on 6 pairs are in." in said
    assert "round low_light-r01 waits for labels: 11 of 12 votes on 6 pairs are in." in said
    assert "Label with `loupe label low_light-r01`, then run `dvc repro` again." in said


def test_peoples_votes_become_the_labels(project: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Two votes are asked for; of the second pair one votes and two can't tell, so it is undecidable and waits no more."""
    settings = params(source="people", votes=2)
    labels.run(settings, "r01")
    with Store.open() as store:
        store.add_votes(people(project, "ann", "second"))
        store.add_votes([*people(project[:1], "bob", "tie"), *people(project[1:2], "bob", "unsure")])
        store.add_votes(people(project[2:], "bob"))
        assert labels.run(settings, "r01") == 75
        assert "11 of 12 votes on 6 pairs are in; 1 can't tell." in capsys.readouterr().out
        store.add_votes(people(project[1:2], "cy", "unsure"))
    assert labels.run(settings, "r01") == 0
    assert "11 votes of people on 6 pairs; 2 can't tell, 1 pair undecidable" in capsys.readouterr().out
    found = tables.read("labels", OUT)
    assert set(found[found.undecidable].key) == {project[1]}
    assert set(found[found.observer == "ann"].choice) == {"second"}
    bob = found[found.observer == "bob"].set_index("key").choice
    assert [bob[key] for key in project] == ["tie", "unsure", "first", "first", "first", "first"]


def test_votes_of_a_simulation_never_stand_in_for_people(project: list[str]) -> None:
    labels.run(params(), "r01")
    OUT.unlink()
    assert labels.run(params(source="people"), "r01") == 75
    assert not OUT.exists()


def test_a_picture_without_reference_is_explained(project: list[str]) -> None:
    images = tables.read("images", IMAGES)
    for column in ("path", "reference"):
        images[column] = [tables.relative(path, IMAGES.parent) for path in images[column]]
    images.loc[2, ["reference", "reference_sha256"]] = None
    tables.write("images", images, IMAGES)
    with pytest.raises(NoUtility, match="image2"):
        labels.run(params(), "r01")
    assert not OUT.exists()


def test_how_pairs_are_shown_is_kept_with_the_round(project: list[str]) -> None:
    shown: dict[str, Any] = {"allow_tie": True, "allow_unsure": True, "repeats": 0.25, "training": 2}
    labels.run(params(source="people", **shown), "r01")
    with Store.open() as store:
        batch = store.batch(ROUND)
        assert {name: getattr(batch.options, name) for name in shown} == shown
        labels.run(params(source="people", **shown | {"repeats": 0.0}), "r01")
        assert store.options(ROUND).repeats == 0.0
        assert store.batch(ROUND).id == batch.id  # no vote has to be cast anew


def test_sides_and_the_answer_to_a_repeat_are_kept(project: list[str]) -> None:
    wanted = params(source="people", votes=1, repeats=0.5)
    labels.run(wanted, "r01")
    first = people(project[:1], "ann")[0]
    fields = {name: getattr(first, name) for name in ("key", "observer", "kind", "round")}
    with Store.open() as store:
        store.add_votes(people(project, "ann"))
        right = tables.read("pairs", PAIRS_TABLE).set_index("key").first_sha256[project[0]]
        other = tables.read("pairs", PAIRS_TABLE).set_index("key").second_sha256[project[0]]
        store.add_trials([Trial(id="again", preferred=other, left=right, purpose="repeat", **fields)])
    assert labels.run(wanted, "r01") == 0
    table = tables.read("labels", OUT).set_index("key")
    assert set(table.left) == {"second"}
    assert table.again[project[0]] == "second"
    assert table.again.drop(project[0]).isna().all()


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[dict[str, Any], Seen]]:
    """A language model that likes the darker picture; of the first two pairs it likes what lies first, whichever it is."""
    monkeypatch.setenv("LOUPE_LLM_REPLIES", str(tmp_path / "replies"))

    def choose(picture: np.ndarray, body: dict[str, Any]) -> dict[str, str]:
        shown = [part["image_url"]["url"] for part in body["messages"][1]["content"] if part["type"] == "image_url"]
        means = [float(picture_of(url).mean()) for url in shown]
        flips = abs(sum(means) / 2 - 128) < flipping[0]
        return {"better": "first" if flips or means[0] < means[1] else "second", "reason": ""}

    flipping = [0.0]
    with serving(Model(answer=choose)) as (address, seen):
        at = {"base_url": address, "model": "m", "budget": {"requests": 100, "money": 0.0}}
        yield at | {"flipping": flipping}, seen


def test_a_language_model_votes_in_both_orders(project: list[str], model: tuple[dict[str, Any], Seen]) -> None:
    at, seen = model
    at.pop("flipping")
    wanted = params(source="llm", llm=at)
    assert labels.run(wanted, "r01") == 0 and seen.requests == 2 * PAIRS
    table = tables.read("labels", OUT)
    assert set(table.kind) == {"llm"} and set(table.observer) == {"m"}
    by_key = table.set_index("key").choice
    assert [by_key[key] for key in project] == ["first", "second"] * 3, "the nearer one is the darker one"
    summary = json.loads((OUT.parent / "summary.json").read_text())["llm"]
    assert summary == {
        "model": "m",
        "pairs": 6,
        "decided": 6,
        "ties": 0,
        "flips": 0,
        "requests": 12,
        "money": 0.0,
        "failed": 0,
    }
    assert labels.run(wanted, "r01") == 0 and seen.requests == 2 * PAIRS


def test_what_a_model_cannot_decide_goes_to_people(
    project: list[str], model: tuple[dict[str, Any], Seen], capsys: pytest.CaptureFixture[str]
) -> None:
    at, seen = model
    at.pop("flipping")[0] = 1e9
    wanted = params(source="llm", llm=at, route=True, votes=1)
    assert labels.run(wanted, "r01") == 75
    out = capsys.readouterr().out
    assert (
        "6 flips of position are ties" in out and "6 pairs that the language model does not decide go to people" in out
    )
    with Store.open() as store:
        assert store.batch(ROUND).kind == "people" and store.status(ROUND).need == PAIRS
        for key, first, second in store.pairs(ROUND):
            store.add_votes(
                [Vote(id=key[:32], key=key, observer="anna", kind="people", preferred=first, left=second, round=ROUND)]
            )
    assert labels.run(wanted, "r01") == 0 and seen.requests == 2 * PAIRS
    table = tables.read("labels", OUT)
    assert set(table.kind) == {"people"} and len(table) == PAIRS
    assert json.loads((OUT.parent / "summary.json").read_text())["llm"]["routed"] == PAIRS
