"""Studies whose next pair is chosen by all votes so far, and that end when a budget of votes is spent."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from exchange_helpers import write_outputs
from test_queue import answer

from labelling.desk.overview import overview
from labelling.desk.queue import Queue
from labelling.exchange import study
from labelling.exchange.manifest import Manifest, StudyError, place
from labelling.exchange.results import results
from labelling.store import OpenPair, Options, Store, Vote

METHODS = ("a", "b", "c", "d")
PHOTOS = ("p1", "p2", "p3")
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    with Store.open(tmp_path / "labels.sqlite") as store:
        yield store


def create(store: Store, budget: int = 12, votes: int = 15, goal: str = "order", **options: object) -> Manifest:
    options_ = Options(budget=budget, goal=goal, **options)  # type: ignore[arg-type]
    return study.create_pairs(
        store, "s", write_outputs(Path(), METHODS, PHOTOS), {}, votes=votes, options=options_
    ).manifest


def cast(store: Store, made: Manifest, shown: OpenPair, observer: str, ranking: str = "abcd") -> tuple[str, str]:
    """Answer what is shown as somebody with this ranking; returns the two methods."""
    pair = next(pair for pair in made.pairs if pair.key == shown.key)
    first = ranking.index(pair.first_method) < ranking.index(pair.second_method)
    store.add_votes(
        [
            Vote(
                id=f"{observer}-{shown.key}", key=shown.key, observer=observer, kind="people", round="s", seconds=1.0,
                preferred=pair.first_sha256 if first else pair.second_sha256, left=pair.first_sha256,
            )
        ]
    )  # fmt: skip
    return pair.first_method, pair.second_method


def test_the_budget_ends_the_study(opened: Store) -> None:
    made = create(opened, budget=5)
    queue = Queue(opened, "s")
    assert queue.progress("ann").left == 5
    for observer in ("ann", "bob", "ann", "bob", "ann"):
        shown = queue.next(observer)
        assert shown is not None and not queue.complete()
        cast(opened, made, shown, observer)
    assert queue.complete() and queue.next("ann") is None and queue.next("cy") is None
    assert (queue.progress("bob").done, queue.progress("bob").left, queue.progress("cy").left) == (2, 0, 0)
    status = opened.status("s")
    assert (status.have, status.need, status.complete) == (5, 5, True)
    watched = overview(opened)["rounds"][0]
    assert (watched["have"], watched["need"], watched["complete"], watched["open"]) == (5, 5, True, 0)
    assert {observer["owes"] for observer in watched["observers"]} == {0}
    found = results(opened, "s")
    assert (found.have, found.need) == (5, 5)


def test_a_late_vote_is_kept_and_a_retracted_one_is_asked_again(opened: Store) -> None:
    made = create(opened, budget=2)
    queue = Queue(opened, "s")
    held = {who: queue.next(who) for who in ("ann", "bob", "cy")}
    for who, shown in held.items():
        assert shown is not None
        cast(opened, made, shown, who)
    status = opened.status("s")
    assert (status.have, status.need) == (2, 2)
    assert len(results(opened, "s").rows) == 3
    for who in ("bob", "cy"):
        opened.retract(str(opened.last_answer("s", who)), who)
    assert not queue.complete() and queue.next("bob") is not None


def test_more_budget_goes_on_with_the_votes_that_are_there(opened: Store) -> None:
    made = create(opened, budget=1)
    queue = Queue(opened, "s")
    shown = queue.next("ann")
    assert shown is not None
    cast(opened, made, shown, "ann")
    assert queue.complete()
    create(opened, budget=3)
    assert not queue.complete() and opened.status("s").have == 1 and queue.progress("ann").left == 2


def test_the_next_pair_follows_the_votes_of_everybody(opened: Store) -> None:
    """Who loses to all need not meet the best again: votes go to neighbours in the order."""
    made = create(opened, budget=150, votes=15)
    queue = Queue(opened, "s")
    met: Counter[tuple[str, str]] = Counter()
    for number in range(48):
        observer = f"observer {number % 10}"
        shown = queue.next(observer)
        assert shown is not None
        met[cast(opened, made, shown, observer)] += 1
    near = met["a", "b"] + met["b", "c"] + met["c", "d"]
    assert near > 2 * (met["a", "c"] + met["b", "d"] + met["a", "d"])
    order = results(opened, "s").scores.scores
    assert list(order) == sorted(order, reverse=True)


def test_the_goal_best_leaves_the_others_alone(opened: Store) -> None:
    made = create(opened, budget=150, goal="best")
    queue = Queue(opened, "s")
    met: Counter[tuple[str, str]] = Counter()
    for number in range(30):
        observer = f"observer {number % 10}"
        shown = queue.next(observer)
        assert shown is not None
        met[cast(opened, made, shown, observer, "abcd" if number % 5 else "bacd")] += 1
    assert met.most_common(1)[0][0] == ("a", "b")
    assert met["c", "d"] < met["a", "b"] / 2


def test_photographs_come_equally_often(opened: Store) -> None:
    made = create(opened, budget=18)
    queue = Queue(opened, "s")
    photos: Counter[str] = Counter()
    for _ in range(12):
        shown = queue.next("ann")
        assert shown is not None
        photos[next(pair.photo for pair in made.pairs if pair.key == shown.key)] += 1
        cast(opened, made, shown, "ann")
    assert max(photos.values()) - min(photos.values()) <= 2


def test_every_process_and_a_restart_ask_the_same(opened: Store, tmp_path: Path) -> None:
    made = create(opened, budget=30)
    queue = Queue(opened, "s")
    with Store.open(tmp_path / "labels.sqlite") as other:
        for observer in ("ann", "bob", "cy", "ann"):
            shown = queue.next(observer)
            assert shown is not None and shown == Queue(other, "s").next(observer) == queue.next(observer)
            cast(other, made, shown, observer)


def test_practice_and_repeats_are_as_in_any_study(opened: Store) -> None:
    create(opened, budget=20, training=2, repeats=0.5)
    queue = Queue(opened, "s")
    purposes = []
    while (shown := queue.next("ann")) is not None:
        purposes.append(shown.purpose)
        answer(opened, shown, "ann", "s")
        assert len(purposes) < 100
    assert purposes[:2] == ["training"] * 2
    assert purposes.count("vote") == 18 and purposes.count("repeat") > 3  # 18 pairs; one person answers each once


def test_without_the_manifest_people_go_on_in_their_own_order(opened: Store, caplog: pytest.LogCaptureFixture) -> None:
    create(opened, budget=3)
    place("s").unlink()
    queue = Queue(opened, "s")
    for _ in range(3):
        shown = queue.next("ann")
        assert shown is not None
        answer(opened, shown, "ann", "s")
    assert queue.complete()
    assert "it has no manifest here" in caplog.text


def test_a_budget_that_cannot_be_spent_is_refused(opened: Store) -> None:
    with pytest.raises(StudyError, match="take 36 votes, less than --budget 37"):
        create(opened, budget=37, votes=2)
    assert opened.rounds() == []
    for options in (Options(budget=0), Options(goal="order"), Options(budget=True)):
        with pytest.raises(ValueError, match="budget"):
            opened.register("r", "people", [], 1, "Which?", options)


def test_rounds_without_a_budget_read_and_write_as_before() -> None:
    assert "budget" not in Options(repeats=0.1).to_json() and "goal" not in Options().to_json()
    assert Options.from_json(Options(budget=7, goal="best").to_json()) == Options(budget=7, goal="best")


def test_nothing_heavy_chooses() -> None:
    code = (
        "import sys\nimport labelling.desk.adaptive\n"
        "print(sorted({'torch', 'pandas', 'scipy.optimize', 'scipy.stats'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
