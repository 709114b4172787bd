"""The two trainings of LightenDiffusion (Jiang et al., ECCV 2024, Sec. 3.2 and 3.3).

How the decomposition network is trained was never published in code. Here it learns from photos in normal light, exposed
shorter and noisier by simulation, so that there are two exposures of one scene; docs/lighten_diffusion.md says which losses
were chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from models.enhancers.lighten_diffusion.decomposition import REDUCTION, Decomposed, Encoded
from models.enhancers.lighten_diffusion.schedule import STEPS, noisy, share_at
from models.enhancers.phases import Phase, Terms

if TYPE_CHECKING:
    from models.enhancers.lighten_diffusion.network import LightenDiffusion

GAMMA = 0.2
"""Power of the illumination in the pseudo label of the content term (LightenDiffusion, Eq. 10)."""
STOPS = (1.0, 4.5)
"""Of under-exposure, of the second exposure in the first training."""
UNEVEN = 0.4
"""Stops by which that differs from place to place (standard deviation), so that the illumination is learnt as one of places."""
SHOT, READ = 2e-4, 1e-3


def decomposition_phase() -> Phase:
    """The first: encoder, decoder and Retinex network."""
    return Phase(
        "decomposition",
        decomposition_loss,
        trains=("ctdn",),
        pictures=("low", "normal"),
        weights={"reconstruction": 1.0, "relit": 2.0, "photo_like": 1.0, "retinex": 2.0, "content": 0.2, "smooth": 4.0},
    )


def diffusion_phase() -> Phase:
    """The second: the noise predictor, the decomposition network being frozen."""
    return Phase(
        "diffusion",
        diffusion_loss,
        trains=("unet",),
        pictures=("low", "normal"),
        weights={"noise": 1.0, "content": 0.001},
    )


def shorter(photo: torch.Tensor) -> torch.Tensor:
    """Photos (B, 3, H, W) in sRGB as a shorter exposure shows them, each by stops of its own, with the noise of a sensor.

    The light falls unevenly: a smooth field is added to the stops, which are never below none.
    """
    stops = torch.empty(len(photo), 1, 1, 1, device=photo.device).uniform_(*STOPS)
    field = UNEVEN * torch.randn(len(photo), 1, 3, 3, device=photo.device)
    stops = (stops + F.interpolate(field, photo.shape[-2:], mode="bilinear", align_corners=True)).clamp(min=0)
    light = photo.clamp(min=1e-4) ** 2.2 * 2.0**-stops
    light = light + (SHOT * light + READ**2).sqrt() * torch.randn_like(light)
    return light.clamp(min=1e-6, max=1) ** (1 / 2.2)


def decomposition_loss(
    model: LightenDiffusion, pictures: Mapping[str, torch.Tensor], weights: Mapping[str, float]
) -> tuple[torch.Tensor, Terms]:
    """Terms: a photo in the dark comes back from its latent (reconstruction); of two exposures of one scene, the latent of each
    with the features of the other gives the one that the latent is of (relit); a latent looks like the photo, reduced
    (photo_like); reflectance times illumination is the latent (retinex), to which that does nothing; one scene has one
    reflectance in both exposures (content); illumination is smooth but where the reflectance has an edge (smooth).
    """
    low, bright = pictures["low"], pictures["normal"]
    dark = shorter(bright)
    every = torch.cat([low, dark, bright])
    encoded = model.encoded(every)
    of_dark, of_bright = slice(len(low), -len(bright)), slice(-len(bright), None)
    # The features of the two exposures change places, so that the tone has to come from the latent.
    skips = tuple(torch.cat([skip[: len(low)], skip[of_bright], skip[of_dark]]) for skip in encoded.skips)
    off = (model.decoded(encoded.latent, Encoded(encoded.latent, skips), every) - every).abs()
    # What is easy to decompose must not shape the latent: a constant would be the easiest.
    latent = encoded.latent.detach()
    reflectance, illumination = model.ctdn.retinex(latent)
    # A latent is of the padded photo; crops are rarely padded, and never by much.
    reduced = F.avg_pool2d(every, REDUCTION)
    height, width = reduced.shape[-2:]
    terms = {
        "reconstruction": off[: len(low)].mean(),
        "relit": off[len(low) :].mean(),
        "photo_like": (encoded.latent[..., :height, :width] - reduced).abs().mean(),
        "retinex": (reflectance * illumination - latent).abs().mean(),
        "content": (reflectance[of_dark] - reflectance[of_bright]).abs().mean(),
        "smooth": smoothness(Decomposed(reflectance, illumination)),
    }
    return _sum(terms, weights), terms


def smoothness(parts: Decomposed) -> torch.Tensor:
    """Gradients of the illumination, less where the reflectance has some (Wei et al., BMVC 2018, Eq. 3, with 10 in the
    exponent)."""
    total = parts.illumination.new_zeros(())
    for axis in (-1, -2):
        edges = parts.reflectance.mean(1, keepdim=True).diff(dim=axis).abs()
        total = total + (parts.illumination[:, :1].diff(dim=axis).abs() * torch.exp(-10 * edges)).mean()
    return total


def diffusion_loss(
    model: LightenDiffusion, pictures: Mapping[str, torch.Tensor], weights: Mapping[str, float]
) -> tuple[torch.Tensor, Terms]:
    """Terms: the mean squared error of the predicted noise, and the distance of the latent that it implies from the pseudo label
    R_low L_low^0.2 (content), by as much as the latent is left at that time, without which a guess from mere noise would
    outweigh all.
    """
    low, normal = pictures["low"], pictures["normal"]
    with torch.no_grad():
        latent = model.encoded(low).latent
        ours, theirs = model.ctdn.retinex(latent), model.ctdn.retinex(model.encoded(normal).latent)
        target = 2 * ours.reflectance * theirs.illumination - 1
        label = 2 * ours.reflectance * ours.illumination**GAMMA - 1
    # Times in opposite pairs, as the public networks of this family draw them.
    half = torch.randint(0, STEPS, ((len(low) + 1) // 2,), device=low.device)
    time = torch.cat([half, STEPS - 1 - half])[: len(low)]
    noise = torch.randn_like(target)
    x = noisy(target, noise, time)
    condition = 2 * latent - 1
    predicted = model.noise_in(x, condition, model.unet(torch.cat([condition, x], 1), time), time)
    share = share_at(time, x)
    implied = x - (1 - share).sqrt() * predicted
    terms = {"noise": F.mse_loss(predicted, noise), "content": (implied - share.sqrt() * label).abs().mean()}
    return _sum(terms, weights), terms


def _sum(terms: Terms, weights: Mapping[str, float]) -> torch.Tensor:
    return torch.stack([weights[name] * value for name, value in terms.items()]).sum()
