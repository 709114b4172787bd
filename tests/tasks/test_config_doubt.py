"""Judges of several opinions in params.yaml, and the choice of pairs that needs one."""

from __future__ import annotations

from typing import Any

import pytest
from params_helpers import DEMO, changed, faults

from tasks.config import validate
from tasks.datasets.looking import Findings
from tasks.training.trying import look_at_judging

RANKER = DEMO["low_light"]["judge"]["options"]


def ensemble(**options: Any) -> dict[str, Any]:
    judge = {
        **DEMO["low_light"]["judge"],
        "name": "ensemble",
        "options": {"of": "ranker", "options": RANKER, **options},
    }
    return {"low_light__judge": judge}


INFORMED = {"low_light__pairs": {"k": 48, "strategy": "information"}}


def test_an_ensemble_chooses_by_information() -> None:
    found = validate(changed(**ensemble(members=3, take="worst", share=0.8), **INFORMED)).of("low_light")
    assert (found.judge.opinions, found.pairs.strategy) == (3, "information")
    assert validate(changed(**ensemble())).of("low_light").judge.opinions == 5
    looked = Findings([], [])
    look_at_judging("low_light", found, None, looked)
    assert looked.faults == []


def test_one_opinion_does_not() -> None:
    told = "low_light: pairs.strategy: information asks where a judge's members disagree, and {} has one opinion"
    assert told.format("ranker") in faults(changed(**INFORMED))
    assert told.format("ensemble") in faults(changed(**ensemble(members=1), **INFORMED))


def test_of_a_judge_that_is_known_once_it_is_built_the_check_says_so() -> None:
    own = {"low_light__judge": {**DEMO["low_light"]["judge"], "name": "tests.toys.toy_judge:Colour", "options": {}}}
    section = validate(changed(**own, **INFORMED)).of("low_light")
    looked = Findings([], [])
    look_at_judging("low_light", section, None, looked)
    assert [line for line in looked.faults if "pairs.strategy" in line] == [
        "low_light.pairs.strategy: information asks where a judge's members disagree, and tests.toys.toy_judge:Colour has one "
        "opinion (judge.name: ensemble has several)"
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"of": "metric", "options": {"metric": "niqe"}}, "of: an ensemble is of judges that learn from pairs"),
        ({"of": "reward", "options": {}}, "of: an ensemble is of judges that learn from pairs"),
        ({"of": "ensemble"}, "of: an ensemble is of judges that learn from pairs"),
        ({"of": "rankr"}, "of: no judge is called 'rankr'; known are ensemble, metric, ranker, reward"),
        ({"options": {**RANKER, "hidden": 0}}, "options.hidden: Input should be greater than or equal to 1"),
        ({"members": 0}, "members: Input should be greater than or equal to 1"),
        ({"take": "best"}, "take: Input should be 'mean', 'worst' or 'mean_minus_spread'"),
        ({"share": 0.0}, "share: Input should be greater than 0"),
        ({"heads": 3}, "heads: unknown key"),
    ],
)
def test_what_is_no_ensemble_is_refused_with_its_path(options: dict[str, Any], expected: str) -> None:
    assert f"low_light.judge.options.{expected}" in faults(changed(**ensemble(**options)))


def test_an_ensemble_says_how_it_is_trained() -> None:
    values = changed(**ensemble())
    values["low_light"]["judge"] |= {"rounds": None}
    assert "ensemble learns from pairs, so start and rounds say how it is trained; one is null" in faults(values)
