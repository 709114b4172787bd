"""Injected corruptions: where they are is where the picture changed, and what is known of them follows from them."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data, img_as_float32

from models.artifacts import CORRUPTIONS, CRITERIA, Disk, Injected, heatmap, inject, true_scores
from models.artifacts.agreement import auc, cc, nss, sim


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fused, infrared, visible (H, W, 3) in [0, 1]."""
    visible = np.asarray(img_as_float32(data.astronaut()[:200, :240]))
    heat = np.clip(0.2 + 0.3 * (1 - visible[..., 1]), 0, 1)
    heat[60:110, 80:120] = 0.95
    infrared = np.repeat(heat[..., None], 3, 2).astype(np.float32)
    return np.maximum(infrared, visible), infrared, visible


def test_a_heatmap_is_one_within_its_circles() -> None:
    found = heatmap([Disk(30, 20, 10), Disk(36, 20, 10, 0.5)], 40, 60)
    assert found.shape == (40, 60) and found.dtype == np.float32
    assert found[20, 30] == 1 and found[20, 38] == 1 and found[20, 45] == 0.5
    assert found[0, 0] == 0 and 0 < found[20, 20] < 1, "the edge is soft"
    assert (heatmap([], 4, 5) == 0).all()
    assert np.isclose(heatmap([Disk(30, 20, 10)], 40, 60).sum(), np.pi * 100, rtol=0.02)
    with pytest.raises(ValueError, match="radius above 0"):
        heatmap([Disk(1, 1, 0)], 4, 4)


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_a_corruption_changes_the_picture_where_it_says(name: str) -> None:
    fused, infrared, visible = scene()
    made = 0
    for seed in range(6):
        changed, found = inject(fused, infrared, visible, np.random.default_rng(seed), [name], most=1)
        assert changed.shape == fused.shape and changed.min() >= 0 and changed.max() <= 1
        if not found:
            assert np.array_equal(changed, fused)
            continue
        made += 1
        (one,) = found
        marked = heatmap([one.disk], *fused.shape[:2])
        off = np.abs(changed - fused).mean(2)
        assert off[marked == 0].max() == 0
        assert off[marked == 1].mean() > 0.003, "one sees it"
    assert made >= 2


def test_the_same_seed_corrupts_the_same() -> None:
    one, other = (inject(*scene(), np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one[0], other[0]) and one[1] == other[1]
    counts = {len(inject(*scene(), np.random.default_rng(seed))[1]) for seed in range(20)}
    assert counts == {0, 1, 2, 3}


def test_what_cannot_be_injected_is_said() -> None:
    fused, infrared, visible = scene()
    with pytest.raises(ValueError, match="have one shape"):
        inject(fused[:50], infrared, visible, np.random.default_rng(0))
    with pytest.raises(ValueError, match="no corruption is called 'scratch'"):
        inject(fused, infrared, visible, np.random.default_rng(0), ["scratch"])


def test_scores_follow_what_is_kept_and_what_is_injected() -> None:
    fused, infrared, visible = scene()
    best = true_scores(fused, infrared, visible)
    assert set(best) == set(CRITERIA)
    assert best["artifacts"] == best["sharpness"] == 5
    only_visible, only_infrared = true_scores(visible, infrared, visible), true_scores(infrared, infrared, visible)
    assert only_visible["thermal"] < 3 < only_infrared["thermal"] == 5
    assert only_infrared["texture"] < only_visible["texture"] == 5
    disk = Disk(100, 80, 32)
    for name in CORRUPTIONS:
        weak, strong = (true_scores(fused, infrared, visible, [Injected(name, disk, s)]) for s in (0.4, 1.0))
        assert strong["artifacts"] < weak["artifacts"] < 5
        assert strong["sharpness"] <= weak["sharpness"] <= 5
    blurred = true_scores(fused, infrared, visible, [Injected("blur", disk, 1.0)])
    noisy = true_scores(fused, infrared, visible, [Injected("noise", disk, 1.0)])
    assert blurred["sharpness"] < noisy["sharpness"] and noisy["artifacts"] < blurred["artifacts"]
    assert min(true_scores(fused, infrared, visible, [Injected("halo", disk, 1.0)] * 9).values()) == 1


def test_contrast_added_elsewhere_does_not_bring_a_lost_target_back() -> None:
    _, infrared, visible = scene()
    infrared = infrared.copy()
    infrared[140:190, 150:200] = 0.6  # a second warm thing
    lost = infrared.copy()
    lost[55:115, 75:125] = 0.3
    exaggerated = lost.copy()
    exaggerated[140:190, 150:200] = 1.0
    one, other = (true_scores(fused, infrared, visible)["thermal"] for fused in (lost, exaggerated))
    assert one < 4
    assert other < one + 0.3


def test_noise_is_no_texture() -> None:
    fused, infrared, visible = scene()
    random = np.random.default_rng(0)
    flat = np.full_like(visible, 0.5)
    noisy = np.clip(flat + random.normal(0, 0.1, flat.shape), 0, 1).astype(np.float32)
    assert true_scores(noisy, infrared, visible)["texture"] < 0.6 * true_scores(fused, infrared, visible)["texture"]


def test_agreement_of_heatmaps() -> None:
    true = heatmap([Disk(20, 20, 8)], 40, 40)
    elsewhere = heatmap([Disk(32, 6, 6)], 40, 40)
    assert cc(true, true) == pytest.approx(1) and sim(true, true) == pytest.approx(1)
    assert auc(true, true) == 1 and float(nss(true, true) or 0) > 2
    for measure in (cc, sim, nss, auc):
        near = heatmap([Disk(22, 20, 8)], 40, 40)
        assert float(measure(near, true) or 0) > float(measure(elsewhere, true) or 0)
    flat = np.full_like(true, 0.3)
    assert cc(flat, true) is None and nss(flat, true) is None
    assert auc(flat, true) == 0.5
    assert sim(np.zeros_like(true), true) is None and auc(true, np.zeros_like(true)) is None


def test_auc_equals_counting_pairs() -> None:
    random = np.random.default_rng(0)
    predicted, true = random.integers(0, 6, (9, 9)).astype(float), random.random((9, 9))
    marked = true >= 0.5
    wins = [(a > b) + 0.5 * (a == b) for a in predicted[marked] for b in predicted[~marked]]
    assert auc(predicted, true) == pytest.approx(np.mean(wins))
