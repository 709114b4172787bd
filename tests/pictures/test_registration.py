"""Registration and alignment of exposures: known motions, none where there is none, refusals, ghosts."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from models.degradation import expose
from pictures import (
    GHOSTS,
    Registration,
    RegistrationError,
    disagreement,
    moved,
    quantise,
    read_uint8,
    register,
    register_all,
)

CASES = Path(__file__).resolve().parents[3] / "shared" / "data"
STOPS = ((-2.0, 2.0), (-3.0, 1.5), (0.0, 2.5))


def motion(size: tuple[int, int], x: float, y: float, degrees: float) -> np.ndarray:
    """The matrix of a rotation about the middle and a shift; size: (H, W)."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned, middle = np.array([[cosine, -sine], [sine, cosine]]), np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    return np.column_stack([turned, middle + np.array([x, y]) - turned @ middle])


def exposed(photo: np.ndarray, stops: float, bits: int = 8, seed: int = 0) -> np.ndarray:
    return quantise(expose(photo, stops, 0.0003, 0.001, np.random.default_rng(seed)), bits)


def pair(
    photo: np.ndarray, x: float, y: float, degrees: float, stops: tuple[float, float], bits: int = 8
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(moving, fixed, matrix, moving as it would be unmoved): photo uint8; cut so that both show content to the border."""
    size, rim = (photo.shape[0], photo.shape[1]), int(abs(x) + abs(y)) + 8
    whole = photo.astype(np.float32) / 255
    matrix = motion(size, x, y, degrees)
    shifted = np.clip(cv2.warpAffine(whole, matrix, size[::-1], flags=cv2.INTER_CUBIC), 0, 1)
    cut = (slice(rim, -rim), slice(rim, -rim))
    matrix[:, 2] += matrix[:, :2] @ np.array([rim, rim]) - rim
    return (
        exposed(shifted[cut], stops[1], bits), exposed(whole[cut], stops[0], bits, 1), matrix,
        exposed(whole[cut], stops[1], bits, 2),
    )  # fmt: skip


def error(found: np.ndarray, true: np.ndarray, size: tuple[int, int]) -> float:
    """Mean distance in pixels of where the two motions take a grid of places."""
    ys, xs = np.meshgrid(np.linspace(0, size[0] - 1, 7), np.linspace(0, size[1] - 1, 7), indexing="ij")
    places = np.stack([xs.ravel(), ys.ravel(), np.ones(49)])
    return float(np.hypot(*((found - true) @ places)).mean())


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize(
    ("x", "y", "degrees"), [(37.3, -21.8, 1.5), (-6.4, 3.2, -0.4), (0.0, 0.0, 1.1), (1.3, 0.4, 0.0)]
)
@pytest.mark.parametrize(("stops", "bits"), [(STOPS[0], 8), (STOPS[1], 16)])
def test_a_known_motion_is_found_to_half_a_pixel(
    name: str, x: float, y: float, degrees: float, stops: tuple[float, float], bits: int
) -> None:
    moving, fixed, matrix, unmoved = pair(getattr(data, name)(), x, y, degrees, stops, bits)
    found = register(moving, fixed)
    assert error(found.matrix, matrix, fixed.shape[:2]) < 0.5
    assert found.degrees == pytest.approx(degrees, abs=0.1) and found.score > 0.5
    result = moved(moving, fixed, found)
    assert result.dtype == moving.dtype and result.shape == fixed.shape
    # The borders too: what `moving` lacks is filled in its own brightness.
    top = np.iinfo(moving.dtype).max
    assert np.abs(result / top - unmoved / top).mean() < 0.035 < np.abs(moving / top - unmoved / top).mean()


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
@pytest.mark.parametrize("stops", [*STOPS, (-4.0, 4.0)])
@pytest.mark.parametrize("x", [0.0, 0.15])
def test_nothing_moves_where_nothing_moved(name: str, stops: tuple[float, float], x: float) -> None:
    moving, fixed, _, _ = pair(getattr(data, name)(), x, 0.0, 0.0, stops)
    found = register(moving, fixed)
    assert found.still and np.array_equal(found.matrix, np.eye(2, 3))
    assert moved(moving, fixed, found) is moving, "byte for byte"


def test_a_large_photo_is_estimated_smaller() -> None:
    """The motion is in pixels of the photo itself."""
    photo = cv2.resize(data.astronaut(), (3000, 3000), interpolation=cv2.INTER_CUBIC)
    moving, fixed, matrix, _ = pair(photo, 31.0, -12.5, 0.3, STOPS[0])
    assert error(register(moving, fixed).matrix, matrix, fixed.shape[:2]) < 0.5


def test_another_scene_other_sizes_and_too_large_a_motion_are_refused() -> None:
    one, other = exposed(data.astronaut() / 255, 1), exposed(cv2.resize(data.chelsea(), (512, 512)) / 255, -1)
    with pytest.raises(RegistrationError, match="no likeness at any motion"):
        register(one, other)
    with pytest.raises(RegistrationError, match=r"sizes differ \(512 x 512 and 511 x 512\)"):
        register(one, other[:, 1:])
    wide = data.astronaut()
    with pytest.raises(RegistrationError, match=r"too far apart \(1[23]\d\.\d pixels"):
        register(exposed(wide[:, 130:] / 255, 1), exposed(wide[:, :-130] / 255, -1))


def test_too_little_structure_is_no_motion_and_no_score() -> None:
    flat = np.full((200, 300, 3), 90, np.uint8)
    for one in (flat, np.full_like(flat, 255), exposed(data.astronaut()[:200, :300] / 255, 1)):
        found = register(one, flat)
        assert found.still and math.isnan(found.score)
    small = np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8)
    assert math.isnan(register(small, small).score)


def test_a_long_sequence_goes_through_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be compared with the reference goes by way of the one beside it."""
    from pictures import alignment

    step = Registration(motion((100, 100), 3.0, 0.0, 0.0), (3.0, 0.0), 0.0, 3.0, 0.9)

    def neighbours_only(moving: np.ndarray, fixed: np.ndarray) -> Registration:
        if abs(int(moving[0, 0, 0]) - int(fixed[0, 0, 0])) > 1:
            raise RegistrationError("too different")
        return step

    monkeypatch.setattr(alignment, "register", neighbours_only)
    photos = [np.full((100, 100, 3), value, np.uint8) for value in range(5)]
    found = register_all(photos, 2)
    assert all(isinstance(entry, Registration) for entry in found)
    assert [entry.shift[0] for entry in found if isinstance(entry, Registration)] == pytest.approx([6, 3, 0, 3, 6])


def test_what_moves_between_the_exposures_is_measured() -> None:
    photo = data.coffee().astype(np.float32) / 255
    dark, light = exposed(photo, -2), exposed(photo, 1)
    assert disagreement(dark, light) < GHOSTS / 5
    gone = photo.copy()
    gone[150:250, 250:350] = photo[0:100, 500:600]
    # 100 x 100 of 400 x 600 pixels differ; where both pictures happen to be alike, nothing can be told.
    assert 0.015 < disagreement(dark, exposed(gone, 1)) < 100 * 100 / 400 / 600 + 0.002
    deep = exposed(photo, -2, 16), exposed(gone, 1, 16)
    assert 0.015 < disagreement(*deep) < 0.045


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is absent")
def test_the_hand_held_case() -> None:
    fixed, moving, aligned = (read_uint8(CASES / "cases" / "06-handheld" / f"{n}.jpg") for n in ("u", "o", "o_aligned"))
    found = register(moving, fixed)
    assert 5 < math.hypot(*found.shift) < 9 and abs(found.degrees) == pytest.approx(0.4, abs=0.05)
    inner = (slice(20, -20), slice(20, -20))
    result = moved(moving, fixed, found)[inner].astype(int)
    assert np.abs(result - aligned[inner]).mean() < np.abs(moving[inner].astype(int) - aligned[inner]).mean() / 3
    assert register(aligned, fixed).still
    assert disagreement(moved(moving, fixed, found), fixed) < GHOSTS < disagreement(moving, fixed)


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is absent")
@pytest.mark.parametrize("name", ["mefb/{}/Arno.png", "mefb/{}/Lamp.png", "mefb/{}/Chair.jpg", "sice/{}/001.png"])
def test_real_registered_brackets_stay_as_they_are(name: str) -> None:
    under, over = (read_uint8(CASES / "brackets" / name.format(part)) for part in ("under", "over"))
    assert register(over, under).still
    assert disagreement(over, under) < GHOSTS
