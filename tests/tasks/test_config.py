from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from tasks.config import ConfigError, Params, View, load, load_whole, read_yaml, validate

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / "params.yaml", *sorted((ROOT / "presets").glob("*.yaml"))]
DEMO = read_yaml(ROOT / "presets" / "demo.yaml")


def changed(**changes: Any) -> dict[str, Any]:
    """The demo's values with `section__key=value` set."""
    values = copy.deepcopy(DEMO)
    for path, value in changes.items():
        *sections, key = path.split("__")
        place = values
        for section in sections:
            place = place[section]
        place[key] = value
    return values


def faults(values: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as refused:
        validate(values)
    return str(refused.value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_shipped_is_valid(path: Path) -> None:
    assert len(load_whole(path).rounds) >= 1


def a_round(kind: str, number: int, **changes: Any) -> dict[str, dict[str, Any]]:
    """The line of a round in params.yaml, under its key."""
    entry = {"kind": kind, "round": f"r{number:02d}", "prev": f"r{number - 1:02d}", **changes}
    return {f"{kind}-r{number:02d}": entry}


def test_all_faults_are_reported_at_once_with_their_paths() -> None:
    values = changed(
        low_light__start__steps=0,
        low_light__start__learning_rate="fast",
        low_light__labels__votes=2.5,
        low_light__labels__simulated__lapse=1.5,
        machine__device="tpu",
        low_light__model__name="curves",
        low_light__align__content_layer="relu9_9",
        brackets__evaluate__metrics=["niqe", "beauty"],
        brackets__start__layers=["relu9_9"],
        kinds__brackets__start="pictures",
        rounds={"low_light-r01": {"kind": "low_light", "round": "r01"}},
        colours=3,
    )
    values["low_light"]["pairs"]["kk"] = 1
    del values["low_light"]["align"]["crop"]
    message = faults(values)
    for line in (
        "  low_light.start.steps: Input should be greater than or equal to 1 (is 0)",
        "  low_light.start.learning_rate: Input should be a valid number (is 'fast')",
        "  low_light.labels.votes: Input should be a valid integer (is 2.5)",
        "  low_light.labels.simulated.lapse: Input should be less than or equal to 1 (is 1.5)",
        "  machine.device: Input should be 'auto', 'cpu' or 'cuda' (is 'tpu')",
        "  low_light.model: no enhancer is called 'curves'; known are curve",
        "  brackets.evaluate: metrics names unknown metrics ['beauty']",
        "  brackets.start.layers: ['relu9_9'] are no VGG16 activations",
        "  kinds: brackets.start must be 'search', which the training of its f(0) reads",
        "  rounds.low_light-r01.prev: Field required",
        "  colours: unknown key",
        "  low_light.pairs.kk: unknown key",
        "  low_light.align.crop: Field required",
    ):
        assert line in message, line
    assert message.startswith("params.yaml has 13 faults:\n")


def test_what_does_not_fit_together_is_reported_at_once_too() -> None:
    """Each on a line of its own, and counted, once the values themselves are all possible."""
    message = faults(
        changed(
            rounds=a_round("low_light", 1) | a_round("low_light", 3) | a_round("brackets", 1, prev="r01"),
            searched=["low_light"],
            genetic__kinds=["brackets"],
            low_light__labels__simulated__utility={"mef_ssim": 1.0},
            schedule={"pretrain": {"cron": "0 2 * * *"}},
        )
    )
    for line in (
        "rounds.low_light-r03: expected low_light-r02 with round r02 in this place (round is r03)",
        "rounds.brackets-r01: prev must be r00, the round before, not 'r01'",
        "searched must be ['brackets']: the kinds in `kinds` whose start is search",
        "genetic.kinds names 'brackets', whose scenes have several pictures",
        "low_light: labels.simulated.utility names mef_ssim",
        "schedule.pretrain: no such flow; they are brackets, genetic, low-light, search",
    ):
        assert line in message, line
    assert message.startswith("params.yaml has 6 faults:\n")
    assert len(message.splitlines()) == 7


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"low_light__start__steps": "300"}, "low_light.start.steps: Input should be a valid integer"),
        ({"low_light__start__steps": True}, "low_light.start.steps: Input should be a valid integer"),
        (
            {"low_light__start__learning_rate": float("inf")},
            "low_light.start.learning_rate: Input should be a finite number",
        ),
        ({"low_light__start__learning_rate": float("nan")}, "low_light.start.learning_rate"),
        ({"low_light__start__checkpoints": 1}, "low_light.start.checkpoints"),
        ({"low_light__labels__simulated__utility": {}}, "low_light.labels.simulated.utility"),
        (
            {"low_light__labels__simulated__utility": {"beauty": 1.0}},
            "low_light.labels.simulated: utility names unknown metrics ['beauty']",
        ),
        ({"low_light__labels__simulated__utility": {"niqe": -1.0}}, "utility weights must be positive"),
        ({"low_light__labels__repeats": 0.6}, "low_light.labels.repeats: Input should be less than or equal to 0.5"),
        ({"low_light__labels__training": -1}, "low_light.labels.training: Input should be greater than or equal to 0"),
        (
            {"low_light__labels__votes": 4, "low_light__labels__simulated__observers": 3},
            "low_light.labels: votes is 4 but simulated.observers only 3",
        ),
        (
            {"low_light__dataset__source": "folder", "low_light__dataset__folder__inputs": None},
            "low_light.dataset: source is 'folder', so folder.inputs must name the folder",
        ),
        (
            {"low_light__dataset__sample__exposure_stops": [4.0, 2.0]},
            "low_light.dataset.sample: exposure_stops must be [low, high]",
        ),
        ({"low_light__dataset__sample__exposure_stops": [1.0, 2.0, 3.0]}, "low_light.dataset.sample.exposure_stops"),
        ({"low_light__judge__network__strides": [1, 2, 3, 1, 1, 1, 1, 1, 1]}, "low_light.judge.network.strides.2"),
        ({"brackets__judge__network__widths": [8] * 9}, "brackets.judge.network.widths"),
        (
            {"low_light__align__content_layer": "relu9_9"},
            "low_light.align: content_layer 'relu9_9' is no VGG16 activation",
        ),
        ({"low_light__pairs__strategy": "entropy"}, "low_light.pairs.strategy"),
        ({"rounds": {}}, "rounds"),
        (
            {"rounds": a_round("low_light", 1) | a_round("low_light", 2, prev="r00")},
            "rounds.low_light-r02: prev must be r01, the round before, not 'r00'",
        ),
        (
            {"rounds": a_round("low_light", 2, prev="r00")},
            "rounds.low_light-r02: expected low_light-r01 with round r01 in this place (round is r02)",
        ),
        ({"low_light__model__options": {"width": {"deep": 1}}}, "low_light.model.options.width"),
    ],
)
def test_impossible_values_are_refused(changes: dict[str, Any], expected: str) -> None:
    message = faults(changed(**changes))
    assert expected in message
    assert message.startswith("params.yaml has")


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        # The key is another round's, another kind's, or no round's at all.
        ({"low_light-r02": a_round("low_light", 1)["low_light-r01"]}, "expected low_light-r01 with round r01"),
        ({"brackets-r01": a_round("low_light", 1)["low_light-r01"]}, "expected low_light-r01 with round r01"),
        ({"r01": a_round("low_light", 1)["low_light-r01"]}, "rounds.r01: expected low_light-r01 with round r01"),
        (a_round("low_light", 1, round="r02"), "with round r01 in this place (round is r02)"),
        (a_round("low_light", 2) | a_round("low_light", 1), "rounds.low_light-r02: expected low_light-r01"),
        (a_round("photos", 1), "rounds.photos-r01: its kind 'photos' is not in kinds"),
        (
            a_round("low_light", 1, candidates="low_light"),
            "rounds.low_light-r01.candidates: Input should be 'pictures'",
        ),
        ({"r01": {"prev": "r00"}}, "rounds.r01.kind: Field required"),
        (a_round("low_light", 1, label_rev=-1), "rounds.low_light-r01.label_rev"),
        (a_round("low_light", 1, votes=3), "rounds.low_light-r01.votes: unknown key"),
    ],
)
def test_rounds_are_in_order_and_under_their_keys(rounds: dict[str, Any], expected: str) -> None:
    assert expected in faults(changed(rounds=a_round("brackets", 1) | rounds))


