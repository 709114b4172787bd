"""Votes out of CSV files as people's spreadsheets write them."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from exchange_helpers import answer, write_outputs
from label_helpers import make_pairs, sha
from typer.testing import CliRunner

from cli.main import app
from labelling.exchange import study
from labelling.exchange.answers import export_votes
from labelling.exchange.csv_votes import number, read_csv
from labelling.exchange.import_report import Report
from labelling.exchange.importing import NAMESPACE, registered_pictures, take
from labelling.exchange.matching import PictureFinder
from labelling.exchange.results import results as study_results
from labelling.exchange.results import write_results
from labelling.store import Store
from labelling.store.records import StoredVote

ROOT = Path(__file__).resolve().parents[3]
CASES = ROOT.parent / "shared" / "data" / "cases" / "11-csv"
PAIRS = make_pairs(4)
HEAD = "observer,first_sha256,second_sha256,choice,left,seconds"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("LOUPE_LABELS", raising=False)
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def store(project: Path) -> Iterator[Store]:
    with Store.open() as opened:
        opened.register("r01", "people", PAIRS, 2, "Which?")
        yield opened


def imported(store: Store, path: Path, images: Path | None = None) -> Report:
    report = Report()
    return take(store, read_csv(path, PictureFinder(registered_pictures(store, None), images), report), None, report)


def stored(store: Store, observer: str) -> list[StoredVote]:
    found = store.votes([pair.key for pair in PAIRS], "people", "Which?")
    return [vote for vote in found if vote.observer == observer]


def line(name: str, choice: str = "first", left: str = "first", seconds: str = "1", pair: int = 0) -> str:
    return f"{name},{PAIRS[pair].first_sha256},{PAIRS[pair].second_sha256},{choice},{left},{seconds}"


@pytest.mark.parametrize(
    ("file", "observer"),
    [
        ("first.csv", ""), ("caps.csv", "gina"), ("excel_de.csv", "carl"), ("excel_us.csv", "dora"),
        ("winname_space.csv", "jo"), ("blank.csv", "hans"),
    ],
)  # fmt: skip
def test_real_spreadsheets(project: Path, file: str, observer: str) -> None:
    """Each holds the same four votes; only encoding, delimiter, capitals, decimal comma and blanks differ."""
    if not CASES.is_dir():
        pytest.skip("shared/data/cases/11-csv is not here")
    with Store.open() as opened:
        methods = {name: CASES / name for name in ("ours", "theirs", "third")}
        study.create_pairs(opened, "s1", methods, {}, votes=1)
        report = imported(opened, CASES / file, CASES)
        assert (report.taken, report.not_taken, report.dropped) == (4, 0, [])
        rows = study_results(opened, "s1").rows
    found = {row["photo"]: (row["choice"], row["left"], row["seconds"]) for row in rows}
    assert found == {
        "p0": ("first", "second", 3.25), "p1": ("second", "first", 12.5), "p2": ("first", "first", 1.0),
        "p3": ("second", "second", 2.125),
    }  # fmt: skip
    if observer:
        assert {row["observer"] for row in rows} == {observer}


def test_words_in_any_case_and_a_decimal_comma(store: Store, project: Path) -> None:
    rows = [line("ann", "LEFT", "Second", "1,5"), line("bob", " Tie ", "FIRST", "0,25"), line("cy", "Right", "", "2 ")]
    content = "\n".join([HEAD.upper().replace("_", " "), *rows]).replace(",", ";")
    content = content.replace("1;5", "1,5").replace("0;25", "0,25")
    (project / "v.csv").write_text(content)
    report = imported(store, project / "v.csv")
    assert (report.taken, report.refused, report.dropped) == (3, [], [])
    (ann,), (bob,), (cy,) = (stored(store, name) for name in ("ann", "bob", "cy"))
    assert (ann.preferred, ann.left, ann.seconds) == (PAIRS[0].second_sha256, PAIRS[0].second_sha256, 1.5)
    assert (bob.preferred, bob.left, bob.seconds) == ("tie", PAIRS[0].first_sha256, 0.25)
    assert (cy.preferred, cy.left, cy.seconds) == (PAIRS[0].second_sha256, PAIRS[0].first_sha256, 2.0)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1,5", "1.5"), ("1.5", "1.5"), ("12", "12"), ("1.234,5", "1234.5"), ("1,234.5", "1234.5"), ("1'234.5", "1234.5"),
        ("1 234,5", "1234.5"), ("1,2,3", "1,2,3"), ("soon", "soon"), ("1.234.567,8", "1234567.8"),
    ],
)  # fmt: skip
def test_numbers(cell: str, value: str) -> None:
    assert number(cell) == value


def test_unreadable_optional_cells_cost_no_vote(store: Store, project: Path) -> None:
    """Excel has made dates of seconds; the app knows no id of 300 characters and no left but first and second."""
    lines = [
        HEAD + ",id",
        line("ann", seconds="25. Mrz") + ",",
        line("bob", seconds="nan") + ",",
        line("cy", left="links") + ",",
        line("dora") + "," + "i" * 300,
        line("eve", "left", "links") + ",",  # here left decides
    ]
    (project / "v.csv").write_text("\n".join(lines))
    report = imported(store, project / "v.csv")
    assert report.taken == 4
    assert stored(store, "ann")[0].seconds is stored(store, "bob")[0].seconds is None
    assert stored(store, "cy")[0].left == PAIRS[0].first_sha256
    assert [place for place, _ in report.dropped] == ["line 2", "line 3", "line 4", "line 5"]
    said = report.lines()
    assert said[0] == "4 of 5 votes taken, 0 there already, 1 not taken"
    assert "taken without a cell that cannot be read (1): seconds are '25. Mrz', not a number from 0: line 2" in said
    assert "cannot be told: line 6" in said[-1]
    again = imported(store, project / "v.csv")
    assert (again.taken, again.known) == (0, 4)


def test_a_broken_line_in_the_middle_is_passed_over(store: Store, project: Path) -> None:
    lines = [HEAD, line("ann"), 'bob,"' + line("bob")[4:], line("cy"), line("dora") + ",1,2", line("eve")]
    (project / "v.csv").write_text("\n".join(lines))
    report = imported(store, project / "v.csv")
    assert report.taken == 3
    assert [place for place, _ in report.refused] == ["line 3", "line 5"]
    assert {vote.observer for vote in store.votes([PAIRS[0].key], "people", "Which?")} == {"ann", "cy", "eve"}


def test_a_file_of_which_nothing_is_taken_is_an_error(store: Store, project: Path) -> None:
    def run(*lines: str) -> tuple[int, str]:
        (project / "v.csv").write_text("\n".join([HEAD, *lines]))
        result = CliRunner().invoke(app, ["labels", "import", "v.csv"])
        return result.exit_code, result.output

    none, said = run(line("", "first"), line("ann", "best"))
    assert (none, said.splitlines()[0]) == (1, "0 of 2 votes taken, 0 there already, 2 not taken")
    assert "not taken (1): no observer: line 2" in said
    some, said = run(line("ann"), line("bob", "best"))
    assert (some, said.splitlines()[0]) == (0, "1 of 2 votes taken, 0 there already, 1 not taken")
    again, said = run(line("ann"))
    assert (again, said.splitlines()[0]) == (0, "0 of 1 votes taken, 1 there already, 0 not taken")
    assert run()[0] == 1


def test_ratings_of_which_nothing_is_taken_are_an_error(store: Store, project: Path) -> None:
    (project / "r.jsonl").write_text('{"round": "r09"}\n')
    assert CliRunner().invoke(app, ["ratings", "import", "r.jsonl"]).exit_code == 1


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+ann", "-ann", "@ann", "\uff1dann", "  =ann"])
def test_names_that_are_formulas_are_refused(store: Store, project: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot begin with"):
        store.add_observer(name)
    (project / "v.csv").write_text("\n".join([HEAD, line(name), line("bob")]))
    report = imported(store, project / "v.csv")
    assert (report.taken, report.not_taken) == (1, 1)
    assert "cannot begin with" in report.refused[0][1]
    assert CliRunner().invoke(app, ["observers", "add", "--", name]).exit_code == 1


def test_a_name_of_before_is_written_harmless_and_comes_back(store: Store, project: Path) -> None:
    """A vote of an observer whom an earlier version let be called so."""
    name = "=cmd|' /C calc'!A0"
    store.add_votes([answer(PAIRS[0], name, "high"), answer(PAIRS[1], "ann", "low", id="=1+1")])
    export_votes(store, ["r01"], project / "v.csv", "table")
    with (project / "v.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert f"'{name}" in cells
    assert "'=1+1" in cells
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    report = imported(store, project / "v.csv")
    assert (report.taken, report.known, report.refused) == (0, 2, [])


def test_the_same_file_for_two_questions_and_again(store: Store, project: Path) -> None:
    """Answers of the same people on the same pairs to two questions are two sets of votes."""
    store.register("noise", "people", PAIRS, 2, "Which has more noise?")
    (project / "v.csv").write_text("\n".join([HEAD, line("ann"), line("bob", "second")]))

    def take_in(round: str) -> tuple[int, int, int]:
        report = Report()
        finder = PictureFinder(registered_pictures(store, round))
        take(store, read_csv(project / "v.csv", finder, report), round, report)
        return report.taken, report.known, report.not_taken

    assert [take_in("r01"), take_in("noise"), take_in("r01"), take_in("noise")] == [
        (2, 0, 0),
        (2, 0, 0),
        (0, 2, 0),
        (0, 2, 0),
    ]


def test_what_an_earlier_version_imported_is_known(store: Store, project: Path) -> None:
    content = f"csv\npeople\nann\n{PAIRS[0].key}"
    low_is_first = PAIRS[0].first_sha256 < PAIRS[0].second_sha256
    store.add_votes(
        [answer(PAIRS[0], "ann", "low" if low_is_first else "high", id=str(uuid.uuid5(NAMESPACE, content)))]
    )
    (project / "v.csv").write_text("\n".join([HEAD, line("ann")]))
    report = imported(store, project / "v.csv")
    assert (report.taken, report.known, report.refused) == (0, 1, [])


def test_an_export_never_counts_for_another_question(store: Store, project: Path) -> None:
    store.add_votes([answer(PAIRS[0], "ann", "high"), answer(PAIRS[1], "ann", "low")])
    export_votes(store, ["r01"], project / "v.csv", "table")
    with Store.open(project / "other.sqlite") as other:
        other.register("noise", "people", PAIRS, 2, "Which has more noise?")
        report = imported(other, project / "v.csv")
        assert (report.taken, report.not_taken) == (0, 2)
        assert "it answers 'Which?', and no round asks that" in report.refused[0][1]
        other.register("r07", "people", PAIRS, 2, " Which? ")  # another name, the same question
        assert imported(other, project / "v.csv").taken == 2
        assert len(other.votes([pair.key for pair in PAIRS], "people", "Which?")) == 2
        assert other.votes([pair.key for pair in PAIRS], "people", "Which has more noise?") == []


def test_file_names_and_methods_that_are_formulas(project: Path) -> None:
    """Exports, the paper's CSV, study results and ratings hold no cell that begins as a formula."""
    folders = write_outputs(project / "out", ("ours", "old"), ("=1+1", "@lamp"))
    with Store.open() as opened:
        made = study.create_pairs(opened, "two", {"-ours+1": folders["ours"], "old": folders["old"]}, {}, votes=1)
        pairs = [
            opened.pair_images(key) if hasattr(opened, "pair_images") else key for key, _, _ in opened.pairs("two")
        ]
        assert len(pairs) == 2
        for number_, pair in enumerate(made.manifest.pairs):
            lines = ["observer,first_sha256,second_sha256,choice"]
            lines.append(f"ann,{pair.first_sha256},{pair.second_sha256},first")
            (project / f"{number_}.csv").write_text("\n".join(lines))
            assert imported(opened, project / f"{number_}.csv").taken == 1
        export_votes(opened, ["two"], project / "v.csv", "table")
        export_votes(opened, ["two"], project / "p.csv", "paper")
        written = [project / "v.csv", project / "p.csv"]
        written += [
            path for path in write_results(study_results(opened, "two"), project / "r") if path.suffix == ".csv"
        ]
    for path in written:
        with path.open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell[:1] in ("=", "@") or cell.startswith("-ours")], path
    with (project / "v.csv").open(newline="") as file:
        assert {row["image"] for row in csv.DictReader(file)} == {"'=1+1", "'@lamp"}


def test_many_votes_in_any_order_in_little_memory(store: Store, project: Path) -> None:
    """More than one piece of them, observers and pairs mixed, some twice."""
    rows = [line(f"o{number}", pair=pair) for pair in (2, 0, 3) for number in range(900)]
    rows[5::7] = [row.replace(",1", ",2") for row in rows[5::7]]
    (project / "v.csv").write_text("\n".join([HEAD, *rows, *rows[:40]]))
    report = imported(store, project / "v.csv")
    assert (report.taken, report.known, report.not_taken) == (2700, 0, 40)
    assert "a second answer" in report.refused[0][1]
    assert len(report.refused) == 3
    again = imported(store, project / "v.csv")
    assert (again.taken, again.known, again.not_taken) == (0, 2700, 40)


def test_pictures_that_are_not_there(store: Store, project: Path) -> None:
    (project / "v.csv").write_text(
        "\n".join([HEAD, f"ann,{PAIRS[0].first_sha256},,first,,", f"bob,{sha(99)},x,first,,"])
    )
    report = imported(store, project / "v.csv")
    assert "the cell second_sha256 is empty" in report.refused[0][1]
    assert report.not_taken == 2
