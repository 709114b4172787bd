"""Visual information fidelity: how much of a reference's information a picture still carries."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from models.quality.fidelity import luma
from models.quality.metric import Compute, need
from models.quality.separable import Terms, correlate, separable_terms, shifted_sum
from models.quality.strips import cuts, map_strips, strip_rows

BLOCK = 3
"""Side of the neighbourhood that is one vector of the Gaussian scale mixture."""
NOISE = 0.4
"""Variance of the visual noise, in 8-bit units squared."""
TINY = 1e-12
LEVELS = 4

# The fifth-derivative steerable pyramid of Simoncelli and Freeman 1995, as published with matlabPyrTools (sp5Filters):
# one quadrant, or one half row by row, the rest follows by symmetry.
_FIRST_LOW = (
    (0.40304148, 0.1592557, -0.03848215),
    (0.1592557, 0.05586982, -0.01551246),
    (-0.03848215, -0.01551246, 0.00341614),
)
_LOW = (
    (0.2019308, 0.16339236, 0.07962786, 0.02005976, -0.01924108),
    (0.16339236, 0.12852666, 0.06554076, 0.008212, -0.01888864),
    (0.07962786, 0.06554076, 0.02793492, -0.01322234, -0.00775624),
    (0.02005976, 0.008212, -0.01322234, -0.01046562, -0.00489834),
    (-0.01924108, -0.01888864, -0.00775624, -0.00489834, 0.00170808),
)
_BAND = (
    (0.0, 0.11732297, -0.02755155, -0.01455399),
    (0.0, 0.08226445, -0.01189859, -0.01026699),
    (0.0, 0.03075356, 0.00893064, -0.00496194),
    (0.0, 0.01021852, 0.00986904, -0.00277643),
)


def _unfolded(quadrant: tuple[tuple[float, ...], ...], sign: int) -> Tensor:
    """The whole window from its lower right quadrant (centre first); sign: of the left half."""
    right = torch.tensor(quadrant, dtype=torch.float64)
    right = torch.cat([right[1:].flip(0), right])
    return torch.cat([sign * right[:, 1:].flip(1), right], 1)


def _terms(window: Tensor) -> tuple[int, Terms]:
    return window.shape[0] // 2, separable_terms(window)


def _filtered(image: Tensor, window: tuple[int, Terms], stride: int = 1) -> Tensor:
    half, terms = window
    return map_strips(lambda strip: correlate(strip, terms, stride), image, half, half, "reflect", stride=stride)


def subbands(luminance: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The horizontal and the vertical band of each level, the finest first, with the side of the window of its statistics.

    luminance: (H, W) in 8-bit units.
    """
    first, low, across = (_terms(_unfolded(q, s)) for q, s in ((_FIRST_LOW, 1), (_LOW, 1), (_BAND, -1)))
    down = (across[0], [(row, column) for column, row in across[1]])
    image = _filtered(luminance, first)
    for level in range(LEVELS):
        if level > 0:
            image = _filtered(image, low, stride=2)
        for band in (across, down):
            yield 2 ** (LEVELS - level) + 1, _filtered(image, band)