def test_rounds_of_two_kinds_may_be_mixed() -> None:
    names = [("low_light", 1), ("brackets", 1), ("low_light", 2), ("low_light", 3)]
    mixed = {key: entry for kind, number in names for key, entry in a_round(kind, number).items()}
    assert list(validate(changed(rounds=mixed)).rounds) == list(mixed)


def test_genetic_candidates_need_the_search_of_that_kind() -> None:
    rounds = {**DEMO["rounds"], **a_round("low_light", 1, candidates="genetic")}
    assert validate(changed(rounds=rounds)).rounds["low_light-r01"].candidates == "genetic"
    said = faults(changed(rounds=rounds, genetic__kinds=[]))
    assert "rounds.low_light-r01: candidates is 'genetic', but genetic.kinds does not name 'low_light'" in said


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kinds__brackets__rounds": 2}, "kinds.brackets.rounds is 2, but rounds has 1 of brackets"),
        ({"kinds__low_light__rounds": 2}, "kinds.low_light.rounds is 2, but rounds has 3 of low_light"),
        ({"kinds__low_light__rounds": 0}, "kinds.low_light.rounds: Input should be greater than or equal to 1"),
        ({"kinds__low_light__start": "search"}, "kinds: low_light.start must be 'pictures'"),
        ({"kinds__photos": {"start": "pictures", "rounds": 1}}, "kinds: no kind of pictures is called 'photos'"),
        ({"kinds": {}}, "kinds"),
        ({"searched": []}, "searched must be ['brackets']: the kinds in `kinds` whose start is search"),
        ({"searched": ["brackets", "low_light"]}, "searched must be ['brackets']"),
        ({"searched": ["brackets", "brackets"]}, "searched must be ['brackets']"),
        ({"genetic__kinds": ["brackets"]}, "genetic.kinds names 'brackets', whose scenes have several pictures"),
        ({"genetic__kinds": ["low_light", "photos"]}, "genetic.kinds names 'photos', which is not in kinds"),
        ({"genetic__reads": "judges/r03"}, "genetic: reads must be 'pictures' with these objectives"),
        (
            {"genetic__objectives": ["entropy", "ranker:r03"]},
            "genetic: reads must be 'judges/r03' with these objectives",
        ),
        ({"brackets": None}, "brackets: missing, though kinds names it"),
    ],
)
def test_the_lists_of_kinds_fit_their_sections(changes: dict[str, Any], expected: str) -> None:
    assert expected in faults(changed(**changes))


