"""Enhancement and fusion of photos of any size in bounded memory: tile by tile, equal to the whole within rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from models.core.half import in_half, pays
from models.enhancers.base import Enhancer, Window
from models.fusers.base import Fuser
from models.fusers.many import Rule, blending, check_rule, exposure_order, paired, pairs, passes, stepwise

_LOOK, _ROWS = 512, 64


class NotEnoughMemory(RuntimeError):
    """A GPU has not the memory that a picture takes."""


@contextmanager
def _memory(model: Any, photo: np.ndarray, device: str) -> Iterator[None]:
    """Says what to do where a GPU's memory is not enough for a photo (H, W, 3). Raises `NotEnoughMemory`."""
    try:
        yield
    except torch.OutOfMemoryError:
        height, width = photo.shape[:2]
        way = "it looks at the whole photo: reduce that" if model.whole else "give a smaller --tile"
        raise NotEnoughMemory(
            f"{device} has not enough memory for a photo of {width} x {height}; {way}, or use the CPU "
            "(machine.device: cpu in params.yaml)"
        ) from None


def tiles(height: int, width: int, tile: int, halo: int, stride: int) -> Iterator[tuple[slice, slice, slice, slice]]:
    """Cut a photo into tiles: (rows, columns) to read, with their halo, and (rows, columns) to write.

    Reading starts on the enhancer's grid (multiples of `stride`), so that a tile sees the same cells as the whole photo.
    """
    step = max(stride, tile // stride * stride)
    reach = -(-halo // stride) * stride
    for top in range(0, height, step):
        for left in range(0, width, step):
            bottom, right = min(top + step, height), min(left + step, width)
            yield (
                slice(max(top - reach, 0), min(bottom + reach, height)),
                slice(max(left - reach, 0), min(right + reach, width)),
                slice(top, bottom),
                slice(left, right),
            )


def side_on(device: str) -> int:
    """The side of a tile where nobody says: what lies between fits a CPU's caches; a GPU is kept busy."""
    return 1024 if torch.device(device).type == "cuda" else 512


@torch.no_grad()
def enhance_tiled(enhancer: Enhancer, photo: np.ndarray, tile: int | None = None, device: str = "cpu") -> np.ndarray:
    """Enhance a photo (H, W, 3), uint8 or uint16, RGB, sRGB; returns the same shape and type.

    tile: side of the written part of a tile, in pixels (None: `side_on` the device); memory beside the two photos grows with it
    alone. An enhancer that looks at the `whole` photo gets no tiles.
    Raises `ValueError` for another type or shape, `NotFinite` where the enhancer made values that are not finite.
    """
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a photo is (H, W, 3) uint8 or uint16, not {photo.shape} {photo.dtype}")
    with _memory(enhancer, photo, device):
        return _enhanced(enhancer, photo, tile or side_on(device), device)


def _enhanced(enhancer: Enhancer, photo: np.ndarray, tile: int, device: str) -> np.ndarray:
    top_value = float(np.iinfo(photo.dtype).max)
    half = enhancer.fits_half and pays(device, photo.dtype.itemsize * 8)
    result = np.empty_like(photo)
    if type(enhancer).for_photo is not Enhancer.for_photo:  # an overview costs as much as the curves
        enhancer = enhancer.for_photo(_overview(photo, top_value).to(device))
    side = max(photo.shape[:2]) if enhancer.whole else tile
    for read_rows, read_columns, rows, columns in tiles(
        photo.shape[0], photo.shape[1], side, enhancer.halo, enhancer.stride
    ):
        # Turned into planes, and back, as whole numbers: a quarter of the bytes.
        part = torch.from_numpy(photo[read_rows, read_columns].transpose(2, 0, 1).copy()).to(device)
        window = Window(read_rows.start, read_columns.start, *photo.shape[:2])
        image = part[None].to(torch.float32).div_(top_value)
        enhanced = in_half(partial(enhancer.on_tile, image, window), half)[0]
        inner = enhanced[
            :,
            rows.start - read_rows.start : rows.stop - read_rows.start,
            columns.start - read_columns.start : columns.stop - read_columns.start,
        ]
        whole = inner.clamp(0, 1).mul_(top_value).add_(0.5).to(torch.int32 if top_value > 255 else torch.uint8)
        result[rows, columns] = whole.cpu().numpy().transpose(1, 2, 0)
    return result


@torch.no_grad()
def fuse_tiled(
    fuser: Fuser, photos: Sequence[np.ndarray], tile: int | None = None, device: str = "cpu", rule: Rule = "pairs"
) -> np.ndarray:
    """Fuse exposures of a scene, (H, W, 3) each, all uint8 or all uint16, RGB, sRGB; returns one of that shape and type.

    photos: two are the under- and the over-exposed one, in this order; more are sorted by mean brightness and fused by
    `rule` (`models.fusers.many.fold`). tile: side of the written part of a tile (None: `side_on` the device); a fuser that looks
    at the `whole` photo gets no tiles. By rule "pairs" the pairs are fused tile by tile, their results (16 bits) blended whole.
    Tiled and whole are equal within 1/255. Raises ValueError: fewer than two, other types or shapes, another rule;
    `NotFinite`: the fuser made values that are not finite.
    """
    if len(photos) < 2 or len({(photo.shape, photo.dtype) for photo in photos}) > 1:
        found = ", ".join(f"{photo.shape} {photo.dtype}" for photo in photos) or "none"
        raise ValueError(f"at least two exposures of one shape and type are fused, not {found}")
    if photos[0].ndim != 3 or photos[0].shape[2] != 3 or photos[0].dtype not in (np.uint8, np.uint16):
        raise ValueError(f"an exposure is (H, W, 3) uint8 or uint16, not {photos[0].shape} {photos[0].dtype}")
    check_rule(rule)
    with _memory(fuser, photos[0], device):
        return _fused(fuser, photos, tile or side_on(device), device, rule)


def _fused(fuser: Fuser, photos: Sequence[np.ndarray], tile: int, device: str, rule: Rule) -> np.ndarray:
    count, kind = len(photos), photos[0].dtype
    half = fuser.fits_half and pays(device, kind.itemsize * 8)
    if count > 2:
        photos = [photos[place] for place in exposure_order(photos)]
    if paired(fuser, count, rule):
        fused = [
            _in_tiles(partial(_call, fuser), (photos[dark], photos[bright]), _cuts(fuser, photos[0], tile, 1), device,
                      np.dtype(np.uint16), half)
            for dark, bright in pairs(count)
        ]  # fmt: skip
        blender = blending()
        return _in_tiles(blender.fuse_all, fused, _cuts(blender, photos[0], tile, 1), device, kind, False)
    cuts = _cuts(fuser, photos[0], tile, passes(fuser, count, rule))
    return _in_tiles(stepwise(fuser, count, rule), photos, cuts, device, kind, half)


def _call(fuser: Fuser, pair: Sequence[torch.Tensor]) -> torch.Tensor:
    return fuser(*pair)  # type: ignore[no-any-return]


def _cuts(fuser: Fuser, photo: np.ndarray, tile: int, steps: int) -> Iterator[tuple[slice, slice, slice, slice]]:
    """The tiles of a photo for a fuser that is applied `steps` times; one where it looks at the whole photo."""
    height, width = photo.shape[:2]
    side = max(height, width) + fuser.stride if fuser.whole else tile
    return tiles(height, width, side, fuser.halo * steps, fuser.stride)


def _in_tiles(
    fuse: Callable[[Sequence[torch.Tensor]], torch.Tensor],
    photos: Sequence[np.ndarray],
    cuts: Iterable[tuple[slice, slice, slice, slice]],
    device: str,
    kind: np.dtype[Any],
    half: bool,
) -> np.ndarray:
    """What `fuse` makes of photos (H, W, 3) of one integer type, tile by tile, as `kind`; `half`: `in_half`."""
    top_value, full = float(np.iinfo(photos[0].dtype).max), float(np.iinfo(kind).max)
    result = np.empty(photos[0].shape, kind)
    for read_rows, read_columns, rows, columns in cuts:
        parts = [
            torch.from_numpy(photo[read_rows, read_columns].astype(np.float32)).to(device).permute(2, 0, 1)[None]
            / top_value
            for photo in photos
        ]
        inner = in_half(partial(fuse, parts), half)[0].permute(1, 2, 0)[
            rows.start - read_rows.start : rows.stop - read_rows.start,
            columns.start - read_columns.start : columns.stop - read_columns.start,
        ]
        result[rows, columns] = (inner.clamp(0, 1) * full + 0.5).cpu().numpy().astype(kind)
    return result


def _overview(photo: np.ndarray, top_value: float) -> torch.Tensor:
    """A photo averaged down by a whole factor to sides of at least 512 where it is larger: (1, 3, h, w) in [0, 1]."""
    factor = max(1, min(photo.shape[:2]) // _LOOK)
    height, width = (side // factor for side in photo.shape[:2])
    step = factor * max(1, _ROWS // factor)  # some rows at a time, so that no float copy of the whole photo is made
    rows = [
        F.avg_pool2d(
            torch.from_numpy(photo[top : top + step, : width * factor].astype(np.float32)).permute(2, 0, 1), factor
        )
        for top in range(0, height * factor, step)
    ]
    return torch.cat(rows, 1)[None, :, :height] / top_value
