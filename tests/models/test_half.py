"""Half precision on a GPU; what can be checked without one. `benchmarks.gpu` measures the rest."""

from typing import Any

import pytest
import torch

from models.core.finite import NotFinite
from models.core.half import in_half, pays
from models.enhancers import create
from models.enhancers.registry import ENHANCERS
from models.fusers import create as fuser
from models.fusers.registry import FUSERS

SMALL: dict[str, dict[str, Any]] = {
    "lighten_diffusion": {
        "width": 4, "heads": 4, "unet_width": 32, "multipliers": [1], "blocks": 1, "attention": [], "steps": 1,
    },
    "dcevo": {"dim": 8, "blocks": 1, "depth": 1, "heads": 2},
}  # fmt: skip


def test_pictures_of_eight_bits_on_a_gpu() -> None:
    assert [pays(device, bits) for device in ("cpu", "cuda", "cuda:1") for bits in (8, 16)] == [
        False, False, True, False, True, False,
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore:CUDA is not available")
def test_what_half_cannot_hold_is_made_again() -> None:
    made = iter([torch.tensor([1.0, torch.inf]), torch.tensor([1.0, 7e4])])
    assert in_half(lambda: next(made), half=True).tolist() == [1.0, 7e4]


def test_what_is_finite_in_no_precision_is_no_picture() -> None:
    with pytest.raises(NotFinite):
        in_half(lambda: torch.tensor([torch.nan]), half=False)


@pytest.mark.parametrize("name", ENHANCERS)
def test_every_enhancer_in_mixed_precision(name: str) -> None:
    torch.manual_seed(0)
    model, photo = create(name, **SMALL.get(name, {})), torch.rand(1, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        made = model(photo)
    assert (made.float() - model(photo)).abs().max() < 0.1


@pytest.mark.parametrize("name", FUSERS)
def test_every_fuser_in_mixed_precision(name: str) -> None:
    torch.manual_seed(0)
    model, pair = fuser(name, **SMALL.get(name, {})), torch.rand(2, 1, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        made, _ = model.fuse(*pair)
    assert (made.float() - model.fuse(*pair)[0]).abs().max() < 0.1