@pytest.mark.parametrize("kind", ["low_light", "brackets"])
def test_a_missing_section_of_a_kind_is_named(kind: str) -> None:
    values = copy.deepcopy(DEMO)
    del values[kind]
    message = faults(values)
    assert message.startswith("params.yaml has 1 fault:\n")
    assert f"{kind}: missing, though kinds names it" in message


@pytest.mark.parametrize(
    "key", ["judge", "pairs", "labels", "align", "evaluate", "report", "dataset", "model", "start"]
)
@pytest.mark.parametrize("kind", ["low_light", "brackets"])
def test_a_missing_part_of_a_kinds_section_is_named(kind: str, key: str) -> None:
    values = copy.deepcopy(DEMO)
    del values[kind][key]
    assert f"  {kind}.{key}: Field required" in faults(values)


@pytest.mark.parametrize("kind", ["low_light", "brackets"])
def test_a_kind_that_is_not_wanted_is_left_out(kind: str) -> None:
    """With its rounds and its place in the lists; its section may stay."""
    values = copy.deepcopy(DEMO)
    del values["kinds"][kind]
    values["rounds"] = {key: entry for key, entry in values["rounds"].items() if entry["kind"] != kind}
    values["searched"] = [name for name in values["searched"] if name != kind]
    values["genetic"]["kinds"] = [name for name in values["genetic"]["kinds"] if name != kind]
    assert kind not in validate(values).kinds
    del values[kind]
    assert validate(values).of(kind) is None


FORMER = {
    "scale": "demo",
    "seed": 1,
    "machine": {"device": "auto"},
    "dataset": {"source": "sample"},
    "enhancer": {"name": "curve"},
    "pretrain": {"steps": 200},
    "ranker": {"niqe": {"steps": 200}},
    "loop": {"task": "low_light"},
    "pairs": {"k": 48, "strategy": "gap", "candidates": "low_light"},
    "labels": {"source": "simulated"},
    "rounds": {"r01": {"prev": "r00", "label_rev": 0}},
    "finetune": {"steps": 60},
    "evaluate": {"metrics": ["niqe"]},
    "report": {"photos": 8},
    "genetic": {"photos": 40},
    "amortise": {"steps": 400},
    "genetic_evaluate": {"metrics": ["niqe"]},
    "brackets": {"source": "sample"},
    "search": {"width": 4},
    "fuser": {"width": 8},
    "train_fuser": {"steps": 300},
    "evaluate_brackets": {"metrics": ["sd"]},
}
STAYED = {"scale", "seed", "machine", "amortise", "genetic_evaluate"}


