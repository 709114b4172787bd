from __future__ import annotations

from pathlib import Path

import pytest

from tasks.config import load_whole
from tasks.config.asking import Simulated
from tasks.measuring.utility import NoUtility, panel, utility

SETTINGS = load_whole(Path(__file__).resolve().parents[2] / "presets" / "demo.yaml").of("low_light").labels.simulated


def with_(**changes: object) -> Simulated:
    return SETTINGS.model_copy(update=changes)


def test_utility_by_hand() -> None:
    # PSNR counts up, LPIPS counts down: 0.1 * 20 - 2 * 0.3 = 1.4
    assert utility({"psnr": 0.1, "lpips": 2.0}, {"psnr": 20.0, "lpips": 0.3, "niqe": 5.0}, "x") == pytest.approx(1.4)


def test_a_metric_without_a_value_says_what_to_do() -> None:
    with pytest.raises(NoUtility, match=r"lpips, which needs a reference, which this image lacks: photo7\. Set labels"):
        utility({"lpips": 1.0}, {"lpips": None}, "photo7")
    with pytest.raises(NoUtility, match="niqe, which has no value here: photo7"):
        utility({"niqe": 1.0}, {"niqe": None}, "photo7")


def test_the_panel_is_what_params_say() -> None:
    observers = panel(with_(observers=4, noise=0.1, lapse=0.2, position_bias=0.3, seed=9))
    assert len({observer.name for observer in observers}) == 4
    assert all((o.noise, o.lapse, o.position_bias, o.seed) == (0.1, 0.2, 0.3, 9) for o in observers)


def test_more_observers_are_added_to_the_same_panel() -> None:
    assert panel(with_(observers=5))[:3] == panel(with_(observers=3))


@pytest.mark.parametrize(
    "change",
    [{"noise": 0.5}, {"lapse": 0.5}, {"position_bias": 0.5}, {"seed": 99}, {"utility": {"niqe": 1.0}}],
    ids=str,
)
def test_another_panel_has_other_names(change: dict[str, object]) -> None:
    """Votes of one panel must never be taken for those of another."""
    names = {observer.name for observer in panel(SETTINGS)}
    assert names.isdisjoint(observer.name for observer in panel(with_(**change)))
