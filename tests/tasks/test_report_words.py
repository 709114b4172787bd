from __future__ import annotations

import pytest

from models.quality import names
from tasks.pages import words
from tasks.pages.sections import higher_is_better


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see /home/me/photos/a.jpg: absent", "see …/a.jpg: absent"),
        (
            "(cache /opt/x/y.pth: absent; https://example.org/a/b.pth: gone)",
            "(cache …/y.pth: absent; https://example.org/a/b.pth: gone)",
        ),
        (r"C:\Users\me\a.png is broken", "…/a.png is broken"),
        ("data/low_light/input and 3/4", "data/low_light/input and 3/4"),
    ],
)
def test_absolute_paths_are_shortened(text: str, expected: str) -> None:
    assert words.without_folders(text) == expected


def test_numbers_are_rounded_for_readers() -> None:
    assert words.percent(0.785) == "79\u00a0%" and words.percent(None) == "–"
    assert words.interval(0.701, 1.0) == "70–100\u00a0%"
    assert words.metric_value("psnr", 15.947) == "15.95" and words.metric_value("new_metric", 0.012345) == "0.0123"
    assert words.metric_value("psnr", float("nan")) == "–"
    assert words.count(1, "photo") == "1\u00a0photo" and words.count(1234, "photo") == "1\u202f234\u00a0photos"
    assert words.listed(["a", "b", "c"]) == "a, b and c" and words.listed(["a"]) == "a" and words.listed([]) == ""


def test_settings_are_flat_and_hide_folders() -> None:
    shown = words.settings(
        {"seed": 1, "dataset": {"folder": {"inputs": "/home/me/photos", "normal": None}, "crops": [2.0, 4.0]}}
    )
    assert shown == [
        ("general", [("seed", "1")]),
        ("dataset", [("folder.inputs", "…/photos"), ("folder.normal", "none"), ("crops", "2.0, 4.0")]),
    ]


def test_every_metric_has_a_title_of_its_own_and_old_tables_are_still_read() -> None:
    assert set(names()) <= set(words.METRICS)
    assert len({words.metric_title(name) for name in names()}) == len(names())
    # What a table of a version before holds under a name that is no longer given.
    assert words.metric_title("vif_fusion") == words.metric_title("vif_sources") and higher_is_better("vif_fusion")
