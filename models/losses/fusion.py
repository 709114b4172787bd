"""The loss search space of multi-exposure fusion: 19 terms, their weighted sum by softmax(beta), and the hybrid contrastive
constraint that beta is searched by (Wu et al., HSDS-MEF, AAAI 2024, Table 1 and Eq. 3).

Every term is to be minimised, is a mean over pixels and over the batch, and is of order one or smaller. Y is full-range
BT.601 luma in [0, 1]; pixel, structure, gradient, TV and PSNR terms read Y; colour and perceptual terms read sRGB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.core.gaussian import gaussian_taps, smooth_valid
from models.quality.fusion.structure import mef_ssim_map

SSIM_TAPS = gaussian_taps(1.5, 5)
TINY = 1e-8
"""Added to squared errors under a logarithm and to the distance of the negatives, both of which may be 0."""
DARK = 1e-4
"""Added to the inner product of two colours: the angle between colours far below 0.01 is noise and fades to 0."""

Stack = tuple[Tensor, ...]
"""Feature maps of one batch of pictures, one (B, C, h, w) a layer."""
Features = Callable[[Tensor], Tensor | Stack]
"""Frozen features of (B, 3, H, W) in [0, 1]: one layer, or several."""


@dataclass(frozen=True)
class FusionScene:
    """A fused picture with what it was fused from, in [0, 1]; batches of one shape.

    fused, under, over, reference: (B, 1, H, W) Y. fused_rgb, ..., reference_rgb: (B, 3, H, W) sRGB.
    Both references or neither. Raises ValueError: shapes that do not go together.
    """

    fused: Tensor
    under: Tensor
    over: Tensor
    fused_rgb: Tensor
    under_rgb: Tensor
    over_rgb: Tensor
    reference: Tensor | None = None
    reference_rgb: Tensor | None = None

    def __post_init__(self) -> None:
        if (self.reference is None) != (self.reference_rgb is None):
            raise ValueError("a scene has both reference (Y) and reference_rgb, or neither")
        batch, height, width = self.fused.shape[0], *self.fused.shape[2:]
        for channels, names in (
            (1, ("fused", "under", "over", "reference")),
            (3, ("fused_rgb", "under_rgb", "over_rgb")),
        ):
            for name in (*names, "reference_rgb") if channels == 3 else names:
                picture = getattr(self, name)
                if picture is not None and tuple(picture.shape) != (batch, channels, height, width):
                    wanted = (batch, channels, height, width)
                    raise ValueError(f"{name} should have shape {wanted} as fused has, got {tuple(picture.shape)}")


class SharedFeatures:
    """Features that are computed once a picture (by identity), for the terms of one scene and the contrastive constraint.

    features: what computes them. known: pairs of a picture and its features, computed before (sources that come back
    every epoch). Keeps the pictures and, for those that require gradients, their graph: make one a step.
    """

    def __init__(self, features: Features, known: Sequence[tuple[Tensor, Tensor | Stack]] = ()) -> None:
        self._features = features
        self._known = {id(picture): (picture, as_stack(maps)) for picture, maps in known}

    def __call__(self, picture: Tensor) -> Stack:
        """The maps of (B, 3, H, W) in [0, 1], one a layer."""
        if id(picture) not in self._known:
            self._known[id(picture)] = (picture, as_stack(self._features(picture)))
        return self._known[id(picture)][1]


def as_stack(maps: Tensor | Sequence[Tensor]) -> Stack:
    """One layer or several, as a tuple."""
    return (maps,) if isinstance(maps, Tensor) else tuple(maps)


def l1(fused: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference, scalar."""
    return (fused - target).abs().mean()


