"""`loupe llm`: one question and its answer, and a training file, from a user's own pictures and store."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from benchmarks.llm_server import Model, Seen, serving
from cli.main import main
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.store import Options, Rating, RatingItem, Store
from pictures import encode_png, sha256_file, write_png

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOUPE_LABELS", str(tmp_path / "labels.sqlite"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for value, name in enumerate(("fused", "other", "ir", "vis")):
        write_png(f"{name}.png", np.full((40, 60, 3), 60 * value, np.uint8))
    with serving(Model()) as (address, seen):
        write_params({"base_url": address, "model": "m", "budget": {"requests": 1, "money": 0.0}})
        yield seen


def write_params(llm: dict[str, Any] | None) -> None:
    values = yaml.safe_load((ROOT / "presets" / "demo.yaml").read_text())
    values["thermal"]["labels"]["llm"] = llm
    Path("params.yaml").write_text(yaml.safe_dump(values))


def loupe(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loupe", "llm", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def rated_round() -> None:
    png = encode_png(np.full((40, 60, 3), 200, np.uint8))
    Path("rated.png").write_bytes(png)
    item = RatingItem(sha256=sha256_file(Path("rated.png")), png=png)
    with Store.open() as store:
        store.register_ratings("thermal-r01", "people", [item], 1, "How good?", Options(criteria=FUSION_CRITERIA))
        scores = {one.name: 2 for one in FUSION_CRITERIA}
        store.add_ratings(
            [Rating(id="1", item=item.sha256, observer="eva", kind="people", scores=scores, round="thermal-r01")]
        )


def test_one_request_and_its_reply(
    server: Seen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("try", "fused.png", "--source", "ir.png", "--source", "vis.png")
    assert loupe(monkeypatch, *asked) == 0
    out = capsys.readouterr().out
    assert "Thermal retention" in out and "infrared:" in out and "base64" not in out and "scores={'thermal': 1" in out
    assert loupe(monkeypatch, *asked) == 0 and server.requests == 2, "asked anew, and beside the budget of a round"
    rated_round()
    assert loupe(monkeypatch, *asked, "--round", "thermal-r01") == 0
    assert [message["role"] for message in server.bodies[-1]["messages"]] == ["system", "user", "assistant", "user"]
    capsys.readouterr()
    assert loupe(monkeypatch, "try", "fused.png", "other.png") == 0
    assert "better='second'" in capsys.readouterr().out and server.requests == 5, "both orders"


def test_a_training_file_and_its_job(
    server: Seen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rated_round()
    assert loupe(monkeypatch, "finetune", "thermal-r01", "--out", "train.jsonl") == 0
    (line,) = Path("train.jsonl").read_text().splitlines()
    assert json.loads(json.loads(line)["messages"][2]["content"])["scores"]["texture"] == 2
    assert not server.jobs and "--start" in capsys.readouterr().out
    assert loupe(monkeypatch, "finetune", "thermal-r01", "--out", "train.jsonl", "--start") == 0
    assert "job ftjob-1 is queued" in capsys.readouterr().out and server.jobs[0]["model"] == "m"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("try", "fused.png", "other.png", "ir.png"), "one picture is rated, two are compared"),
        (("try", "fused.png", "fused.png"), "both are the same picture"),
        (("try", "absent.png"), "absent.png"),
        (("try", "fused.png", "--kind", "sketches"), "does not name 'sketches'"),
        (("finetune", "thermal-r01", "--out", "train.txt"), "should end in .jsonl"),
        (("finetune", "nowhere", "--out", "train.jsonl"), "nowhere"),
    ],
)
def test_what_cannot_be_asked(
    server: Seen,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    assert loupe(monkeypatch, *arguments) == 1
    assert said in capsys.readouterr().err and not server.requests


def test_without_a_model_it_says_how_to_name_one(
    server: Seen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(None)
    assert loupe(monkeypatch, "try", "fused.png", "--kind", "thermal") == 1
    assert "thermal.labels.llm of params.yaml is null; say which model" in capsys.readouterr().err
    assert loupe(monkeypatch, "try", "fused.png") == 1
    assert "labels.llm of every kind in params.yaml is null; say which model" in capsys.readouterr().err
