"""delta_e against scikit-image, ciede2000 against the formula of Sharma 2005."""

from __future__ import annotations

import math
from importlib.metadata import version

import numpy as np
import pytest
import torch
from skimage.color import deltaE_cie76, rgb2lab

from models import quality
from models.quality import create, strips
from models.quality.colour import blur, ciede2000, delta_e, lab_of_linear, linear_light

Lab = tuple[float, float, float]

FLOAT32_LAB = 2e-3
"""CIELAB spans hundreds; float32 against scikit-image's float64."""


@pytest.fixture
def images() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    first, second = random.random((2, 24, 20, 3))
    first[:4] = 0.0
    second[2:6] *= 0.02
    return first, second


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float32)).permute(2, 0, 1)[None]


def test_lab_equals_skimage(images: tuple[np.ndarray, np.ndarray]) -> None:
    for array in images:
        ours = lab_of_linear(linear_light(tensor(array)))[0].permute(1, 2, 0).numpy()
        assert np.abs(ours - rgb2lab(array)).max() < FLOAT32_LAB


def test_without_blur_equals_skimage(images: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = images
    golden = deltaE_cie76(rgb2lab(first), rgb2lab(second)).mean()
    assert delta_e(tensor(first), tensor(second), sigma=0).item() == pytest.approx(golden, abs=FLOAT32_LAB)


def test_golden_flat_colours() -> None:
    """Blur changes no flat image: sRGB red to blue is 176.33 in CIE76 (scikit-image)."""
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    assert create("delta_e")(red, red.flip(1)).item() == pytest.approx(176.33, abs=0.02)


def test_blur_is_scipys_and_keeps_noise_from_counting() -> None:
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(0)
    image = random.random((1, 3, 30, 26)).astype(np.float32)
    golden = gaussian_filter(image, sigma=(0, 0, 1.5, 1.5), mode="nearest", radius=(0, 0, 5, 5))
    assert np.abs(blur(torch.from_numpy(image), 1.5).numpy() - golden).max() < 1e-5
    grey = torch.full((1, 3, 64, 64), 0.5)
    noisy = grey + 0.1 * torch.randn(grey.shape, generator=torch.Generator().manual_seed(0)).clamp(-3, 3)
    assert delta_e(noisy, grey).item() < 0.5 * delta_e(noisy, grey, sigma=0).item()


def by_sharma(one: Lab, other: Lab) -> float:
    """CIEDE2000 of two CIELAB colours, step by step as in Sharma 2005 (angles in degrees)."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean_c = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(mean_c**7 / (mean_c**7 + 25**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = (math.degrees(math.atan2(b, a)) % 360 if (a, b) != (0, 0) else 0.0 for a, b in ((a1, b1), (a2, b2)))
    turned = 0.0 if c1 * c2 == 0 else h2 - h1
    turned += 360 if turned < -180 else -360 if turned > 180 else 0
    dl, dc, dh = l2 - l1, c2 - c1, 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turned / 2))
    lightness, c = (l1 + l2) / 2, (c1 + c2) / 2
    if c1 * c2 == 0:
        h = h1 + h2
    elif abs(h1 - h2) <= 180:
        h = (h1 + h2) / 2
    else:
        h = (h1 + h2 + 360) / 2 if h1 + h2 < 360 else (h1 + h2 - 360) / 2

    def cosine(angle: float) -> float:
        return math.cos(math.radians(angle))

    t = 1 - 0.17 * cosine(h - 30) + 0.24 * cosine(2 * h) + 0.32 * cosine(3 * h + 6) - 0.20 * cosine(4 * h - 63)
    rotation = -2 * math.sqrt(c**7 / (c**7 + 25**7)) * math.sin(math.radians(60 * math.exp(-(((h - 275) / 25) ** 2))))
    sl = 1 + 0.015 * (lightness - 50) ** 2 / math.sqrt(20 + (lightness - 50) ** 2)
    sc, sh = 1 + 0.045 * c, 1 + 0.015 * c * t
    return math.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rotation * dc / sc * dh / sh)


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_pairs_of_sharma(one: Lab, other: Lab, wanted: float) -> None:
    assert by_sharma(one, other) == pytest.approx(wanted, abs=5e-5)


def test_ciede2000_equals_sharma_pixel_by_pixel() -> None:
    image, reference = torch.rand(2, 1, 3, 14, 15, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    image[..., :3], reference[..., 1:4] = 0.0, 1.0
    image[..., 5:8] = image[..., :1, 5:8]  # greys and their like
    image[:, :, :, 8:11] = reference[:, :, :, 8:11]
    labs = [lab_of_linear(linear_light(one))[0].flatten(1).T.tolist() for one in (image, reference)]
    wanted = np.mean([by_sharma(tuple(a), tuple(b)) for a, b in zip(*labs, strict=True)])
    assert ciede2000(image, reference).item() == pytest.approx(
        wanted, abs=1e-4
    )  # constants of D65 differ in the sixth digit


def test_ciede2000_goes_over_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    image, reference = torch.rand(2, 2, 3, 30, 20, generator=torch.Generator().manual_seed(0))
    whole = ciede2000(image, reference)
    monkeypatch.setitem(strips._ELEMENTS, "cpu", 100)
    assert torch.allclose(ciede2000(image, reference), whole, rtol=1e-13, atol=0)


def test_the_library_that_is_named_is_the_one_that_is_used() -> None:
    assert quality.info("ciede2000").library == f"scikit-image {version('scikit-image')}"
