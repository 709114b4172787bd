"""LightenDiffusion: latent-Retinex diffusion (Jiang et al., ECCV 2024), the enhancer that HiLLIE aligns.

A photo becomes a latent and features; from noise, with the latent as condition, the sampler makes the latent of the photo in
normal light; the decoder makes that a photo, with the features' detail. The noise is decided by the photo, so that it gets
one picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from models.core.checkpointing import recomputed
from models.core.exploring import Paths
from models.enhancers.base import Enhancer, Window
from models.enhancers.lighten_diffusion.decomposition import REDUCTION, Decomposition, Encoded
from models.enhancers.lighten_diffusion.objectives import decomposition_phase, diffusion_phase
from models.enhancers.lighten_diffusion.schedule import deviation, noise_of, share_at, step_mean, times
from models.enhancers.lighten_diffusion.unet import UNet
from models.enhancers.phases import Phase

_DARKEST = 1e-2
_MOST = 50.0
"""Of what the sampler does to a place of the latent where the detail comes from a larger photo."""


class LightenDiffusion(Enhancer):
    """ctdn: the decomposition network; unet: the noise predictor; steps: of the sampler.

    predicts: what the U-Net gives: "noise" (the paper), or "latent", by how much the latent in normal light differs from the
    photo's (Salimans and Ho, ICLR 2022, Sec. 4: from a prediction of the picture follows one of the noise). A small network
    that was trained for minutes errs far less in the latter.

    gradient_steps: of them, the last that have a gradient; None: all. checkpointing: a step's activations are computed again
    when its gradient is, so that memory does not grow with the steps. seed: of the noise, beside the photo.
    """

    # Convolutions of encoder and decoder reach 136 pixels beside the latent, which is made for the whole photo.
    halo = 136
    stride = REDUCTION

    def __init__(
        self,
        ctdn: Decomposition,
        unet: UNet,
        steps: int = 20,
        gradient_steps: int | None = None,
        checkpointing: bool = True,
        seed: int = 0,
        predicts: str = "noise",
    ) -> None:
        super().__init__()
        if predicts not in ("noise", "latent"):
            raise ValueError(f"predicts is noise or latent, not {predicts!r}")
        if gradient_steps is not None and not 1 <= gradient_steps <= steps:
            raise ValueError(f"gradient_steps are 1 to {steps} (steps), or null for all, not {gradient_steps}")
        self.ctdn, self.unet, self.predicts = ctdn, unet, predicts
        self.times, self.gradient_steps, self.checkpointing, self.seed = (
            times(steps),
            gradient_steps,
            checkpointing,
            seed,
        )
        self.multiple = REDUCTION * 2 ** (len(unet.down) - 1)
        """Of which the padded sides of a photo are multiples: 64 in the paper."""

    def phases(self) -> Sequence[Phase]:
        return decomposition_phase(), diffusion_phase()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        encoded = self.encoded(image)
        return self.decoded(self.sampled(encoded.latent, self.start_of(image, encoded)), encoded, image)

    def encoded(self, image: torch.Tensor) -> Encoded:
        """The latent of photos (B, 3, H, W), in [0, 1], and their features; both of the padded photos."""
        found: Encoded = self.ctdn.reconstruction.encode(reflected(image, self.multiple))
        return found

    def start_of(self, image: torch.Tensor, encoded: Encoded) -> torch.Tensor:
        """The noise that the photos' way starts from, of the latent's shape."""
        return noise_of(image, self.seed, encoded.latent.shape[1:])

    def sampled(self, latent: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """The latent (B, 3, h, w) in [0, 1] of photos in normal light, by DDIM without noise of its own (eta 0) from x on."""
        condition = 2 * latent - 1
        free = 0 if self.gradient_steps is None else len(self.times) - self.gradient_steps
        for place, (time, following) in enumerate(self.times):
            with torch.set_grad_enabled(torch.is_grad_enabled() and place >= free):
                x = step_mean(x, self.predicted(condition, x, time), time, following, 0.0)
        return ((x + 1) / 2).clamp(0, 1)

    def predicted(self, condition: torch.Tensor, x: torch.Tensor, time: int) -> torch.Tensor:
        """The noise in x (B, 3, h, w) at a time, beside the condition in [-1, 1]."""
        at = torch.full((len(x),), time, device=x.device)
        both = torch.cat([condition, x], 1)
        if self.checkpointing and torch.is_grad_enabled():
            return self.noise_in(x, condition, recomputed(self.unet, both, at), at)
        return self.noise_in(x, condition, self.unet(both, at), at)

    def noise_in(self, x: torch.Tensor, condition: torch.Tensor, given: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        """The noise in x (B, 3, h, w) at times (B,), by what the U-Net gave of it and the condition."""
        if self.predicts == "noise":
            return given
        share = share_at(at, x)
        return (x - share.sqrt() * (condition + given)) / (1 - share).sqrt()

    def decoded(self, latent: torch.Tensor, encoded: Encoded, image: torch.Tensor) -> torch.Tensor:
        """The photos of a latent, at the size that they had."""
        made = self.ctdn.reconstruction.decode(latent, encoded.skips)
        return made[..., : image.shape[-2], : image.shape[-1]]

    @torch.no_grad()
    def for_photo(self, image: torch.Tensor) -> Enhancer:
        encoded = self.encoded(image)
        made = self.sampled(encoded.latent, self.start_of(image, encoded))
        return _OnPhoto(self, encoded.latent, made, (image.shape[-2], image.shape[-1]))

    @torch.no_grad()
    def explore(
        self, sources: Sequence[torch.Tensor], samples: int, scale: float, last: int | None, generator: torch.Generator
    ) -> Paths:
        """Paths of DDIM with eta `scale` in the steps that are drawn, but for the last one, which draws nothing."""
        (image,) = sources
        encoded = self.encoded(image)
        start = self.start_of(image, encoded)
        condition, x = 2 * encoded.latent - 1, start[None].expand(samples, *start.shape)
        starts: list[torch.Tensor] = []
        means: list[torch.Tensor] = []
        noises: list[torch.Tensor] = []
        drawn = self._drawn(last)
        for time, following in self.times:
            sigma = deviation(time, following, scale) if time in drawn else 0.0
            mean = torch.stack(
                [step_mean(one, self.predicted(condition, one, time), time, following, sigma) for one in x]
            )
            if time in drawn:
                half = torch.randn((samples + 1) // 2, *start.shape, generator=generator).to(x)
                noise = sigma * torch.stack([half, -half], 1).flatten(0, 1)[:samples]
                for found, part in ((starts, x), (means, mean), (noises, noise)):
                    found.append(part)
                mean = mean + noise
            x = mean
        latents = ((x + 1) / 2).clamp(0, 1)
        pictures = torch.stack([self.decoded(one, encoded, image) for one in latents])
        sigmas = torch.tensor([deviation(time, following, scale) for time, following in self.times if time in drawn])
        return Paths(
            pictures, torch.stack(starts), torch.stack(means), torch.stack(noises), sigmas.to(image.device), REDUCTION
        )

    def means_on(self, sources: Sequence[torch.Tensor], paths: Paths) -> torch.Tensor:
        (image,) = sources
        condition = 2 * self.encoded(image).latent - 1
        drawn = [step for step in self.times if step[0] in self._drawn(len(paths.starts))]
        return torch.stack(
            [
                torch.stack(
                    [step_mean(one, self.predicted(condition, one, time), time, following, float(sigma)) for one in x]
                )
                for x, (time, following), sigma in zip(paths.starts, drawn, paths.deviations, strict=True)
            ]
        )

    def _drawn(self, last: int | None) -> set[int]:
        """Times of the steps that draw noise: the last of those that can."""
        able = [time for time, following in self.times if following >= 0]
        if not able:
            raise ValueError("a sampler of one step draws nothing: no exploration of its own")
        return set(able if last is None else able[-last:])


class _OnPhoto(Enhancer):
    """The network with the latent that it made of one photo, perhaps reduced, for the photo's tiles.

    A tile has its own features. Where the photo was reduced it also has its own latent, which is changed as that of the
    reduced photo was: by a factor at each place.
    """

    halo, stride = LightenDiffusion.halo, LightenDiffusion.stride

    def __init__(
        self, network: LightenDiffusion, before: torch.Tensor, made: torch.Tensor, size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.network, self.made, self.size = network, made, size
        self.factor = (made / before.clamp(min=_DARKEST)).clamp(max=_MOST)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.on_tile(image, Window(0, 0, *image.shape[-2:]))

    def on_tile(self, tile: torch.Tensor, window: Window) -> torch.Tensor:
        height, width = tile.shape[-2:]
        # A tile at the lower or right edge is padded as the whole photo is.
        multiple = self.network.multiple
        padded = reflected(
            tile,
            REDUCTION,
            (-window.height % multiple if window.top + height == window.height else 0),
            (-window.width % multiple if window.left + width == window.width else 0),
        )
        encoded = self.network.ctdn.reconstruction.encode(padded)
        rows = torch.arange(encoded.latent.shape[-2]) + window.top // REDUCTION
        columns = torch.arange(encoded.latent.shape[-1]) + window.left // REDUCTION
        if (window.height, window.width) == self.size:
            latent = self.made[..., rows, :][..., columns]
        else:
            down, right = window.height / self.size[0], window.width / self.size[1]
            latent = (encoded.latent * between(self.factor, rows, columns, down, right)).clamp(0, 1)
        return self.network.decoded(latent, encoded, tile)


def reflected(image: torch.Tensor, multiple: int, rows: int = 0, columns: int = 0) -> torch.Tensor:
    """An image (B, 3, H, W) with `rows` and `columns` added below and right, and then as many as make both sides multiples.

    What is added is the reflection, again and again where the image is smaller than that.
    """
    height, width = image.shape[-2:]
    for axis, side, more in ((-2, height, rows), (-1, width, columns)):
        total = side + more + -(side + more) % multiple
        if total > side:
            period = max(2 * side - 2, 1)
            places = torch.arange(total, device=image.device) % period
            image = image.index_select(axis, torch.where(places < side, places, period - places))
    return image


def between(grid: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, down: float, right: float) -> torch.Tensor:
    """A grid (B, C, h, w) at places of a finer one, `down` and `right` times as fine, bilinear: (B, C, rows, columns)."""

    def hats(places: torch.Tensor, times: float, cells: int) -> torch.Tensor:
        at = ((places + 0.5) / times - 0.5).clamp(0, cells - 1)
        return (1 - (at[:, None] - torch.arange(cells)).abs()).clamp(min=0).to(grid)

    return hats(rows, down, grid.shape[-2]) @ grid @ hats(columns, right, grid.shape[-1]).T