def l2(fused: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference, scalar."""
    return (fused - target).square().mean()


def sobel_strength(y: Tensor) -> Tensor:
    """|g_x| + |g_y| of (B, 1, H, W), by the Sobel operator over 8 (a ramp of slope s gives s); (B, 1, H - 2, W - 2)."""
    down = y[..., :-2, :] + 2 * y[..., 1:-1, :] + y[..., 2:, :]
    across = y[..., :-2] + 2 * y[..., 1:-1] + y[..., 2:]
    horizontal = (down[..., 2:] - down[..., :-2]).abs()
    return (horizontal + (across[..., 2:, :] - across[..., :-2, :]).abs()) / 8


def gradient_max(fused: Tensor, under: Tensor, over: Tensor) -> Tensor:
    """L1 between the gradient strength of the fused Y and, pixel by pixel, the stronger of the sources'; scalar."""
    return l1(sobel_strength(fused), torch.maximum(sobel_strength(under), sobel_strength(over)))


def ssim_loss(fused: Tensor, target: Tensor) -> Tensor:
    """1 - SSIM (Wang 2004, Eq. 13) of Y (B, 1, H, W) in [0, 1], sides >= 11; Gaussian window 11, sigma 1.5, valid part."""
    c1, c2 = 0.01**2, 0.03**2
    mean_x, mean_y = smooth_valid(fused, SSIM_TAPS), smooth_valid(target, SSIM_TAPS)
    variance_x = smooth_valid(fused * fused, SSIM_TAPS) - mean_x * mean_x
    variance_y = smooth_valid(target * target, SSIM_TAPS) - mean_y * mean_y
    covariance = smooth_valid(fused * target, SSIM_TAPS) - mean_x * mean_y
    light = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    return 1 - (light * (2 * covariance + c2) / (variance_x + variance_y + c2)).mean()


def mef_ssim_loss(fused: Tensor, target: Tensor) -> Tensor:
    """1 - MEF-SSIM (Ma 2015) of Y (B, 1, H, W) in [0, 1], sides >= 8, with the target as the only exposure, one scale.

    With one exposure the desired patch is the target's own, less its mean: contrast and structure count, brightness does not.
    """
    return 1 - mef_ssim_map(fused, (target,), constant=0.03**2).mean()


def perceptual(fused: Stack, target: Stack) -> Tensor:
    """Mean squared difference of feature maps (Johnson 2016), mean over layers, scalar.

    Over the mean square of the target's maps, picture by picture and layer by layer: VGG's activations differ in size from
    layer to layer, and the term is of order one with this, whatever the layers.
    """
    parts = [_distance(f, t) / (t.detach().square().mean((1, 2, 3)) + TINY) for f, t in zip(fused, target, strict=True)]
    return torch.stack(parts).mean()


def colour_angle(fused: Tensor, target: Tensor) -> Tensor:
    """Mean angle in radians between the RGB vectors (B, 3, H, W) of two pictures (Wang 2019, DeepUPE), scalar."""
    inner = (fused * target).sum(1) + DARK
    # atan2 of the outer and the inner product: unlike arccos its gradient is finite where the colours are equal.
    outer = (torch.linalg.cross(fused, target, dim=1).square().sum(1) + 1e-12).sqrt()
    return torch.atan2(outer, inner).mean()


def total_variation(fused: Tensor) -> Tensor:
    """Mean squared difference of neighbours, across plus down (Table 1, 7), scalar."""
    return fused.diff(dim=-1).square().mean() + fused.diff(dim=-2).square().mean()


def psnr_loss(fused: Tensor, target: Tensor) -> Tensor:
    """-PSNR / 10 of Y in [0, 1], mean over the batch: log10 of the squared error, in [-8, 0] (-2 at 20 dB), scalar."""
    return torch.log10((fused - target).square().mean((1, 2, 3)) + TINY).mean()


Term = Callable[[FusionScene, Features | None], Tensor]


def _against(measure: Callable[[Tensor, Tensor], Tensor], target: str) -> Term:
    """A term that compares the fused picture with one other; 0 where the scene lacks it."""
    fused = "fused_rgb" if target.endswith("_rgb") else "fused"

    def term(scene: FusionScene, features: Features | None) -> Tensor:
        other = getattr(scene, target)
        return scene.fused.new_zeros(()) if other is None else measure(getattr(scene, fused), other)

    return term


def _perceptual(target: str) -> Term:
    def term(scene: FusionScene, features: Features | None) -> Tensor:
        other = getattr(scene, target)
        if other is None or features is None:
            return scene.fused.new_zeros(())
        with torch.no_grad():
            wanted = as_stack(features(other))
        return perceptual(as_stack(features(scene.fused_rgb)), wanted)

    return term


LOSSES: dict[str, Term] = {
    "l1_over": _against(l1, "over"),
    "l1_under": _against(l1, "under"),
    "l1_reference": _against(l1, "reference"),
    "l2_over": _against(l2, "over"),
    "l2_under": _against(l2, "under"),
    "l2_reference": _against(l2, "reference"),
    "gradient_max": lambda scene, features: gradient_max(scene.fused, scene.under, scene.over),
    "perceptual_over": _perceptual("over_rgb"),
    "perceptual_under": _perceptual("under_rgb"),
    "perceptual_reference": _perceptual("reference_rgb"),
    "ssim_over": _against(ssim_loss, "over"),
    "ssim_under": _against(ssim_loss, "under"),
    "ssim_reference": _against(ssim_loss, "reference"),
    "mef_ssim_over": _against(mef_ssim_loss, "over"),
    "mef_ssim_under": _against(mef_ssim_loss, "under"),
    "mef_ssim_reference": _against(mef_ssim_loss, "reference"),
    "colour_reference": _against(colour_angle, "reference_rgb"),
    "tv": lambda scene, features: total_variation(scene.fused),
    "psnr_reference": _against(psnr_loss, "reference"),
}
"""Table 1 in the order of beta: name -> term(scene, features), a scalar to be minimised."""


def usable(has_reference: bool, has_features: bool = True) -> tuple[str, ...]:
    """The terms that can be computed, in the order of LOSSES; the others are 0 and get no weight in `weighted`."""
    return tuple(
        name
        for name in LOSSES
        if (has_reference or not name.endswith("_reference")) and (has_features or not name.startswith("perceptual_"))
    )


def loss_weights(beta: Tensor, names: Sequence[str] | None = None) -> Tensor:
    """softmax(beta) over the named terms (None: all), 0 for the others: (19,), sums to 1. Differentiable in beta.

    Raises ValueError: beta of another length, an unknown name, no name.
    """
    if tuple(beta.shape) != (len(LOSSES),):
        raise ValueError(f"beta should have shape ({len(LOSSES)},), got {tuple(beta.shape)}")
    if names is None:
        return beta.softmax(0)
    unknown = sorted(set(names) - set(LOSSES))
    if unknown or not names:
        raise ValueError(f"no fusion loss is called {unknown}" if unknown else "no fusion loss is named")
    idle = torch.tensor([name not in names for name in LOSSES], device=beta.device)
    return beta.masked_fill(idle, -torch.inf).softmax(0)


def weighted(scene: FusionScene, beta: Tensor, features: Features | None) -> tuple[Tensor, Tensor]:
    """The searched loss: the terms weighted by softmax(beta) over those that the scene allows, and the terms themselves.

    beta: (19,), one number a term of LOSSES. features: None where there are none; a `SharedFeatures` is used as it is, so
    that the caller's contrastive constraint shares its maps. Returns the loss (scalar) and the terms (19,), both with
    their graph; terms that the scene does not allow are 0.
    """
    shared = features if isinstance(features, SharedFeatures) or features is None else SharedFeatures(features)
    weights = loss_weights(beta, usable(scene.reference is not None, features is not None))
    terms = torch.stack([term(scene, shared) for term in LOSSES.values()])
    return (weights * terms).sum(), terms


def contrastive(fused: Stack, positive: Stack, negatives: Sequence[Stack]) -> Tensor:
    """Eq. 3: sum over layers of MSE(fused, positive) / sum over negatives of MSE(fused, negative); batch mean, scalar.

    fused, positive, each of negatives: the same layers, (B, C, h, w) each; the ratio is taken picture by picture. The
    positive may show something else (a natural image of the same size): Eq. 3 compares its maps place by place all the same.
    No gradient flows into positive and negatives. Raises ValueError: no negatives, other layers or shapes.
    """
    if not negatives:
        raise ValueError("the contrastive constraint needs at least one negative")
    for other in (positive, *negatives):
        if [maps.shape for maps in other] != [maps.shape for maps in fused]:
            shapes = f"{[tuple(m.shape) for m in fused]} and {[tuple(m.shape) for m in other]}"
            raise ValueError(f"the contrastive constraint compares maps of one shape, got {shapes}")
    total = fused[0].new_zeros(fused[0].shape[0])
    for i, maps in enumerate(fused):
        apart = torch.stack([_distance(maps, negative[i]) for negative in negatives]).sum(0)
        total = total + _distance(maps, positive[i]) / (apart + TINY)
    return total.mean()


def _distance(maps: Tensor, other: Tensor) -> Tensor:
    return functional.mse_loss(maps, other.detach(), reduction="none").mean((1, 2, 3))


CONSTRAINTS = ("both", "reference", "natural")


def hybrid(
    fused: Stack, reference: Stack | None, natural: Stack | None, negatives: Sequence[Stack], constraint: str = "both"
) -> Tensor:
    """Gamma_H = Gamma_R + Gamma_N, or one of the two (Table 3's ablations); scalar.

    constraint: "both" takes the positives that there are (a data set without references has the natural images only);
    "reference" and "natural" take that one. Raises ValueError: an unknown constraint, or its positives are missing.
    """
    if constraint not in CONSTRAINTS:
        raise ValueError(f"the constraint is one of {', '.join(CONSTRAINTS)}, not {constraint!r}")
    positives = {"reference": reference, "natural": natural}
    chosen = [stack for name, stack in positives.items() if constraint in {"both", name} and stack is not None]
    if not chosen:
        missing = "reference and natural" if constraint == "both" else constraint
        raise ValueError(f"constraint {constraint!r} needs {missing} positives, and there are none")
    return torch.stack([contrastive(fused, stack, negatives) for stack in chosen]).sum()