def test_the_keys_of_a_file_of_before_are_listed_with_their_new_places() -> None:
    message = faults(FORMER)
    first, *lines = message.splitlines()
    assert first == "params.yaml is of a version before, with these keys (docs/upgrading.md):"
    assert sorted(lines) == [
        "  brackets is now brackets.dataset",
        "  dataset is now low_light.dataset",
        "  enhancer is now low_light.model",
        "  evaluate is now KIND.evaluate",
        "  evaluate_brackets is now brackets.search_report",
        "  finetune is now KIND.align",
        "  fuser is now brackets.model",
        "  genetic is now genetic, with kinds: [low_light], and reads: pictures in place of low_light",
        "  labels is now KIND.labels",
        "  loop is now kinds: every kind that is named there has its rounds, in a folder of its own",
        "  pairs is now KIND.pairs (pairs.candidates is rounds.KIND-rNN.candidates)",
        "  pretrain is now low_light.start",
        "  ranker is now KIND.judge (ranker.niqe is judge.start)",
        "  report is now KIND.report",
        "  rounds is now rounds, with the key KIND-rNN and {kind, round, prev, candidates, label_rev}",
        "  search is now brackets.search",
        "  train_fuser is now brackets.start (with layers, as search has them)",
    ]
    assert {line.split()[0] for line in lines} == set(FORMER) - STAYED


@pytest.mark.parametrize("key", ["loop", "dataset"])
def test_one_former_key_is_enough_to_tell_a_file_of_before(key: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"seed: 1\n{key}: {{}}\nfuser: {{}}\n")
    with pytest.raises(ConfigError) as refused:
        load_whole(path)
    first, *lines = str(refused.value).splitlines()
    assert first.startswith(f"{path} is of a version before")
    assert {line.split()[0] for line in lines} == {key, "fuser"}


def test_a_former_key_in_a_file_of_now_is_an_unknown_key() -> None:
    message = faults(changed(loop={"task": "low_light"}))
    assert message == "params.yaml has 1 fault:\n  loop: unknown key"


def test_simulated_observers_are_not_counted_where_people_label() -> None:
    voted = {"low_light__labels__votes": 4, "low_light__labels__simulated__observers": 3}
    assert validate(changed(**voted, low_light__labels__source="people")).of("low_light").labels.votes == 4


def test_rounds_name_the_last() -> None:
    two = a_round("low_light", 1) | a_round("low_light", 2) | a_round("brackets", 1)
    params = validate(changed(rounds=two, kinds__low_light__rounds=2))
    assert (params.last_round("low_light"), params.last_round("brackets")) == ("r02", "r01")


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("a: 1e-4\nb: 1.5E3\nc: off\nd: 010\n")
    assert read_yaml(path) == {"a": 1e-4, "b": 1500.0, "c": "off", "d": 10}
    text = re.sub(
        r"learning_rate: [\d.]+", "learning_rate: 1e-4", (ROOT / "presets" / "demo.yaml").read_text(), count=1
    )
    assert "1e-4" in text
    path.write_text(text)
    assert load_whole(path).of("low_light").start.learning_rate == 1e-4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed: 1\nseed: 2\n", "duplicate key"),
        ("a: [1, 2\n", "is not readable YAML"),
        ("- a\n- b\n", "must be a mapping of sections"),
        ("", "must be a mapping of sections"),
        ("a: !!python/object/apply:os.system [true]\n", "is not readable YAML"),
    ],
)
def test_what_is_no_configuration_is_named(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"params\.yaml[\s\S]*{expected}"):
        load_whole(path)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`loupe preset demo` writes one"):
        load_whole(tmp_path / "params.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9t\xe9\n")
    with pytest.raises(ConfigError, match="is not readable YAML"):
        load_whole(tmp_path / "latin.yaml")


@pytest.fixture(scope="module")
def params() -> Params:
    return validate(DEMO)


def test_a_view_shows_what_is_declared(params: Params) -> None:
    view = View(params, ("seed", "{kind}.judge.network", "{kind}.judge.start", "kinds.{kind}.rounds"), "low_light")
    assert view.seed == params.seed
    assert view.judge.network == params.of("low_light").judge.network
    assert view.judge.start.steps == params.of("low_light").judge.start.steps
    assert view.machine == params.machine  # always: no stage depends on it
    assert view.kind == "low_light"
    assert view.rounds == ["r01", "r02", "r03"]


