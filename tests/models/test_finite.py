from __future__ import annotations

import numpy as np
import pytest
import torch

from models.core.finite import NotFinite, require_finite
from models.core.tensors import picture_of
from models.enhancers import create as create_enhancer
from models.fusers.searched import build
from models.tiling import enhance_tiled, fuse_tiled

PHOTO = np.full((40, 48, 3), 90, np.uint8)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_never_become_pixels(value: float) -> None:
    picture = torch.full((1, 3, 4, 4), 0.5)
    assert require_finite(picture) is picture
    picture[0, 1, 2, 3] = value
    with pytest.raises(NotFinite, match=r"not finite \(1 of 48\)"):
        picture_of(picture)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_broken_model_makes_no_black_photo(dtype: type) -> None:
    enhancer = create_enhancer("curve", width=4)
    fuser = build(width=2).eval()
    for model in (enhancer, fuser):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(float("nan"))
    with pytest.raises(NotFinite, match="the model made values that are not finite"):
        enhance_tiled(enhancer, PHOTO.astype(dtype))
    with pytest.raises(NotFinite, match="the model made values that are not finite"):
        fuse_tiled(fuser, [PHOTO.astype(dtype), PHOTO.astype(dtype)])
