"""The gate of a round of ratings: experts, a language model, reviews; what counts of what they said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from benchmarks.llm_server import Model, Seen, serving
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.store import Rating, Store
from pictures import sha256_file, write_json, write_png
from tasks.config import View, validate
from tasks.pages import rated
from tasks.rounds import labels
from tasks.rounds.rating_phases import weighed
from tasks.stage import tables
from tasks.stage.places import Places
from tasks.training import preferred

ROOT = Path(__file__).resolve().parents[2]
KIND, ROUND, NAME = "thermal", "r01", "thermal-r01"
AT = Places(KIND)
NAMES = [one.name for one in FUSION_CRITERIA]
COUNT = 10
EXACT = {"noise": 0.0, "bias": 0.0, "lapse": 0.0, "miss": 0.0, "jitter": 0.0}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset of one scene, and ten pictures to rate, of which experts rate four first; truth 1 to 5, a circle each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOUPE_LABELS", str(tmp_path / "labels.sqlite"))
    monkeypatch.setenv("LOUPE_LLM_REPLIES", str(tmp_path / "replies"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    scene: dict[str, Any] = {"id": "a", "photograph": "a", "split": "train", "width": 48, "height": 32, "original": "a"}
    for place, name in enumerate(("infrared", "visible")):
        write_png(AT.pictures / f"{name}.png", np.full((32, 48, 3), 250 + place, np.uint8))
        scene |= {name: f"{name}.png", f"{name}_sha256": sha256_file(AT.pictures / f"{name}.png")}
    scene |= {"reference": None, "reference_sha256": None}
    tables.write("infrared_visible", [scene], AT.pictures / "infrared_visible.parquet")
    write_json(AT.pictures / "summary.json", {})
    rows = []
    for rank in range(COUNT):
        file = AT.questions(ROUND) / "pictures" / f"a__{rank}.png"
        write_png(file, np.full((32, 48, 3), 25 * rank, np.uint8))
        true = 1 + 4 * rank / (COUNT - 1)
        row = {"round": ROUND, "image": "a", "model": f"m{rank}", "path": f"pictures/{file.name}"}
        row |= {"sha256": sha256_file(file), "rank": rank, "first": rank % 3 == 0, "spread": None, "criteria": NAMES}
        rows.append(row | {"truth": [true] * 4, "disks": [24.0, 16.0, 12.0]})
    tables.write("items", rows, AT.questions(ROUND) / "items.parquet")
    return tmp_path


@pytest.fixture
def model() -> Iterator[tuple[str, Seen]]:
    with serving(Model()) as found:
        yield found


def params(source: str, llm: dict[str, Any] | None = None, **changes: Any) -> View:
    values = yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text())
    wanted = {"pictures": COUNT, "experts": {"pictures": 4, "raters": 1}, "simulated": EXACT}
    asked = {"source": source, "asks": "ratings", "ratings": wanted | changes, "llm": llm}
    values[KIND]["labels"] |= asked
    return View(validate(values), labels.PARAMS, KIND)


def llm_at(address: str, **changes: Any) -> dict[str, Any]:
    return {"base_url": address, "model": "m", "budget": {"requests": 100, "money": 0.0}, "examples": 2} | changes


def said() -> pd.DataFrame:
    return tables.read("ratings", AT.labels(ROUND) / "ratings.parquet")


def rate(items: list[str], score: int, observer: str = "anna", **changes: Any) -> None:
    with Store.open() as store:
        store.add_ratings(
            [
                Rating(**({
                    "id": f"{observer}-{item}-{score}", "item": item, "observer": observer, "kind": "people",
                    "scores": dict.fromkeys(NAMES, score), "round": NAME,
                } | changes))
                for item in items
            ]
        )  # fmt: skip


def test_each_phase_waits_for_what_it_lacks(
    project: Path, model: tuple[str, Seen], capsys: pytest.CaptureFixture[str]
) -> None:
    address, seen = model
    wanted = params("people", llm_at(address), review={"pictures": 2})
    assert labels.run(wanted, ROUND) == 75 and not seen.requests
    assert "waits for ratings: 0 of 4 on 4 pictures" in capsys.readouterr().out
    with Store.open() as store:
        seeds = store.items(NAME)
    rate(seeds, 4)
    assert labels.run(wanted, ROUND) == 75, "the model has rated, and reviews are owed"
    out = capsys.readouterr().out
    assert "m rated 8 pictures, 2 of them to be compared" in out and "waits for reviews: 0 of 2 on 2 pictures" in out
    assert seen.requests == 8
    shown = seen.bodies[0]["messages"]
    assert [message["role"] for message in shown] == ["system", "user", "assistant", "user", "assistant", "user"]
    names = [part["text"] for part in shown[-1]["content"] if part["type"] == "text"]
    assert names == ["infrared:", "visible:", "the picture to rate:"]
    with Store.open() as store:
        for verdict in ("accepted", "corrected"):
            found = store.next_review(NAME, "eva")
            assert found is not None and found.rating.kind == "llm"
            scores = {} if verdict == "accepted" else dict.fromkeys(NAMES, 1)
            rate([found.rating.item], 1, "eva", id=verdict, scores=scores, reviews=found.rating.id, verdict=verdict)
    assert labels.run(wanted, ROUND) == 0 and seen.requests == 8, "nothing is asked twice"
    table = said()
    own = table[table.verdict == ""]
    assert len(own[own.kind == "people"]) == 4 and len(own[own.kind == "llm"]) == 8
    assert sorted(table[table.verdict != ""].weight) == [0.0, 1.0], "what is corrected counts in its place"
    seeds_by_model = own[(own.kind == "llm") & own["item"].isin(seeds)]
    assert len(seeds_by_model) == 2 and set(seeds_by_model.weight) == {0.0}
    assert sorted(own[(own.kind == "llm") & ~own["item"].isin(seeds)].weight) == [0.0, 0.5, 0.5, 0.5, 0.5, 1.0]
    summary = json.loads((AT.labels(ROUND) / "summary.json").read_text())
    assert summary["llm"]["requests"] == 8 and summary["counted"] == 10
    before = (AT.labels(ROUND) / "ratings.parquet").read_bytes()
    assert labels.run(wanted, ROUND) == 0 and (AT.labels(ROUND) / "ratings.parquet").read_bytes() == before


def test_a_late_rating_of_an_expert_pays_for_nothing_again(project: Path, model: tuple[str, Seen]) -> None:
    address, seen = model
    wanted = params("people", llm_at(address), review=None)
    assert labels.run(wanted, ROUND) == 75
    with Store.open() as store:
        seeds = store.items(NAME)
    rate(seeds, 4)
    assert labels.run(wanted, ROUND) == 0 and seen.requests == 8
    rate(seeds[:1], 1, "eva")
    assert labels.run(wanted, ROUND) == 0
    assert seen.requests <= 9, "the examples are others now; only a picture that is compared may be new"


def test_an_endpoint_that_fails_leaves_the_round_waiting(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    down = params("simulated", llm_at("http://127.0.0.1:9/v1", retries=0))
    assert labels.run(down, ROUND) == 75
    out = capsys.readouterr().out
    assert "waits for the language model: 0 of 8 answers" in out and "cannot be reached" in out
    with serving(Model()) as (address, seen):
        assert labels.run(params("simulated", llm_at(address, budget={"requests": 3, "money": 0.0})), ROUND) == 75
        assert "the budget (llm.budget) is used up: 3 of 3" in capsys.readouterr().out
        assert labels.run(params("simulated", llm_at(address)), ROUND) == 0 and seen.requests == 8
    assert not (AT.labels(ROUND) / "labels.parquet").exists()


def test_what_never_fits_is_counted_and_left_out(project: Path) -> None:
    with serving(Model(faults={"prose": 0.5}, seed=2)) as (address, _):
        assert labels.run(params("simulated", llm_at(address, attempts=1)), ROUND) == 0
    summary = json.loads((AT.labels(ROUND) / "summary.json").read_text())
    missing = summary["llm"]["failed"]
    assert 0 < missing < 8 and (said().kind == "llm").sum() == 8 - missing


def test_simulated_experts_rate_and_review(project: Path, model: tuple[str, Seen]) -> None:
    address, _ = model
    assert labels.run(params("simulated", llm_at(address), review={"pictures": 6}), ROUND) == 0
    table = said()
    experts = table[(table.kind == "simulated") & (table.verdict == "")]
    truth = tables.read("items", AT.questions(ROUND) / "items.parquet").set_index("sha256").truth
    for row in tables.rows(experts):
        assert list(row.scores) == [round(value) for value in truth[row.item]] and len(row.circles) == 3
    assert len(table[table.verdict != ""]) == 6 and set(table[table.verdict != ""].verdict) <= {"accepted", "corrected"}
    found = rated.facts(ROUND, table, {"llm": {"model": "m"}})
    assert (found.by_experts, found.by_model, found.accepted + found.corrected, found.unreviewed) == (4, 8, 6, 2)
    agreed = rated.agreement(table)
    assert agreed["pictures"] == 2 and len(agreed["rows"]) == 4 and agreed["overlap"] == pytest.approx(1.0, abs=0.01)


def test_without_experts_the_model_rates_all(project: Path, model: tuple[str, Seen]) -> None:
    items = tables.read("items", AT.questions(ROUND) / "items.parquet")
    rows = [row | {"first": False, "path": f"pictures/{Path(row['path']).name}"} for row in items.to_dict("records")]
    tables.write("items", [row | {"disks": list(row["disks"])} for row in rows], AT.questions(ROUND) / "items.parquet")
    assert labels.run(params("people", llm_at(model[0]), experts=None), ROUND) == 0
    assert len(said()) == COUNT and set(said().weight) == {0.5}


def test_what_counts_is_averaged_by_weight(project: Path) -> None:
    items = tables.read("items", AT.questions(ROUND) / "items.parquet")
    sha256 = items.sha256[0]
    rate_of = {
        "criteria": NAMES,
        "circles": [24.0, 16.0, 8.0],
        "round": ROUND,
        "image": "a",
        "model": "m0",
        "item": sha256,
    }
    rows = [
        rate_of
        | {
            "path": "p",
            "observer": name,
            "kind": kind,
            "reviews": "",
            "verdict": "",
            "scores": [score] * 4,
            "weight": w,
        }
        for name, kind, score, w in (("anna", "people", 2.0, 1.0), ("eva", "people", 4.0, 1.0), ("m", "llm", 5.0, 0.0))
    ]
    (one,) = preferred.counted(pd.DataFrame(rows))
    assert one.scores == dict.fromkeys(NAMES, 3.0) and one.weight == 1.0 and len(one.circles) == 2
    assert preferred.counted(pd.DataFrame(rows[2:])) == []


def test_what_counts_is_of_criteria_that_all_scored_and_sorted_by_image() -> None:
    def row(image: str, item: str, observer: str, scores: dict[str, float]) -> dict[str, Any]:
        said = {
            "image": image,
            "item": item,
            "observer": observer,
            "criteria": sorted(scores),
            "circles": [],
            "weight": 1.0,
        }
        return said | {"scores": [scores[name] for name in sorted(scores)], "path": f"{item}.png"}

    rows = [
        row("b", "1", "anna", {"x": 2.0, "y": 1.0}),
        row("a", "2", "anna", {"x": 3.0}),
        row("b", "1", "eva", {"x": 4.0}),
    ]
    rows.append(row("b", "0", "eva", {"x": 1.0}))
    found = preferred.counted(pd.DataFrame(rows))
    assert [(one.image, one.sha256) for one in found] == [("a", "2"), ("b", "0"), ("b", "1")]
    assert found[2].scores == {"x": 3.0}


def test_a_judge_of_pairs_learns_from_what_ratings_rank() -> None:
    rated_as = [("a", 2.0), ("a", 4.0), ("b", 3.0), ("a", 2.0)]
    made = [
        preferred.Rated(image, f"{place}.png", str(place), dict.fromkeys(NAMES, score), ((),), 1.0)
        for place, (image, score) in enumerate(rated_as)
    ]
    found = {(pair.better, pair.worse) for pair in preferred.ranked(made)}
    assert found == {(1, 0), (1, 3)}, "of one image, and not of equal ones"


def test_a_rejected_rating_counts_for_nothing(project: Path) -> None:
    items = tables.read("items", AT.questions(ROUND) / "items.parquet")
    with Store.open() as store:
        from labelling.store import Options, RatingItem

        path = AT.questions(ROUND) / "pictures" / "a__0.png"
        offered = [RatingItem(sha256=items.sha256[0], png=path.read_bytes())]
        store.register_ratings(NAME, "llm", offered, 1, "How good?", Options(criteria=FUSION_CRITERIA))
    rate([items.sha256[0]], 5, "m", kind="llm", id="of-m")
    rate([items.sha256[0]], 1, "eva", id="review", scores={}, reviews="of-m", verdict="rejected")
    with Store.open() as store:
        rows = weighed(items, store.ratings(NAME, effective=False), 0.5, ROUND)
    assert [(row["verdict"], row["weight"]) for row in rows] == [("", 0.0), ("rejected", 0.0)]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"asks": "ratings", "ratings": None}, "it is null"),
        ({"asks": "ratings", "source": "llm", "ratings": {"pictures": 4, "experts": None}}, "source says who the experts are"),
        ({"asks": "ratings", "ratings": {"pictures": 4, "experts": None}}, "nobody rates"),
        ({"asks": "ratings", "ratings": {"pictures": 4, "experts": {"pictures": 2, "raters": 1}, "review": {"pictures": 2}}},
         "llm is null"),
        ({"source": "llm"}, "source is llm, so"),
        ({"route": True}, "route is for pairs"),
        ({"llm": {"model": "m", "base_url": "ftp://x", "budget": {"requests": 1, "money": 0.0}}}, "OpenAI-compatible"),
    ],
)  # fmt: skip
def test_phases_that_do_not_fit_are_named(changes: dict[str, Any], fault: str) -> None:
    values = yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text())
    values[KIND]["labels"] |= changes
    with pytest.raises(ValueError, match=fault):
        validate(values)


def test_a_kind_without_criteria_asks_no_ratings() -> None:
    values = yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text())
    asked = {"pictures": 4, "experts": {"pictures": 2, "raters": 1}}
    values["low_light"]["labels"] |= {"asks": "ratings", "ratings": asked}
    with pytest.raises(ValueError, match="low_light has no criteria to rate by"):
        validate(values)
