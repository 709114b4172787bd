"""LightenDiffusion: its size, its steps by hand, its tiles, its gradients, its two trainings."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from models.core.training import step_seed
from models.enhancers import UnknownEnhancer, create
from models.enhancers.lighten_diffusion import build, objectives
from models.enhancers.lighten_diffusion.decomposition import Decomposed
from models.enhancers.lighten_diffusion.network import between, reflected
from models.enhancers.lighten_diffusion.objectives import smoothness
from models.enhancers.lighten_diffusion.schedule import SHARES, deviation, noise_of, noisy, step_mean, times
from models.tiling import enhance_tiled

TINY: dict[str, Any] = {
    "width": 4, "heads": 2, "unet_width": 8, "multipliers": [1, 2], "blocks": 1, "attention": [1], "steps": 3,
}  # fmt: skip


def tiny(**more: Any) -> Any:
    torch.manual_seed(0)
    return create("lighten_diffusion", **(TINY | more)).eval()


def photo(height: int = 64, width: int = 72) -> torch.Tensor:
    return 0.3 * torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_at_paper_scale_it_has_the_published_numbers_of_parameters() -> None:
    """Counted on the public model."""
    with torch.device("meta"):
        network = build()
    assert count(network.ctdn.reconstruction) == 6_563_526
    assert count(network.ctdn.retinex) == 505_796
    assert count(network.ctdn) == 7_069_322
    assert count(network.unet) == 20_763_651
    assert network.multiple == 64


def test_the_schedule_by_hand() -> None:
    assert float(SHARES[0]) == 1 and float(SHARES[1]) == pytest.approx(1 - 1e-4)
    # (1 - 1e-4) (1 - 1e-4 - 0.0199 / 999)
    assert float(SHARES[2]) == pytest.approx(0.9999 * (1 - 1e-4 - 0.0199 / 999))
    assert float(SHARES[1000]) == pytest.approx(4.0358e-5, rel=1e-4)  # DDPM's own
    assert times(20)[:2] == [(950, 900), (900, 850)] and times(20)[-1] == (0, -1) and len(times(20)) == 20
    assert times(1) == [(0, -1)]
    for steps in (0, 1001):
        with pytest.raises(ValueError, match=f"1 to 1000, not {steps}"):
            times(steps)


def test_what_a_step_draws_is_ddpms_posterior_where_eta_is_one() -> None:
    # beta_t (1 - share_{t-1}) / (1 - share_t), Ho et al., Eq. 7
    now, then = float(SHARES[501]), float(SHARES[500])
    assert deviation(500, 499, 1.0) ** 2 == pytest.approx((1 - now / then) * (1 - then) / (1 - now))
    assert deviation(500, 499, 0.5) == pytest.approx(deviation(500, 499, 1.0) / 2)
    assert deviation(50, -1, 1.0) == 0, "the last step ends with the picture"


def test_with_the_true_noise_the_steps_lead_to_the_picture() -> None:
    generator = torch.Generator().manual_seed(0)
    picture, noise = (torch.randn(2, 3, 8, 8, generator=generator, dtype=torch.float64) for _ in range(2))
    picture = picture.clamp(-1, 1)
    x = noisy(picture, noise, torch.tensor([900, 900]))
    for time, following in times(10):
        x = step_mean(x, noise, time, following, 0.0)
    assert torch.allclose(x, picture, atol=1e-9)


def test_who_tells_the_latent_tells_the_noise() -> None:
    """With the true difference of the latents the noise is exact at every time, and the sampler ends with the latent."""
    network, generator = tiny(predicts="latent"), torch.Generator().manual_seed(0)
    dark, bright = torch.rand(2, 3, 3, 8, 8, generator=generator)
    noise, at = torch.randn(3, 3, 8, 8, generator=generator), torch.tensor([10, 500, 999])
    condition, clean = 2 * dark - 1, 2 * bright - 1
    x = noisy(clean, noise, at)
    assert torch.allclose(network.noise_in(x, condition, clean - condition, at), noise, atol=1e-4)

    class Knows(nn.Module):
        def forward(self, both: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            return clean - both[:, :3]

    network.unet = Knows()
    assert torch.allclose(network.sampled(dark, noise), bright, atol=1e-5)


def test_a_shorter_exposure_is_lit_unevenly(monkeypatch: pytest.MonkeyPatch) -> None:
    def stops() -> torch.Tensor:
        """Of places of 8 x 8 pixels of a bright grey photo."""
        torch.manual_seed(0)
        made = objectives.shorter(torch.full((16, 3, 64, 64), 0.9)) ** 2.2
        return -(nn.functional.avg_pool2d(made, 8) / 0.9**2.2).log2()

    uneven = stops()
    assert 0.2 < uneven.std((1, 2, 3)).mean() < 0.6 and uneven.min() > -0.1
    monkeypatch.setattr(objectives, "UNEVEN", 0.0)
    even = stops()
    assert even.std((1, 2, 3)).max() < 0.05
    assert even.mean((1, 2, 3)).min() > 1 and even.mean((1, 2, 3)).max() < 4.5


def test_the_photo_and_the_seed_decide_the_noise() -> None:
    pictures = torch.cat([photo(), photo().flip(-1)]).mul(255).round() / 255
    noise = noise_of(pictures, 0, (3, 8, 9))
    assert torch.equal(noise[:1], noise_of(pictures[:1], 0, (3, 8, 9))), "whatever it is beside"
    assert not torch.equal(noise[0], noise[1])
    assert not torch.equal(noise, noise_of(pictures, 1, (3, 8, 9)))
    assert torch.equal(noise, noise_of(pictures + 1e-4, 0, (3, 8, 9))), "less than a level of 8 bits"
    assert abs(float(noise.mean())) < 0.15 and float(noise.std()) == pytest.approx(1, abs=0.1)
    with torch.no_grad():
        made = tiny()(photo())
        torch.rand(7)
        assert torch.equal(tiny()(photo()), made)
        assert not torch.equal(tiny(seed=1)(photo()), made)


def test_padding_reflects_again_and_again() -> None:
    image = torch.arange(3.0).reshape(1, 1, 1, 3)
    assert reflected(image, 8)[0, 0, 0].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert reflected(image, 8).shape[-2] == 8
    assert torch.equal(reflected(photo(64, 64), 64), photo(64, 64))
    assert reflected(image, 1, rows=2, columns=1)[0, 0].tolist() == [[0, 1, 2, 1]] * 3


def test_a_coarse_grid_between_its_cells_by_hand() -> None:
    grid = torch.tensor([0.0, 4.0]).reshape(1, 1, 1, 2)
    # Twice as fine: places at -0.25, 0.25, 0.75, 1.25 of the cells.
    found = between(grid, torch.arange(2), torch.arange(4), 2.0, 2.0)
    assert found[0, 0].tolist() == [[0.0, 1.0, 3.0, 4.0]] * 2
    assert torch.equal(between(grid, torch.arange(1), torch.arange(2), 1.0, 1.0), grid)


def test_a_large_photo_is_decided_on_when_reduced_and_keeps_its_detail() -> None:
    """Of 1040 pixels a side, the sampler sees 520; tiles are equal to the whole, and fine stripes are still there."""
    network = tiny(steps=1)
    random = np.random.default_rng(0)
    large = (60 * random.random((1040, 1048, 3))).astype(np.uint8)
    seen: list[torch.Size] = []
    network.unet.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape))
    made = enhance_tiled(network, large, tile=512)
    assert seen == [torch.Size([1, 6, 66, 66])], "520 and 524 pixels, padded to 528, at an eighth"
    rows, columns = slice(400, 624), slice(400, 624)  # across the borders of tiles
    whole = enhance_tiled(network, large, tile=4096)
    assert np.abs(made[rows, columns].astype(int) - whole[rows, columns]).max() <= 1


def test_a_gradient_by_recomputing_is_the_same_and_can_be_that_of_the_last_steps() -> None:
    def slopes(**options: Any) -> dict[str, torch.Tensor]:
        network = tiny(**options).train()
        network(photo()).square().mean().backward()
        return {name: value.grad for name, value in network.named_parameters() if value.grad is not None}

    plain, again, last = slopes(checkpointing=False), slopes(), slopes(gradient_steps=1)
    assert plain.keys() == again.keys() == last.keys()
    assert all(torch.allclose(plain[name], again[name], atol=1e-7) for name in plain)
    assert any(not torch.allclose(plain[name], last[name], rtol=1e-3) for name in plain if name.startswith("unet"))
    grown: list[bool] = []
    network = tiny(gradient_steps=1, checkpointing=False)
    network.unet.register_forward_hook(lambda *given: grown.append(given[2].requires_grad))
    network(photo())
    assert grown == [False, False, True]


def test_reflectance_and_illumination() -> None:
    found = tiny().ctdn.retinex(torch.rand(2, 3, 8, 8))
    assert found.reflectance.shape == found.illumination.shape == (2, 3, 8, 8)
    assert torch.equal(found.illumination[:, 0], found.illumination[:, 2])
    flat, step = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    step[..., 2:] = 1
    # One of three differences along a row is 1; where the reflectance steps as well it counts exp(-10).
    assert float(smoothness(Decomposed(flat, step))) == pytest.approx(1 / 3)
    assert float(smoothness(Decomposed(step, step))) == pytest.approx(np.exp(-10) / 3, rel=1e-3)
    assert float(smoothness(Decomposed(step, flat))) == 0


@pytest.mark.parametrize("name", ["decomposition", "diffusion"])
def test_each_training_changes_its_part_alone_and_lowers_its_loss(name: str) -> None:
    network = tiny(width=8).train()
    before = copy.deepcopy(network.state_dict())
    phase = next(one for one in network.phases() if one.name == name)
    for key, parameter in network.named_parameters():
        parameter.requires_grad_(key.partition(".")[0] in phase.trains)
    given = {"low": photo(32, 32).repeat(4, 1, 1, 1), "normal": 3 * photo(32, 32).flip(-1).repeat(4, 1, 1, 1)}
    optimiser = torch.optim.Adam([one for one in network.parameters() if one.requires_grad], lr=3e-3)
    found = []
    for step in range(25):
        torch.manual_seed(step_seed(0, step % 2))
        loss, terms = phase.loss(network, given, phase.weights)
        assert set(terms) == set(phase.weights)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(float(loss.detach()))
    assert found[-1] + found[-2] < 0.8 * (found[0] + found[1])
    changed = {key for key, value in network.state_dict().items() if not torch.equal(value, before[key])}
    assert {key.partition(".")[0] for key in changed} == set(phase.trains)
    without = [key for key, one in network.named_parameters() if one.requires_grad and one.grad is None]
    assert without == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"width": 6, "heads": 4}, "6 channels are not 4 heads"),
        ({"unet_width": 6}, "multiple of 4"),
        ({"attention": [4]}, r"levels \[4\]; there are 0 to 1"),
        ({"steps": 0}, "1 to 1000, not 0"),
        ({"predicts": "picture"}, "predicts is noise or latent, not 'picture'"),
        ({"gradient_steps": 4}, r"1 to 3 \(steps\), or null for all, not 4"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UnknownEnhancer, match=told):
        create("lighten_diffusion", **(TINY | options))
