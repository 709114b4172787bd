"""Finding out by trial what a model does: what it returns, how far a pixel looks, whether it can learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from models.own.errors import OwnModelError

Call = Callable[..., torch.Tensor]

# Sides that are tried: two of them, as a network may take whole multiples of something only.
_SIDES = ((64, 64), (64, 96))
_FIELD = 192
_STRIDES = (1, 2, 4, 8, 16, 32, 64)
_SAME = 2e-3
"""Two results that differ by less are the same: half of a step of 8 bits."""
_MOVED = 1e-5
"""A pixel that changes by more depends on what was changed; sums in another order differ by less."""
# A picture in [0, 1] may go a little beyond before it is clipped; one in [0, 255] goes far.
_LOWEST, _HIGHEST = -1.0, 2.0


@dataclass(frozen=True)
class Reach:
    """How a model may be given a photo: `halo` pixels around a tile, which starts on multiples of `stride`; `whole`: no tiles."""

    halo: int
    stride: int
    whole: bool = False


def check_pictures(call: Call, sources: int, name: str, device: str = "cpu") -> None:
    """Give a model small pictures (1, 3, H, W) in [0, 1], one for each source, and look at what comes back.

    Raises `OwnModelError`: it raises, returns no tensor, another shape, type or device, values that are not finite or far
    outside of [0, 1].
    """
    generator = torch.Generator().manual_seed(0)
    for height, width in _SIDES:
        given = [torch.rand(1, 3, height, width, generator=generator).to(device) for _ in range(sources)]
        wanted = (
            f"it should make one picture (B, 3, H, W), float in [0, 1], of {sources} such picture{'s' * (sources > 1)}"
        )
        try:
            with torch.no_grad():
                made = call(*given)
        except Exception as error:
            told = str(error).strip().splitlines()
            raise OwnModelError(
                f"{name} fails on pictures of {width} x {height} pixels ({type(error).__name__}: {told[-1] if told else ''}); "
                f"{wanted}"
            ) from error
        if not isinstance(made, torch.Tensor):
            raise OwnModelError(f"{name} returns a {type(made).__name__}, not a tensor; {wanted}")
        if made.shape != given[0].shape:
            raise OwnModelError(f"{name} returns {tuple(made.shape)} for {tuple(given[0].shape)}; {wanted}")
        if made.device != given[0].device:
            raise OwnModelError(f"{name} returns a picture on {made.device} for one on {given[0].device}; {wanted}")
        if not made.dtype.is_floating_point:
            raise OwnModelError(f"{name} returns {made.dtype}; {wanted}".replace("torch.", ""))
        if not bool(torch.isfinite(made).all()):
            raise OwnModelError(f"{name} returns values that are not finite; {wanted}")
        low, high = float(made.min()), float(made.max())
        if low < _LOWEST or high > _HIGHEST:
            raise OwnModelError(f"{name} returns values from {low:.3g} to {high:.3g}; {wanted}")


def learns(model: nn.Module, sources: int, device: str = "cpu") -> str | None:
    """Why a model cannot be trained, else None: what it makes depends on no parameter, or has no gradient."""
    parameters = [parameter for parameter in model.parameters() if parameter.dtype.is_floating_point]
    if not parameters:
        return "it has no parameters"
    asked = [parameter.requires_grad for parameter in parameters]
    generator = torch.Generator().manual_seed(0)
    given = [torch.rand(1, 3, 64, 64, generator=generator).to(device) for _ in range(sources)]
    try:
        for parameter in parameters:
            parameter.requires_grad_(True)
        with torch.enable_grad():
            made = model(*given)
            if not made.requires_grad:
                return "what it makes has no gradient (does it call detach, no_grad, or numpy?)"
            slopes = torch.autograd.grad(made.square().mean(), parameters, allow_unused=True)
    except RuntimeError as error:
        return f"its gradient fails ({str(error).splitlines()[0]})"
    finally:
        for parameter, was in zip(parameters, asked, strict=True):
            parameter.requires_grad_(was)
    if all(slope is None or not bool(slope.any()) for slope in slopes):
        return "what it makes depends on none of its parameters"
    if any(slope is not None and not bool(torch.isfinite(slope).all()) for slope in slopes):
        return "its gradient has values that are not finite"
    return None


def check_scores(scores: Callable[..., torch.Tensor], name: str, sources: int, device: str = "cpu") -> None:
    """Let a judge score small pictures (2, 3, H, W) in [0, 1], given that many sources, and look at what comes back.

    Raises `OwnModelError`: it raises, returns no tensor, another shape, type or device, or values that are not finite.
    """
    generator = torch.Generator().manual_seed(0)
    for height, width in _SIDES:
        # Large enough for judges that look at blocks; as with pictures, two shapes are tried.
        pictures = torch.rand(2, 3, 4 * height, 4 * width, generator=generator).to(device)
        wanted = "it should give a score (B,) for pictures (B, 3, H, W), float in [0, 1]"
        try:
            with torch.no_grad():
                found = scores(pictures, (pictures,) * sources)
        except Exception as error:
            told = str(error).strip().splitlines()
            raise OwnModelError(
                f"{name} fails on pictures of {4 * width} x {4 * height} pixels ({type(error).__name__}: "
                f"{told[-1] if told else ''}); {wanted}"
            ) from error
        if not isinstance(found, torch.Tensor):
            raise OwnModelError(f"{name} returns a {type(found).__name__}, not a tensor; {wanted}")
        if found.shape != (2,):
            raise OwnModelError(f"{name} returns {tuple(found.shape)} for {tuple(pictures.shape)}; {wanted}")
        if found.device != pictures.device:
            raise OwnModelError(f"{name} returns scores on {found.device} for pictures on {pictures.device}; {wanted}")
        if not found.dtype.is_floating_point or not bool(torch.isfinite(found).all()):
            raise OwnModelError(f"{name} returns scores that are not finite numbers ({found.tolist()}); {wanted}")


def gives_gradient(scores: Callable[..., torch.Tensor], sources: int, device: str = "cpu") -> str | None:
    """Why no gradient flows from a judge's scores to the pictures, else None."""
    side = 4 * _SIDES[0][0]
    picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0)).to(device).requires_grad_(True)
    try:
        with torch.enable_grad():
            found = scores(picture, (1 - picture.detach(),) * sources)
            if not found.requires_grad:
                return "its scores have no gradient (does it call detach, no_grad, or numpy?)"
            (slope,) = torch.autograd.grad(found.sum(), picture, allow_unused=True)
    except RuntimeError as error:
        return f"its gradient fails ({str(error).splitlines()[0]})"
    if slope is None or not bool(slope.any()) or not bool(torch.isfinite(slope).all()):
        return "its scores have no usable gradient"
    return None


