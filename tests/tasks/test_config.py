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


def test_all_faults_are_reported_at_once_with_their_paths() -> None:
    values = changed(
        pretrain__steps=0,
        pretrain__learning_rate="fast",
        labels__votes=2.5,
        labels__simulated__lapse=1.5,
        machine__device="tpu",
        enhancer__name="curves",
        finetune__content_layer="relu9_9",
        evaluate__metrics=["niqe", "beauty"],
        rounds={"r01": {"prev": "r00"}, "r03": {"prev": "r01"}},
        colours=3,
    )
    values["pairs"]["kk"] = 1
    del values["finetune"]["crop"]
    message = faults(values)
    for line in (
        "  pretrain.steps: Input should be greater than or equal to 1 (is 0)",
        "  pretrain.learning_rate: Input should be a valid number (is 'fast')",
        "  labels.votes: Input should be a valid integer (is 2.5)",
        "  labels.simulated.lapse: Input should be less than or equal to 1 (is 1.5)",
        "  machine.device: Input should be 'auto', 'cpu' or 'cuda' (is 'tpu')",
        "  enhancer: no enhancer is called 'curves'; known are curve",
        "  evaluate: metrics names unknown metrics ['beauty']",
        "  rounds: expected r02 in place 2, found 'r03'",
        "  colours: unknown key",
        "  pairs.kk: unknown key",
        "  finetune.crop: Field required",
    ):
        assert line in message, line
    assert message.startswith("params.yaml has 11 faults:\n")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pretrain__steps": "300"}, "pretrain.steps: Input should be a valid integer"),
        ({"pretrain__steps": True}, "pretrain.steps: Input should be a valid integer"),
        ({"pretrain__learning_rate": float("inf")}, "pretrain.learning_rate: Input should be a finite number"),
        ({"pretrain__learning_rate": float("nan")}, "pretrain.learning_rate"),
        ({"pretrain__checkpoints": 1}, "pretrain.checkpoints"),
        ({"labels__simulated__utility": {}}, "labels.simulated.utility"),
        ({"labels__simulated__utility": {"beauty": 1.0}}, "labels.simulated: utility names unknown metrics ['beauty']"),
        ({"labels__simulated__utility": {"niqe": -1.0}}, "utility weights must be positive"),
        ({"labels__repeats": 0.6}, "labels.repeats: Input should be less than or equal to 0.5"),
        ({"labels__training": -1}, "labels.training: Input should be greater than or equal to 0"),
        ({"labels__votes": 4, "labels__simulated__observers": 3}, "labels: votes is 4 but simulated.observers only 3"),
        (
            {"dataset__source": "folder", "dataset__folder__inputs": None},
            "dataset: source is 'folder', so folder.inputs must name the folder",
        ),
        ({"dataset__sample__exposure_stops": [4.0, 2.0]}, "dataset.sample: exposure_stops must be [low, high]"),
        ({"dataset__sample__exposure_stops": [1.0, 2.0, 3.0]}, "dataset.sample.exposure_stops"),
        ({"ranker__network__strides": [1, 2, 3, 1, 1, 1, 1, 1, 1]}, "ranker.network.strides.2"),
        ({"ranker__network__widths": [8] * 9}, "ranker.network.widths"),
        ({"finetune__content_layer": "relu9_9"}, "finetune: content_layer 'relu9_9' is no VGG16 activation"),
        ({"pairs__strategy": "entropy"}, "pairs.strategy"),
        ({"rounds": {}}, "rounds"),
        ({"rounds": {"r01": {"prev": "r00"}, "r02": {"prev": "r00"}}}, "rounds: r02.prev must be r01"),
        ({"rounds": {"r02": {"prev": "r00"}}}, "rounds: expected r01 in place 1, found 'r02'"),
        ({"enhancer__options": {"width": [1]}}, "enhancer.options.width"),
    ],
)
def test_impossible_values_are_refused(changes: dict[str, Any], expected: str) -> None:
    message = faults(changed(**changes))
    assert expected in message
    assert message.startswith("params.yaml has")


