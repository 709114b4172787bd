from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pictures import ImageError, Photo, sha256_file, write_png
from tasks.training import image_set
from tasks.training.image_set import ImageSet, random_crops, reflect_to


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[..., tuple[list[np.ndarray], ImageSet]]:
    """Makes PNG files and the set of them."""

    def make(count: int = 3, size: int = 8, **options: int) -> tuple[list[np.ndarray], ImageSet]:
        random = np.random.default_rng(0)
        arrays = [random.integers(0, 256, (size, size + 2, 3), dtype=np.uint8) for _ in range(count)]
        paths = [tmp_path / f"{number}.png" for number in range(count)]
        for path, array in zip(paths, arrays, strict=True):
            write_png(path, array)
        return arrays, ImageSet([str(path) for path in paths], [sha256_file(path) for path in paths], **options)

    return make


def test_a_picture_is_a_tensor_in_zero_to_one(pictures: Callable[..., tuple[list[np.ndarray], ImageSet]]) -> None:
    arrays, found = pictures()
    assert len(found) == 3
    tensor = found.tensor(1)
    assert tensor.dtype == torch.float32
    assert tensor.shape == (3, 8, 10)
    assert np.array_equal((tensor * 255).round().permute(1, 2, 0).numpy(), arrays[1])


def test_pictures_are_read_once_within_the_memory_limit(
    pictures: Callable[..., tuple[list[np.ndarray], ImageSet]], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    original = image_set.photo_from

    def counting(path: Path, data: bytes) -> Photo:
        read.append(path.stem)
        return original(path, data)

    monkeypatch.setattr(image_set, "photo_from", counting)
    _, found = pictures(cache_bytes=2 * 8 * 10 * 3)  # two pictures
    for index in (0, 1, 0, 1, 2, 1, 0, 2):
        found.tensor(index)
    # 0 is the longest unused when 2 comes, then 2 when 0 comes back, then 1.
    assert read == ["0", "1", "2", "0", "2"]


def test_a_picture_larger_than_the_limit_is_still_read(
    pictures: Callable[..., tuple[list[np.ndarray], ImageSet]],
) -> None:
    arrays, found = pictures(cache_bytes=1)
    for index in (0, 1, 0):
        assert np.array_equal((found.tensor(index) * 255).round().permute(1, 2, 0).numpy(), arrays[index])


def test_changing_a_tensor_does_not_change_the_set(pictures: Callable[..., tuple[list[np.ndarray], ImageSet]]) -> None:
    _, found = pictures()
    before = found.tensor(0).clone()
    found.tensor(0).zero_()
    assert torch.equal(found.tensor(0), before)


def test_another_picture_under_the_name_is_refused(
    pictures: Callable[..., tuple[list[np.ndarray], ImageSet]], tmp_path: Path
) -> None:
    _, found = pictures()
    write_png(tmp_path / "1.png", np.zeros((8, 10, 3), np.uint8))
    with pytest.raises(ImageError, match=r"1\.png.*is not the picture its table names"):
        found.tensor(1)
    (tmp_path / "2.png").unlink()
    with pytest.raises(ImageError, match=r"2\.png.*is missing; `dvc checkout`"):
        found.tensor(2)


def test_paths_and_hashes_belong_together() -> None:
    with pytest.raises(ValueError, match="zip"):
        ImageSet(["a", "b"], ["1"])


def places(height: int, width: int) -> torch.Tensor:
    """A picture that says where each pixel was: channel 0 the row, channel 1 the column."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([rows, columns, rows + columns]).float()


def test_versions_of_a_photo_are_cropped_alike() -> None:
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        one, other = random_crops([places(30, 20), places(30, 20) * 2], 8, generator)
        assert one.shape == (3, 8, 8)
        assert torch.equal(one * 2, other)


def test_crops_reach_every_place_and_both_flips() -> None:
    corners, flips = set(), set()
    for seed in range(400):
        crop = random_crops([places(10, 9)], 8, torch.Generator().manual_seed(seed))[0]
        columns = crop[1, 0]
        flips.add(bool(columns[0] > columns[-1]))
        corners.add((int(crop[0, 0, 0]), int(columns.min())))
    assert flips == {True, False}
    assert corners == {(row, column) for row in range(3) for column in range(2)}


def test_a_crop_follows_from_its_generator() -> None:
    crops = [random_crops([places(30, 20)], 8, torch.Generator().manual_seed(4))[0] for _ in range(2)]
    assert torch.equal(*crops)


@pytest.mark.parametrize(("height", "width"), [(5, 30), (30, 5), (3, 3), (1, 1), (1, 9), (2, 2), (8, 8)])
def test_small_pictures_are_reflected(height: int, width: int) -> None:
    crop = random_crops([torch.rand(3, height, width)], 8, torch.Generator().manual_seed(0))[0]
    assert crop.shape == (3, 8, 8)
    assert torch.isfinite(crop).all()


def test_reflection_by_hand() -> None:
    row = reflect_to(torch.tensor([1.0, 2.0, 3.0]).expand(1, 3, 3), 6)[0, 0]
    assert row.tolist() == [1, 2, 3, 2, 1, 2]