def reach_of(call: Call, sources: int, device: str = "cpu") -> Reach:
    """How far a pixel of the result looks, and the grid that a cut has to start on, both found by trial.

    A square in the middle is made black: what changes outside of it tells the halo; where nearly all changes the model looks at
    the whole photo. A picture cut at multiples of a stride has to give the same inside as the whole.
    """
    generator = torch.Generator().manual_seed(1)
    given = [torch.rand(1, 3, _FIELD, _FIELD, generator=generator).to(device) for _ in range(sources)]
    inner = slice(_FIELD // 2 - 4, _FIELD // 2 + 4)
    with torch.no_grad():
        whole = call(*given)
        changed = [picture.clone() for picture in given]
        for picture in changed:
            picture[..., inner, inner] = 0
        moved = (call(*changed) - whole).abs().amax((0, 1)) > _MOVED
        rows, columns = torch.where(moved)
        if not len(rows):
            return Reach(0, 1)
        far = (
            inner.start - rows.min(),
            rows.max() - inner.stop + 1,
            inner.start - columns.min(),
            columns.max() - inner.stop + 1,
        )
        halo = max(0, *(int(value) for value in far))
        if halo >= inner.start - 2:
            return Reach(0, 1, whole=True)
        for stride in _STRIDES:
            if _cuts(call, given, whole, halo, stride):
                return Reach(-(-halo // stride) * stride, stride)
    return Reach(0, 1, whole=True)


def _cuts(call: Call, given: Sequence[torch.Tensor], whole: torch.Tensor, halo: int, stride: int) -> bool:
    """Whether pictures that are cut at a multiple of `stride`, and at none of twice it, give the same beyond the halo."""
    size = _FIELD // 64 * 64
    start = stride if stride < 64 else 64
    reach = -(-halo // stride) * stride
    if start + reach + 8 > size:
        return False
    try:
        part = call(*(picture[..., start:size, start:size] for picture in given))
    except RuntimeError:
        return False
    # The far side of the cut has a border too.
    inside = slice(reach, size - start - reach)
    difference = (part[..., inside, inside] - whole[..., start:size, start:size][..., inside, inside]).abs()
    return difference.numel() > 0 and float(difference.max()) < _SAME
