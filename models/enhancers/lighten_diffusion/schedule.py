"""The noise of diffusion by step, and the way back: DDPM's linear schedule (Ho et al. 2020), DDIM's steps (Song et al., ICLR
2021)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch

STEPS = 1000
FIRST, LAST = 1e-4, 0.02


def kept_shares() -> torch.Tensor:
    """(1001,) float64: how much of the variance of a picture is left after as many steps; 1 after none."""
    betas = torch.linspace(FIRST, LAST, STEPS, dtype=torch.float64)
    return torch.cat([torch.ones(1, dtype=torch.float64), (1 - betas).cumprod(0)])


SHARES = kept_shares()


def times(steps: int) -> list[tuple[int, int]]:
    """(time, next time) of each of `steps` equal steps from noise to the picture; -1 is the picture.

    Raises ValueError: fewer than 1 or more than 1000.
    """
    if not 1 <= steps <= STEPS:
        raise ValueError(f"steps are 1 to {STEPS}, not {steps}")
    chosen = list(range(0, STEPS, STEPS // steps))[:steps]
    return list(zip(chosen[::-1], [*chosen[-2::-1], -1], strict=True))


def share_at(time: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """How much is left of a picture's variance at times (B,) of 0 to 999, to be multiplied with `like` (B, ...)."""
    return SHARES.to(like.device)[time + 1].to(like.dtype).reshape(-1, *(1,) * (like.dim() - 1))


def noisy(picture: torch.Tensor, noise: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    """The picture (B, ...) with noise as at times (B,) of 0 to 999."""
    share = share_at(time, picture)
    return share.sqrt() * picture + (1 - share).sqrt() * noise


def deviation(time: int, following: int, eta: float) -> float:
    """Standard deviation of what a DDIM step draws (Song et al., Eq. 16); 0 in the step that ends with the picture."""
    now, then = float(SHARES[time + 1]), float(SHARES[following + 1])
    return float(eta * ((1 - then) / (1 - now)) ** 0.5 * (1 - now / then) ** 0.5)


def step_mean(x: torch.Tensor, predicted: torch.Tensor, time: int, following: int, drawn: float) -> torch.Tensor:
    """Where a DDIM step leads (Song et al., Eq. 12), without what it draws. predicted: noise in x; drawn: `deviation`.

    The picture that this implies is brought back into [-1, 1]: where little is left of it, a small error of the noise is a large
    one of it.
    """
    now, then = float(SHARES[time + 1]), float(SHARES[following + 1])
    picture = ((x - (1 - now) ** 0.5 * predicted) / now**0.5).clamp(-1, 1)
    return then**0.5 * picture + max(0.0, 1 - then - drawn**2) ** 0.5 * predicted


def noise_of(pictures: torch.Tensor, seed: int, shape: Sequence[int]) -> torch.Tensor:
    """Standard normal noise (B, *shape) that a picture (B, 3, H, W), as 8-bit values, and the seed decide: the same on all
    devices."""
    levels = pictures.detach().clamp(0, 1).mul(255).round().to(torch.uint8).cpu().contiguous()
    drawn = []
    for one in levels:
        digest = hashlib.sha256(f"{seed}/{tuple(one.shape)}/".encode() + one.numpy().tobytes()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
        drawn.append(torch.randn(tuple(shape), generator=generator))
    return torch.stack(drawn).to(pictures.device, torch.float32)
