from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from models.enhancers.base import Enhancer
from models.fusers.base import Fuser
from models.fusers.visible_colour import VisibleColour
from models.tiling import NotEnoughMemory, enhance_tiled, fuse_tiled, tiles


class Identity(Enhancer):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.largest = max(getattr(self, "largest", 0), image.shape[-1], image.shape[-2])
        return image


class Blur(Enhancer):
    """Mean of 9 x 9 pixels, black around the photo: it sees 4 pixels around."""

    halo = 4

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(image, 9, stride=1, padding=4)


@pytest.mark.parametrize(("height", "width"), [(301, 217), (64, 64), (1, 1), (5, 200)])
@pytest.mark.parametrize(("tile", "halo", "stride"), [(64, 32, 4), (10, 7, 3), (1, 0, 8)])
def test_tiles_cover_every_pixel_once(height: int, width: int, tile: int, halo: int, stride: int) -> None:
    written = np.zeros((height, width), int)
    for read_rows, read_columns, rows, columns in tiles(height, width, tile, halo, stride):
        written[rows, columns] += 1
        for read, write, size in ((read_rows, rows, height), (read_columns, columns, width)):
            assert read.start % stride == 0
            assert read.start <= max(write.start - halo, 0)
            assert read.stop >= min(write.stop + halo, size)
            assert read.stop <= size
    assert (written == 1).all()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_value_survives(kind: type[np.generic]) -> None:
    values = np.arange(np.iinfo(kind).max + 1, dtype=np.int64)
    photo = np.resize(values, (len(values) // 64, 64, 3)).astype(kind)
    assert np.array_equal(enhance_tiled(Identity(), photo, tile=100), photo)


def test_tiled_equals_whole_where_pixels_see_others() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (61, 47, 3), dtype=np.uint8)
    assert np.array_equal(enhance_tiled(Blur(), photo, tile=16), enhance_tiled(Blur(), photo, tile=1000))


def test_a_smaller_halo_would_show() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (61, 47, 3), dtype=np.uint8)
    narrow = Blur()
    narrow.halo = 2
    assert not np.array_equal(enhance_tiled(narrow, photo, tile=16), enhance_tiled(Blur(), photo, tile=1000))


def test_no_tile_is_larger_than_asked() -> None:
    enhancer = Identity()
    enhance_tiled(enhancer, np.zeros((300, 200, 3), np.uint8), tile=64)
    assert enhancer.largest == 64


@pytest.mark.parametrize(
    "photo",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)],
    ids=["grey", "alpha", "float"],
)
def test_what_is_no_photo_is_refused(photo: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8 or uint16"):
        enhance_tiled(Identity(), photo)


def test_a_photo_that_a_gpu_has_no_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = np.zeros((8, 12, 3), np.uint8)

    class Greedy(Enhancer):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    class GreedyFuser(Fuser):
        whole = True

        def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(NotEnoughMemory, match=r"12 x 8; give a smaller --tile, or use the CPU"):
        enhance_tiled(Greedy(), photo)
    with pytest.raises(NotEnoughMemory, match=r"12 x 8; it looks at the whole photo"):
        fuse_tiled(GreedyFuser(), [photo, photo])


def test_half_precision_is_for_networks_and_photos_that_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU: the pictures are made by float16 where the class says that it fits, and the photo has 8 bits."""
    asked: list[bool] = []

    def noted(make: Callable[[], torch.Tensor], half: bool) -> torch.Tensor:
        asked.append(half)
        return make()

    class Halves(Identity):
        fits_half = True

    class Plain(Fuser):
        def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
            return (under + over) / 2

    class HalvesToo(Plain):
        fits_half = True

    monkeypatch.setattr("models.tiling.pays", lambda device, bits: bits == 8)
    monkeypatch.setattr("models.tiling.in_half", noted)
    photos = [np.zeros((8, 12, 3), kind) for kind in (np.uint8, np.uint16)]
    for photo in photos:
        for enhancer in (Identity(), Halves()):
            enhance_tiled(enhancer, photo)
    assert asked == [False, True, False, False]
    asked.clear()
    for photo in photos:
        for fuser in (Plain(), HalvesToo(), VisibleColour(HalvesToo())):
            fuse_tiled(fuser, [photo, photo])
    assert asked == [False, True, True, False, False, False]