def test_a_view_shows_the_section_of_its_own_kind(params: Params) -> None:
    for kind in ("low_light", "brackets"):
        view = View(params, ("seed", "{kind}", "kinds.{kind}.rounds"), kind)
        assert view.section == params.of(kind)
        assert view.dataset == params.of(kind).dataset
        assert View(params, ("{kind}.start",), kind).start == params.of(kind).start
        assert len(view.rounds) == params.kinds[kind].rounds


def test_a_view_refuses_what_is_not_declared(params: Params) -> None:
    view = View(
        params, ("seed", "{kind}.judge.network", "{kind}.labels", "rounds.{kind}-{round}.label_rev"), "low_light"
    )
    for read, name in (
        (lambda: view.start, "low_light.start"),
        (lambda: view.judge.rounds, "low_light.judge.rounds"),
        (lambda: view.judge.machine, "low_light.judge.machine"),
        (lambda: view.genetic, "low_light.genetic"),
        (lambda: view.nonsense, "low_light.nonsense"),
    ):
        with pytest.raises(AttributeError, match=rf"does not declare the params {name} \(PARAMS, dvc.yaml\)"):
            read()
    with pytest.raises(AttributeError, match=r"does not declare kinds\.\{kind\}\.rounds \(PARAMS, dvc.yaml\)"):
        _ = view.rounds
    with pytest.raises(AttributeError, match=r"does not declare \{kind\} \(PARAMS, dvc.yaml\)"):
        _ = view.section


@pytest.mark.parametrize("declared", [("seed",), ("seed", "{kind}.pairs"), ("seed", "{kind}", "kinds.{kind}.rounds")])
def test_a_view_of_no_kind_says_so(params: Params, declared: tuple[str, ...]) -> None:
    view = View(params, declared)
    assert view.seed == params.seed
    with pytest.raises(AttributeError, match="this stage is of no kind of pictures"):
        _ = view.kind
    for name in ("pairs", "nonsense", "rounds"):
        with pytest.raises(AttributeError):
            getattr(view, name)


def test_load_reads_the_file_and_checks_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(re.sub(r"\bk: \d+", "k: 0", (ROOT / "presets" / "demo.yaml").read_text()))
    with pytest.raises(ConfigError, match=r"low_light\.pairs\.k[\s\S]*brackets\.pairs\.k"):
        load(("seed",), path=path)
    path.write_text((ROOT / "presets" / "demo.yaml").read_text())
    assert load(("{kind}.pairs",), "brackets", path).pairs.k == DEMO["brackets"]["pairs"]["k"]


def test_observers_without_references_need_a_utility_that_has_none() -> None:
    folder = {"low_light__dataset__source": "folder", "low_light__dataset__folder__inputs": "photos"}
    said = faults(changed(**folder))
    assert "low_light.labels.simulated.utility judges by delta_e, lpips, which need references" in said
    assert "low_light.dataset.folder.references is not set" in said
    for cure in (
        {"low_light__labels__simulated__utility": {"niqe": 1.0}},
        {"low_light__dataset__folder__references": "lit"},
        {"low_light__labels__source": "people"},
    ):
        validate(changed(**folder, **cure))


def test_a_file_from_before_the_labelling_app_still_loads() -> None:
    values = copy.deepcopy(DEMO)
    for name in ("repeats", "training"):
        del values["low_light"]["labels"][name]
    labels = validate(values).of("low_light").labels
    assert (labels.repeats, labels.training) == (0.0, 0)


def test_metrics_of_fused_pictures_judge_no_photo() -> None:
    said = faults(changed(low_light__labels__simulated__utility={"mef_ssim": 1.0}))
    assert "labels.simulated.utility names mef_ssim, which compare a fused image with its exposures" in said
    said = faults(changed(genetic__objectives=["qabf", "entropy"]))
    assert "'qabf' compares a fused image with its exposures" in said
    validate(changed(brackets__labels__simulated__utility={"mef_ssim": 1.0}))


def test_a_former_metric_name_is_refused_with_todays() -> None:
    for key in (
        "brackets__search_report__metrics",
        "low_light__evaluate__metrics",
        "brackets__evaluate__metrics",
        "genetic_evaluate__metrics",
    ):
        assert "vif_fusion is now called vif_sources: write that" in faults(changed(**{key: ["entropy", "vif_fusion"]}))
    for kind in ("low_light", "brackets"):
        said = faults(changed(**{f"{kind}__labels__simulated__utility": {"vif_fusion": 1.0}}))
        assert "vif_fusion is now called vif_sources" in said
    assert "vif_fusion is now called vif_sources" in faults(changed(genetic__objectives=["vif_fusion", "entropy"]))
