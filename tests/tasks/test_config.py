"""params.yaml: what is shipped is valid, and what is impossible is refused with the path of its key."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from params_helpers import DEMO, ROOT, a_round, changed, faults

from tasks.config import ConfigError, load, load_whole, read_yaml, validate

FILES = [ROOT / "params.yaml", *sorted((ROOT / "presets").glob("*.yaml"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_shipped_is_valid(path: Path) -> None:
    assert len(load_whole(path).rounds) >= 1


def test_all_faults_are_reported_at_once_with_their_paths() -> None:
    values = changed(
        low_light__start__steps=0,
        low_light__start__learning_rate="fast",
        low_light__labels__votes=2.5,
        low_light__labels__simulated__lapse=1.5,
        machine__device="tpu",
        low_light__model__name="curves",
        brackets__align__options__content_layer="relu9_9",
        brackets__evaluate__metrics=["niqe", "beauty"],
        brackets__start__layers=["relu9_9"],
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
        "  rounds.low_light-r01.prev: Field required",
        "  rounds.low_light-r01.candidates: Field required",
        "  rounds.low_light-r01.label_rev: Field required",
        "  colours: unknown key",
        "  low_light.pairs.kk: unknown key",
        "  low_light.align.crop: Field required",
    ):
        assert line in message, line
    assert message.startswith("params.yaml has 15 faults:\n")


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
        ({"low_light__judge__options__strides": [1, 2, 3, 1, 1, 1, 1, 1, 1]}, "low_light.judge.options.strides.2"),
        ({"brackets__judge__options__widths": [8] * 9}, "brackets.judge.options.widths"),
        (
            {"brackets__align__options__content_layer": "relu9_9"},
            "brackets.align.options.content_layer: 'relu9_9' is no VGG16 activation",
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


def test_simulated_observers_are_not_counted_where_people_label() -> None:
    voted = {"low_light__labels__votes": 4, "low_light__labels__simulated__observers": 3}
    assert validate(changed(**voted, low_light__labels__source="people")).of("low_light").labels.votes == 4


def test_rounds_name_the_last() -> None:
    two = a_round("low_light", 1) | a_round("low_light", 2) | a_round("brackets", 1) | a_round("thermal", 1)
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
        ("a: [b:c]\n", 'needs quotes: "module:function"'),
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


def test_a_metric_that_takes_one_source_judges_photos() -> None:
    validate(
        changed(
            low_light__labels__simulated__utility={"loe": 0.001},
            low_light__evaluate__metrics=["loe", "niqe"],
            low_light__judge={"name": "metric", "options": {"metric": "loe"}, "start": None, "rounds": None},
            brackets__evaluate__metrics=["loe"],
            genetic_evaluate__metrics=["loe"],
        )
    )
    assert "'loe' compares a fused image" in faults(changed(genetic__objectives=["loe", "entropy"]))


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
