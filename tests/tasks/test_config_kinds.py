"""The lists and sections of the kinds of pictures in params.yaml, and their rounds."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from params_helpers import DEMO, a_round, changed, faults

from tasks.config import validate


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
        ({"r01": {"prev": "r00", "candidates": "pictures", "label_rev": 0}}, "rounds.r01.kind: Field required"),
        (a_round("low_light", 1, label_rev=-1), "rounds.low_light-r01.label_rev"),
        (a_round("low_light", 1, votes=3), "rounds.low_light-r01.votes: unknown key"),
    ],
)
def test_rounds_are_in_order_and_under_their_keys(rounds: dict[str, Any], expected: str) -> None:
    assert expected in faults(changed(rounds=a_round("brackets", 1) | rounds))


def test_rounds_of_two_kinds_may_be_mixed() -> None:
    names = [("low_light", 1), ("brackets", 1), ("thermal", 1), ("low_light", 2), ("low_light", 3)]
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
        ({"kinds__low_light__start": "search"}, "kinds.low_light.start must be 'pictures'"),
        ({"kinds__photos": {"start": "pictures", "rounds": 1}}, "kinds: no kind of pictures is called 'photos'"),
        ({"kinds": {}}, "kinds"),
        ({"searched": []}, "searched must be ['brackets']: the kinds in `kinds` whose start is search"),
        ({"searched": ["brackets", "low_light"]}, "searched must be ['brackets']"),
        ({"searched": ["brackets", "brackets"]}, "searched must be ['brackets']"),
        ({"genetic__kinds": ["brackets"]}, "genetic.kinds names 'brackets', whose scenes have several pictures"),
        ({"genetic__kinds": ["low_light", "photos"]}, "genetic.kinds names 'photos', which is not in kinds"),
        ({"genetic__reads": "judges/r03"}, "genetic: reads must be 'pictures' with these objectives"),
        (
            {"genetic__objectives": ["entropy", "judge:r03"]},
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


@pytest.mark.parametrize(("number", "said"), [(1, True), (2, True), (3, False)])
def test_the_search_that_waits_for_a_later_ranker_is_no_candidate(number: int, said: bool) -> None:
    """Questions of a round wait for the search, the search for the ranker of r02, and that for the questions of r02."""
    values = changed(genetic__objectives=["entropy", "judge:r02"], genetic__reads="judges/r02")
    values["rounds"][f"low_light-r{number:02d}"]["candidates"] = "genetic"
    if said:
        assert (
            f"rounds.low_light-r{number:02d}: candidates is 'genetic', but the search waits for the judge of r02"
            in faults(values)
        )
    else:
        validate(values)


@pytest.mark.parametrize("key", ["candidates", "label_rev", "prev", "round", "kind"])
def test_what_dvc_reads_of_a_round_may_not_be_left_out(key: str) -> None:
    values = changed()
    del values["rounds"]["low_light-r02"][key]
    assert f"rounds.low_light-r02.{key}: Field required" in faults(values)


@pytest.mark.parametrize("key", ["kinds", "reads"])
def test_what_dvc_reads_of_the_search_may_not_be_left_out(key: str) -> None:
    values = changed()
    del values["genetic"][key]
    assert f"genetic.{key}: Field required" in faults(values)