def _blocks(band: Tensor) -> Tensor:
    """A band without what is left over of its last block."""
    return band[: band.shape[0] // BLOCK * BLOCK, : band.shape[1] // BLOCK * BLOCK]


def _covariance(band: Tensor) -> Tensor:
    """(9, 9) of all neighbourhoods of a band, overlapping ones too."""
    height, width = band.shape
    places = [(down, across) for across in range(BLOCK) for down in range(BLOCK)]
    products = band.new_zeros(len(places), len(places))
    sums = band.new_zeros(len(places))
    for start, stop in cuts(height - BLOCK + 1, max(1, strip_rows(width, band.device) // len(places))):
        vectors = torch.stack(
            [band[start + down : stop + down, across : across + width - BLOCK + 1].flatten() for down, across in places]
        )
        products += vectors @ vectors.T
        sums += vectors.sum(1)
    count = (height - BLOCK + 1) * (width - BLOCK + 1)
    mean = sums / count
    return products / count - mean[:, None] * mean


def _channel(x: Tensor, y: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Gain and noise variance from the reference's blocks y to the picture's x, from windows around the blocks' centres.

    x, y: strips of both bands, of which the first window starts at the first row and column.
    """
    ones = [1.0] * window

    def total(z: Tensor) -> Tensor:
        return shifted_sum(shifted_sum(z, ones, -2, BLOCK), ones, -1, BLOCK)

    count = window**2
    mean_x, mean_y = total(x) / count, total(y) / count
    covariance = total(x * y) - count * mean_x * mean_y
    energy_x = (total(x * x) - count * mean_x * mean_x).clamp(min=0)
    energy_y = (total(y * y) - count * mean_y * mean_y).clamp(min=0)
    gain = covariance / (energy_y + TINY)
    noise = (energy_x - gain * covariance) / count
    flat_y, flat_x = energy_y < TINY, energy_x < TINY
    noise = torch.where(flat_y, energy_x, noise).masked_fill(flat_x, 0)
    gain = gain.masked_fill(flat_y | flat_x, 0)
    noise = torch.where(gain < 0, energy_x, noise)
    return gain.clamp(min=0), noise.clamp(min=TINY)


def _information(x: Tensor, y: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Bits of the reference's band y that the picture's band x carries, and that y holds itself."""
    x, y = _blocks(x), _blocks(y)
    height, width = y.shape
    eigenvalues, vectors = torch.linalg.eigh(_covariance(y))
    scale = eigenvalues.abs()
    inverse = torch.where(scale > 1e-15 * scale.max(), 1 / eigenvalues, 0)
    # Blocks whose windows reach beyond the band are left out, so no edge has to be made up.
    border = -(-(window // 2) // BLOCK)
    rows, columns = (side // BLOCK - 2 * border for side in (height, width))
    carried, held = y.new_zeros(()), y.new_zeros(())
    if rows < 1 or columns < 1:
        return carried, held
    reach = BLOCK * border + 1 - window // 2
    across = slice(reach, reach + BLOCK * (columns - 1) + window)
    for start, stop in cuts(rows, max(1, strip_rows(width, y.device) // BLOCK)):
        down = slice(BLOCK * start + reach, BLOCK * (stop - 1) + reach + window)
        gain, noise = _channel(x[down, across], y[down, across], window)
        inner = y[BLOCK * (start + border) : BLOCK * (stop + border), BLOCK * border : BLOCK * (border + columns)]
        blocks = inner.reshape(stop - start, BLOCK, columns, BLOCK).permute(3, 1, 0, 2).reshape(BLOCK**2, -1)
        energy = ((vectors.T @ blocks).square() * inverse[:, None]).sum(0).view(stop - start, columns) / BLOCK**2
        # One logarithm of a product for the nine of its factors.
        kept, whole = gain.square() * energy / (noise + NOISE), energy / NOISE
        product_kept, product_whole = torch.ones_like(kept), torch.ones_like(whole)
        for eigenvalue in eigenvalues.tolist():
            product_kept *= 1 + kept * eigenvalue
            product_whole *= 1 + whole * eigenvalue
        carried += product_kept.log2().sum()
        held += product_whole.log2().sum()
    return carried, held


def visual_information(image: Tensor, reference: Tensor) -> Tensor:
    """VIF, a scalar >= 0, of luminances (H, W) in 8-bit units, sides of at least 33; above 1 where contrast is enhanced.

    In float64 throughout: in float32 the covariance of a smooth picture's bands is singular by rounding.
    Source: Sheikh and Bovik, Image Information and Visual Quality, 2006, Eq. 15, 16 and Sec. III-C; the authors' vifvec.
    """
    carried, held = image.new_zeros((), dtype=torch.float64), image.new_zeros((), dtype=torch.float64)
    for (window, x), (_, y) in zip(subbands(image), subbands(reference), strict=True):
        bits, whole = _information(x, y, window)
        carried, held = carried + bits, held + whole
    return carried / (held + TINY)


def build(device: str | torch.device) -> Compute:
    """The compute function of `vif`."""

    def compute(image: Tensor, reference: Tensor | None) -> Tensor:
        pairs = zip(image.split(1), need(reference).split(1), strict=True)
        return torch.stack([visual_information(luma(one)[0, 0], luma(other)[0, 0]) for one, other in pairs])

    return compute
