"""`loupe labels`, `study`, `ratings`, `observers` and `label` as a person types them."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from cli.main import main
from labelling.store import Store
from pictures import write_png

ROOT = Path(__file__).resolve().parents[2]


class Loupe:
    """Runs commands in this process and keeps what they said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self._monkeypatch.setattr(sys, "argv", ["loupe", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        said = self._capsys.readouterr()
        assert int(left.value.code or 0) == code, said
        return said.err if code else said.out


@pytest.fixture
def loupe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Loupe:
    """A project folder with the outputs of three methods on three photos."""
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOUPE_LABELS", str(tmp_path / "labels.sqlite"))
    random = np.random.default_rng(0)
    for method in ("ours", "theirs", "old"):
        for photo in ("cat", "lamp", "bridge"):
            write_png(tmp_path / "out" / method / f"{photo}.png", random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    return Loupe(monkeypatch, capsys)


def create(loupe: Loupe, *more: str) -> str:
    return loupe("study", "create", "llie", "ours=out/ours", "theirs=out/theirs", "old=out/old", "--votes", "1", *more)


def label(loupe: Loupe, monkeypatch: pytest.MonkeyPatch, *answers: str, observer: str = "ann") -> str:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join([*answers, "q"]) + "\n"))
    return loupe("label", "llie", "--terminal", "--observer", observer)


def test_a_study_from_folders_to_scores(loupe: Loupe, monkeypatch: pytest.MonkeyPatch) -> None:
    said = create(loupe, "--training", "0", "--repeats", "0")
    assert said.startswith("study llie: 9 pairs of 3 methods, votes wanted on each: 1\n")
    assert "9 answers stored" in label(loupe, monkeypatch, *"ababababa")
    assert loupe("status").rstrip().endswith("complete")
    said = loupe("study", "results", "llie", "--out", "results")
    assert said.startswith("9 of 9 votes are in\n")
    assert {path.name for path in Path("results").iterdir()} == {
        "votes.parquet",
        "counts.csv",
        "scores.csv",
        "observers.csv",
    }
    with Path("results/counts.csv").open() as file:
        counts = list(csv.reader(file))
    assert sum(int(cell) for row in counts[1:] for cell in row[1:]) == 9


def test_a_balanced_study_with_options(loupe: Loupe) -> None:
    said = create(loupe, "--pairs", "balanced", "--per-image", "2", "--tie", "--unsure", "--question", "Nicer?")
    assert "6 pairs" in said
    with Store.open() as store:
        batch = store.batch("llie")
        assert (batch.question, batch.options.allow_tie, batch.options.allow_unsure) == ("Nicer?", True, True)
        assert (batch.options.repeats, batch.options.training) == (0.1, 3)
    assert "belong together" in loupe("study", "create", "x", "a=out/ours", "b=out/old", "--per-image", "1", code=1)


def test_votes_out_and_into_another_store(loupe: Loupe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    create(loupe, "--training", "0")
    label(loupe, monkeypatch, "a", "b", "a")
    assert loupe("labels", "export", "--out", "votes.csv").startswith("3 votes")
    assert "3 pairs written" in loupe("labels", "export", "--out", "paper.csv", "--format", "paper", "--round", "llie")
    monkeypatch.setenv("LOUPE_LABELS", str(tmp_path / "other.sqlite"))
    create(loupe)
    assert loupe("labels", "import", "votes.csv") == "3 of 3 votes taken, 0 there already, 0 not taken\n"
    assert loupe("labels", "import", "votes.csv") == "0 of 3 votes taken, 3 there already, 0 not taken\n"
    assert "majorities" in loupe("labels", "import", "paper.csv", code=1)


def test_label_studios_export_by_its_suffix(loupe: Loupe) -> None:
    create(loupe)
    result = {"type": "pairwise", "to_name": "a,b", "value": {"selected": "right"}}
    task = {
        "id": 1,
        "data": {"a": "ours/cat.png", "b": "old/cat.png"},
        "annotations": [{"id": 5, "completed_by": 2, "result": [result]}],
    }
    Path("export.json").write_text(json.dumps([task, {"id": 2, "data": {}, "annotations": []}]))
    said = loupe("labels", "import", "export.json", "--images", "out")
    assert said.splitlines() == [
        "1 of 2 votes taken, 0 there already, 1 not taken",
        "not taken (1): a task without annotations: task 2",
    ]
    assert loupe("labels", "import", "export.json", "--images", "nowhere", code=2)


def test_ratings_in_and_out(loupe: Loupe) -> None:
    said = loupe(
        "ratings", "create", "fusion", "ours=out/ours", "--source", "infrared=out/old", "--source", "visible=out/theirs"
    )
    assert said.startswith("ratings fusion: 3 pictures of 1 methods")
    scores = {"thermal": 3, "texture": 4, "artifacts": 5, "sharpness": 2}
    lines = [{"photo": photo, "method": "ours", "observer": "gpt", "scores": scores} for photo in ("cat", "dog")]
    Path("gpt.jsonl").write_text("\n".join(map(json.dumps, lines)))
    said = loupe("ratings", "import", "gpt.jsonl", "--round", "fusion")
    assert said.splitlines() == [
        "1 of 2 ratings taken, 0 there already, 1 not taken",
        "not taken (1): the study has no photo 'dog' of method 'ours': line 2",
    ]
    assert loupe("ratings", "export", "fusion", "--out", "r.parquet").startswith("1 ratings and 0 reviews")


def test_ratings_by_criteria_of_ones_own(loupe: Loupe) -> None:
    Path("criteria.yaml").write_text(
        "criteria:\n- {name: contrast, text: Local contrast, best: clear, worst: flat}\nclasses: [halo]\n"
    )
    create = ("ratings", "create", "tone", "ours=out/ours", "--criteria", "criteria.yaml")
    assert loupe(*create, "--classes", "halo,noise").startswith("ratings tone: 3 pictures of 1 methods")
    with Store.open() as store:
        batch = store.batch("tone")
    assert [(c.name, c.title, c.scale[0], c.scale[4]) for c in batch.options.criteria] == [
        ("contrast", "Local contrast", "flat", "clear")
    ]
    assert (batch.options.classes, batch.question) == (("halo", "noise"), "How good is this picture?")
    circle = {"x": 3, "y": 2, "radius": 1, "artifact": "noise"}
    line = {"photo": "cat", "method": "ours", "observer": "gpt", "scores": {"contrast": 4}, "circles": [circle]}
    Path("gpt.jsonl").write_text(json.dumps(line))
    assert loupe("ratings", "import", "gpt.jsonl", "--round", "tone").startswith("1 of 1 ratings taken")
    assert "0 of them count; 1 of language models" in loupe("ratings", "export", "tone", "--out", "r.csv")
    assert "1 of them count" in loupe("ratings", "export", "tone", "--out", "r.csv", "--unreviewed")
    with Path("r.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["score_contrast"], json.loads(row["circles"])) == ("4", [circle])

    Path("criteria.yaml").write_text("criteria: [{name: contrast}]")
    said = loupe("ratings", "create", "other", "ours=out/ours", "--criteria", "criteria.yaml", code=1)
    assert said == "error: criteria.yaml: criterion 1 lacks text, best, worst; it has name, text, best, worst\n"
    assert "--classes: the class 'a' comes twice" in loupe(
        "ratings", "create", "other", "ours=out/ours", "--classes", "a,a", code=1
    )  # fmt: skip


def test_observers(loupe: Loupe) -> None:
    assert "Nobody was added yet" in loupe("observers", "list")
    said = loupe("observers", "add", "ann", "--address", "http://lab:4201")
    assert said.startswith("ann may work as observer\nhttp://lab:4201/o/")
    link = said.splitlines()[1]
    assert loupe("observers", "link", "ann", "--address", "lab:4201/").strip() == link
    assert "start `loupe label`" in loupe("observers", "link", "ann")
    Path(".loupe").mkdir(exist_ok=True)
    Path(".loupe/label-address").write_text("http://127.0.0.1:5\n")  # of one that was killed
    assert "start `loupe label`" in loupe("observers", "link", "ann")
    assert "as expert" in loupe("observers", "add", "eva", "--role", "expert")
    loupe("observers", "revoke", "ann")
    listed = loupe("observers", "list").splitlines()
    assert listed[0].split()[:3] == ["ann", "observer", "revoked"]
    assert listed[1].split()[:3] == ["eva", "expert", "since"]
    assert "no observer 'ann'" in loupe("observers", "link", "ann", code=1)
    new = loupe("observers", "add", "ann", "--address", "http://lab:4201").splitlines()[1]
    assert new != link
    assert "no observer 'zoe'" in loupe("observers", "revoke", "zoe", code=1)
    assert "1 to 200 printable characters" in loupe("observers", "add", "a\nb", code=1)


def test_the_terminal_finds_the_only_round(loupe: Loupe, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the label store has none yet" in loupe("label", "--terminal", code=1)
    create(loupe)
    monkeypatch.setattr(sys, "stdin", io.StringIO("q\n"))
    assert loupe("label", "--terminal").rstrip().endswith("0 answers stored")
    loupe("study", "create", "two", "a=out/ours", "b=out/old")
    assert "say which round to label: llie, two" in loupe("label", "--terminal", code=1)
    assert "llie, two" in loupe("label", "r09", "--terminal", code=1)


def test_a_taken_port_is_said_in_one_line(loupe: Loupe) -> None:
    create(loupe)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert port in loupe("label", "--no-browser", "--port", port, code=1)


@pytest.mark.slow
def test_the_app_prints_links_that_work(loupe: Loupe) -> None:
    create(loupe)
    command = [sys.executable, "-m", "cli.main", "label", "--no-browser", "--observer", "ann"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = Path("app.log")
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        while "loupe observers add" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        links = [word for word in log.read_text().split() if "/o/" in word]
        assert len(links) == 2
        with httpx.Client(trust_env=False, follow_redirects=True) as client:
            assert client.get(links[0]).status_code == 200
        address = links[0].partition("/o/")[0]
        assert loupe("observers", "link", "ann").strip() == links[0]
        assert loupe("observers", "add", "bob").splitlines()[1].startswith(f"{address}/o/")
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        finally:
            process.kill()
            process.wait()
    assert not Path(".loupe/label-address").exists()


def test_sub_folders_are_said_or_read(loupe: Loupe) -> None:
    for method, value in (("ours", 10), ("theirs", 20)):
        write_png(Path("out") / method / "trip" / "cat.png", np.full((8, 8, 3), value, np.uint8))
    methods = ("ours=out/ours", "theirs=out/theirs")
    said = loupe("study", "create", "flat", *methods)
    assert said.startswith("study flat: 3 pairs of 2 methods")
    assert "out/ours: 1 photo in sub-folders was not read; --recursive reads it\n" in said
    said = loupe("study", "create", "deep", *methods, "--recursive")
    assert said.startswith("study deep: 4 pairs of 2 methods")
    assert "sub-folders" not in said
    said = loupe("ratings", "create", "rated", "ours=out/ours", "--source", "theirs=out/theirs", "--recursive")
    assert said.startswith("ratings rated: 4 pictures of 1 methods")
    Path("flat").mkdir()
    write_png("flat/dog.png", np.zeros((8, 8, 3), np.uint8))
    said = loupe("study", "create", "none", "ours=flat", "theirs=out/ours", code=1)
    assert "out/ours: 1 photo in sub-folders was not read; --recursive reads it" in said


def test_what_is_done_to_pictures_on_reading_is_said_with_their_names(loupe: Loupe) -> None:
    clear = np.random.default_rng(1).integers(1, 255, (8, 8, 4), dtype=np.uint8)
    Image.fromarray(clear).save("out/ours/cat.png")
    write_png("out/theirs/lamp.png", np.zeros((8, 8, 3), np.uint8))
    write_png("out/ours/lamp.png", np.zeros((8, 8, 3), np.uint8))
    said = loupe("study", "create", "two", "ours=out/ours", "theirs=out/theirs")
    assert "1 photo: transparency was set aside: models see the colours without it (cat.png)\n" in said
    assert "1 pair left out: both methods made the same picture\n" in said


def test_a_study_is_opened_to_everybody_and_closed(loupe: Loupe, tmp_path: Path) -> None:
    assert "was never open" in loupe("study", "visitors", "llie", code=1)
    create(loupe, "--training", "2")
    pages = tmp_path / "study.yaml"
    pages.write_text("title: Which?\nconsent: Yes?\nquota: 2\npeople: 5\nlanguage: de\npractice: {better: ours}\n")
    said = loupe("study", "open", "llie", "--pages", "study.yaml", "--people", "7", "--address", "https://a.example/")
    assert "llie is open: 2 of 9 pairs a person, 7 people; practice pairs: 2" in said
    assert "texts stay English" in said
    link = said.splitlines()[-1]
    assert link.startswith("https://a.example/s/")
    again = loupe("study", "open", "llie", "--votes", "9")
    assert "2 of 9 pairs a person, 7 people, nobody else from 9 votes on" in again
    with Store.open() as store:
        token = link.rsplit("/", 1)[1]
        visitor, _ = store.join(token, "b" * 36)
        code = store.visitor(visitor.id).code
        assert '"language": "de"' in store.link(token).pages
    said = loupe("study", "visitors", "llie", "--out", "v.csv")
    assert "1 came, 0 finished, 0 were excluded; 0 votes; open" in said
    assert (tmp_path / "v.csv").read_text().splitlines()[1].startswith(f"{visitor.name},{code},")
    assert f"is of {visitor.name}: not finished" in loupe("study", "visitors", "llie", "--code", code.lower())
    assert "1 visitors by open links" in loupe("observers", "list")
    assert "is closed" in loupe("study", "close", "llie")
    anew = loupe("study", "open", "llie", "--new-link", "--address", "https://a.example").splitlines()[-1]
    assert anew != link
    pages.write_text("title: Which?\npractice: {better: nobody}\nlanguge: de\n")
    assert "languge: unknown key" in loupe("study", "open", "llie", "--pages", "study.yaml", code=1)
    pages.write_text("title: Which?\npractice: {better: nobody}\n")
    assert "names nobody" in loupe("study", "open", "llie", "--pages", "study.yaml", code=1)
    assert "de: " in loupe("study", "language", "de").splitlines()[-1]
