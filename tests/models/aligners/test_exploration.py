"""Explorations: their noise is as their energy says."""

from __future__ import annotations

import pytest
import torch

from models.aligners.exploration import EXPLORATIONS, Exploration, Gain, Scales, Scene, White, cell_means, exploration

SIDE = 16


def scene(sources: int = 2, side: int = SIDE) -> Scene:
    generator = torch.Generator().manual_seed(0)
    regions = torch.zeros(1, 2, side, side)
    regions[:, 0, :, : side // 2], regions[:, 1, :, side // 2 :] = 1, 1
    pictures = torch.rand(1 + sources, 1, 3, side, side, generator=generator)
    return Scene(pictures[0], tuple(pictures[1:]), regions)


@pytest.mark.parametrize(
    ("name", "colour"), [*((name, False) for name in EXPLORATIONS), ("white", True), ("scales", True)]
)
@pytest.mark.parametrize("sources", [1, 2])
def test_the_energy_of_its_own_noise_is_one_a_pixel(name: str, colour: bool, sources: int) -> None:
    explorer, where = exploration(name, **({"colour": True} if colour else {})), scene(sources)
    noise = explorer.noise(where, 400, torch.Generator().manual_seed(1))
    assert noise.shape == (400, 1, 3 if colour else 1, SIDE, SIDE)
    assert torch.equal(noise[1::2], -noise[::2]), "pairs of opposites"
    energy = explorer.energy(noise, where)
    assert energy.shape == (400, 1, SIDE, SIDE)
    assert float(energy.mean()) == pytest.approx(1, abs=0.12)
    again = explorer.noise(where, 400, torch.Generator().manual_seed(1))
    assert torch.equal(noise, again)


def test_white_noise_has_its_deviation() -> None:
    noise = White(0.03).noise(scene(), 200, torch.Generator().manual_seed(1))
    assert float(noise.std()) == pytest.approx(0.03, rel=0.02)


def test_energy_of_several_scales_is_that_of_their_covariance() -> None:
    side, levels, scale = 4, 3, 0.1
    basis = []
    for size in (1, 2, 4):
        for row in range(0, side, size):
            for column in range(0, side, size):
                one = torch.zeros(side, side, dtype=torch.float64)
                one[row : row + size, column : column + size] = 1
                basis.append(one.flatten())
    columns = torch.stack(basis, 1) * (scale / levels**0.5)
    difference = torch.randn(1, 1, 1, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    flat = difference.flatten()
    exact = flat @ torch.linalg.solve(columns @ columns.T, flat)
    found = Scales(scale, levels).energy(difference, scene(side=side)).sum()
    assert float(found) == pytest.approx(float(exact), rel=1e-6)


def test_gain_and_mixing_are_found_again() -> None:
    where, explorer = scene(), Gain(0.1, 0.2)
    mean, apart = where.before.mean(1), (where.sources[0] - where.sources[1]).mean(1)
    difference = (0.1 * mean * where.regions[:, 0] + 0.4 * apart * where.regions[:, 1])[None, :, None]
    energy = explorer.energy(difference, where)[0, 0]
    assert energy[:, 0].tolist() == pytest.approx([0.5] * SIDE, rel=1e-3), "one deviation of gain, none of mixing"
    assert energy[:, -1].tolist() == pytest.approx([2.0] * SIDE, rel=1e-3), "two deviations of mixing"


def test_means_of_cells_at_the_edge_are_of_what_they_have() -> None:
    found = cell_means(torch.arange(5.0)[None, None, None], 2)
    assert found.flatten().tolist() == [0.5, 0.5, 2.5, 2.5, 4.0]


@pytest.mark.parametrize(
    ("name", "options"),
    [("white", {"scale": 0.0}), ("cells", {"size": 0}), ("scales", {"levels": 9}), ("gain", {"mixing": 1.0}), ("blue", {}),
     ("white", {"size": 3})],
)  # fmt: skip
def test_what_does_not_fit_is_refused(name: str, options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"not|no exploration|has no option .size."):
        exploration(name, **options)


def test_every_exploration_is_one() -> None:
    assert all(issubclass(kind, Exploration) for kind in EXPLORATIONS.values())
