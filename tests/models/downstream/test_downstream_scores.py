"""Scores with known answers: the arithmetic stands beside each."""

from __future__ import annotations

import numpy as np
import pytest

from models.downstream import Boxes, Detections, average_precision, mean_overlap, overlap_counts

NAMES = ("person", "car", "lamp")
LEFT, RIGHT = [0.1, 0.2, 0.3, 0.6], [0.5, 0.2, 0.9, 0.6]


def labels(*corners: list[float], of: list[int] | None = None, crowd: list[bool] | None = None) -> Boxes:
    count = len(corners)
    return Boxes(
        np.asarray(corners, float).reshape(-1, 4),
        np.asarray(of or [0] * count, int),
        np.asarray(crowd or [False] * count, bool),
    )


def found(*corners: list[float], scores: list[float] | None = None, of: list[int] | None = None) -> Detections:
    count = len(corners)
    return Detections(
        np.asarray(corners, float).reshape(-1, 4),
        np.asarray(scores or [0.9] * count, float),
        np.asarray(of or [0] * count, int),
    )


def both(label: Boxes, detections: Detections) -> tuple[float, float]:
    score = average_precision([label], [detections], NAMES, draws=0)
    return score.mean.value, score.half.value


def test_all_found_and_nothing_found() -> None:
    assert both(labels(LEFT, RIGHT), found(LEFT, RIGHT)) == pytest.approx((1, 1))
    assert both(labels(LEFT, RIGHT), found()) == (0, 0)
    assert both(labels(LEFT), found(LEFT, of=[1])) == (0, 0), "of another class"


def test_an_overlap_of_0_72_is_right_at_five_of_ten_thresholds() -> None:
    narrower = [
        0.1,
        0.2,
        0.1 + 0.72 * 0.2,
        0.6,
    ]  # within: the union is the label, the overlap 0.72; right from 0.5 to 0.7
    assert both(labels(LEFT), found(narrower)) == pytest.approx((0.5, 1))


def test_a_surer_false_one_halves_the_precision_and_a_less_sure_one_costs_nothing() -> None:
    assert both(labels(LEFT), found(LEFT, RIGHT, scores=[0.5, 0.9])) == pytest.approx((0.5, 0.5))
    assert both(labels(LEFT), found(LEFT, RIGHT, scores=[0.9, 0.5])) == pytest.approx((1, 1))


def test_one_of_two_found_is_a_precision_of_one_up_to_half_the_recall() -> None:
    assert both(labels(LEFT, RIGHT), found(LEFT)) == pytest.approx((51 / 101, 51 / 101))  # recalls 0, 0.01, ..., 0.5


def test_what_is_found_in_a_crowd_is_neither_right_nor_wrong() -> None:
    marked = labels(LEFT, RIGHT, crowd=[False, True])
    assert both(marked, found(LEFT, RIGHT, scores=[0.5, 0.9])) == pytest.approx((1, 1))
    assert average_precision([marked], [found()], NAMES, 0).objects == 1


def test_classes_without_a_label_are_in_no_mean() -> None:
    score = average_precision([labels(LEFT, RIGHT, of=[0, 2])], [found(LEFT, LEFT, of=[0, 1])], NAMES, 0)
    assert list(score.by_class) == ["person", "lamp"]
    assert score.by_class["person"] == pytest.approx((1, 1)) and score.by_class["lamp"] == (0, 0)
    assert score.mean.value == pytest.approx(0.5)
    assert (score.pictures, score.objects) == (1, 2)


def some(seed: int, pictures: int = 6) -> tuple[list[Boxes], list[Detections]]:
    """Labels of three classes, and detections near some of them."""
    dice = np.random.default_rng(seed)
    of_labels, of_found = [], []
    for _ in range(pictures):
        start = dice.uniform(0, 0.6, (5, 2))
        corners = np.concatenate([start, start + dice.uniform(0.1, 0.4, (5, 2))], axis=1)
        classes = dice.integers(0, 3, 5)
        of_labels.append(Boxes(corners, classes, np.zeros(5, bool)))
        of_found.append(
            Detections(corners + dice.normal(0, 0.02, (5, 4)), dice.uniform(0, 1, 5), dice.integers(0, 3, 5))
        )
    return of_labels, of_found


def test_a_draw_is_the_score_of_the_pictures_that_were_drawn() -> None:
    true, seen = some(1)
    drawn = np.random.default_rng(5).integers(0, 6, (4, 6))
    score = average_precision(true, seen, NAMES, draws=4, seed=5)
    for one, pictures in enumerate(drawn):
        again = average_precision([true[i] for i in pictures], [seen[i] for i in pictures], NAMES, 0)
        assert (score.mean.draws[one], score.half.draws[one]) == pytest.approx((again.mean.value, again.half.value))
    low, high = average_precision(true, seen, NAMES, draws=200).mean.interval
    assert low < score.mean.value < high


def test_differences_are_of_the_same_pictures() -> None:
    true, seen = some(2)
    score = average_precision(true, seen, NAMES, draws=50).mean
    assert score.minus(score) == (0, 0, 0)
    perfect = average_precision(true, [found(*b.corners.tolist(), of=b.classes.tolist()) for b in true], NAMES, 50).mean
    difference, low, high = perfect.minus(score)
    assert 0 < low <= difference <= high and perfect.interval == pytest.approx((1, 1))


def test_nothing_labelled_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is labelled"):
        average_precision([labels()], [found(LEFT)], NAMES)
    with pytest.raises(ValueError, match="not 1 and 0"):
        average_precision([labels(LEFT)], [], NAMES)
    with pytest.raises(ValueError, match="nothing is labelled"):
        mean_overlap(np.zeros((2, 3, 3), int), NAMES)


def test_overlaps_are_counted_without_ignored_pixels() -> None:
    mask = np.array([[0, 0, 1], [1, 255, 255]])
    predicted = np.array([[0, 1, 1], [-1, 0, 2]])
    assert overlap_counts(mask, predicted, 3).tolist() == [[1, 1, 0], [2, 2, 0], [1, 2, 0]]


def test_the_mean_is_over_labelled_classes_and_all_pictures_together() -> None:
    first = overlap_counts(np.array([[0, 0, 0, 1]]), np.array([[0, 0, 1, 1]]), 3)
    second = overlap_counts(np.array([[0, 0, 0, 0]]), np.array([[0, 0, 0, 2]]), 3)
    score = mean_overlap(np.stack([first, second]), NAMES, draws=300)
    assert score.by_class == pytest.approx(
        {"person": 5 / 7, "car": 1 / 2}
    )  # 2 + 3 of 3 + 4; 1 of 2; no lamp is labelled
    assert score.mean.value == pytest.approx((5 / 7 + 1 / 2) / 2)
    # Drawn are the first twice, (2/3 + 1/2) / 2, both, or the second twice, 3/4.
    assert sorted(set(score.mean.draws.round(6))) == pytest.approx([0.583333, 0.607143, 0.75])
    assert score.mean.interval == pytest.approx((0.583333, 0.75), abs=1e-5)
