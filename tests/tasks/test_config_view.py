"""A stage sees the params that it declares, and no others."""

from __future__ import annotations

import pytest
from params_helpers import DEMO

from tasks.config import Params, View, validate


@pytest.fixture(scope="module")
def params() -> Params:
    return validate(DEMO)


def test_a_view_shows_what_is_declared(params: Params) -> None:
    view = View(params, ("seed", "{kind}.judge.options", "{kind}.judge.start", "kinds.{kind}.rounds"), "low_light")
    assert view.seed == params.seed
    assert view.judge.options == params.of("low_light").judge.options
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
        params, ("seed", "{kind}.judge.options", "{kind}.labels", "rounds.{kind}-{round}.label_rev"), "low_light"
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