def test_simulated_observers_are_not_counted_where_people_label() -> None:
    assert validate(changed(labels__votes=4, labels__simulated__observers=3, labels__source="people")).labels.votes == 4


def test_rounds_name_the_last() -> None:
    two = {"r01": {"prev": "r00"}, "r02": {"prev": "r01"}}
    assert validate(changed(rounds=two)).last_round == "r02"


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("a: 1e-4\nb: 1.5E3\nc: off\nd: 010\n")
    assert read_yaml(path) == {"a": 1e-4, "b": 1500.0, "c": "off", "d": 10}
    text = re.sub(
        r"learning_rate: [\d.]+", "learning_rate: 1e-4", (ROOT / "presets" / "demo.yaml").read_text(), count=1
    )
    assert "1e-4" in text
    path.write_text(text)
    assert load_whole(path).pretrain.learning_rate == 1e-4


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
    view = View(params, ("seed", "ranker.network", "ranker.niqe"))
    assert view.seed == params.seed
    assert view.ranker.network == params.ranker.network
    assert view.ranker.niqe.steps == params.ranker.niqe.steps
    assert view.machine == params.machine  # always: no stage depends on it


def test_a_view_refuses_what_is_not_declared(params: Params) -> None:
    view = View(params, ("seed", "ranker.network", "labels", "rounds.{round}.label_rev"))
    for read, name in (
        (lambda: view.pretrain, "pretrain"),
        (lambda: view.ranker.rounds, "ranker.rounds"),
        (lambda: view.ranker.machine, "ranker.machine"),
        (lambda: view.rounds.r01, "rounds.r01"),
        (lambda: view.nonsense, "nonsense"),
    ):
        with pytest.raises(AttributeError, match=rf"does not declare the params {name} \(PARAMS, dvc.yaml\)"):
            read()


def test_load_reads_the_file_and_checks_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(re.sub(r"\bk: \d+", "k: 0", (ROOT / "presets" / "demo.yaml").read_text()))
    with pytest.raises(ConfigError, match=r"pairs\.k"):
        load(("seed",), path)


def test_observers_without_references_need_a_utility_that_has_none() -> None:
    folder = {"dataset__source": "folder", "dataset__folder__inputs": "photos"}
    assert "judges by delta_e, lpips, which need references" in faults(changed(**folder))
    for cure in (
        {"labels__simulated__utility": {"niqe": 1.0}},
        {"dataset__folder__references": "lit"},
        {"labels__source": "people"},
    ):
        validate(changed(**folder, **cure))


def test_a_file_from_before_the_labelling_app_still_loads() -> None:
    values = copy.deepcopy(DEMO)
    for name in ("repeats", "training"):
        del values["labels"][name]
    labels = validate(values).labels
    assert (labels.repeats, labels.training) == (0.0, 0)


def test_metrics_of_fused_pictures_judge_no_photo() -> None:
    said = faults(changed(labels__simulated__utility={"mef_ssim": 1.0}))
    assert "labels.simulated.utility names mef_ssim, which compare a fused image with its exposures" in said
    said = faults(changed(genetic__objectives=["qabf", "entropy"]))
    assert "'qabf' compares a fused image with its exposures" in said


def test_a_former_metric_name_is_refused_with_todays() -> None:
    for key in ("evaluate_brackets__metrics", "evaluate__metrics", "genetic_evaluate__metrics"):
        assert "vif_fusion is now called vif_sources: write that" in faults(changed(**{key: ["entropy", "vif_fusion"]}))
    assert "vif_fusion is now called vif_sources" in faults(changed(labels__simulated__utility={"vif_fusion": 1.0}))
    assert "vif_fusion is now called vif_sources" in faults(changed(genetic__objectives=["vif_fusion", "entropy"]))
