"""What holds for every registered enhancer, and for a toy beside them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from models.core.storage import load_weights, save_weights
from models.enhancers import UnknownEnhancer, create
from models.enhancers.registry import ENHANCERS
from models.own.probing import check_pictures, learns

LIGHTEN = {"width": 4, "heads": 2, "unet_width": 8, "multipliers": [1, 2], "blocks": 1, "attention": [1], "steps": 2}
OPTIONS: dict[str, dict[str, Any]] = {"toy": {"gain": 0.5}, "lighten_diffusion": LIGHTEN}
NAMES = [*ENHANCERS, "toy"]


def made(name: str) -> Any:
    torch.manual_seed(0)
    return create(name, **OPTIONS.get(name, {}))


@pytest.mark.parametrize("name", NAMES)
def test_it_makes_pictures_of_pictures(name: str) -> None:
    check_pictures(made(name).eval(), 1, name)


@pytest.mark.parametrize("name", NAMES)
def test_it_gives_one_picture_alone_what_it_gives_it_in_a_batch(name: str) -> None:
    enhancer, images = made(name).eval(), torch.rand(3, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = enhancer(images)
        alone = torch.cat([enhancer(image[None]) for image in images])
    assert torch.allclose(whole, alone, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_has_parameters_can_learn(name: str) -> None:
    reason = learns(made(name), 1)
    assert reason in (None, "it has no parameters")


@pytest.mark.parametrize("name", NAMES)
def test_saved_copied_and_loaded_it_is_the_same(name: str, tmp_path: Path) -> None:
    enhancer, image = made(name).eval(), torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    save_weights(enhancer, tmp_path / "w.safetensors")
    torch.manual_seed(9)
    again = create(name, **OPTIONS.get(name, {})).eval()
    load_weights(again, tmp_path / "w.safetensors")
    with torch.no_grad():
        assert torch.equal(again(image), enhancer(image))
        assert torch.equal(copy.deepcopy(enhancer)(image), enhancer(image))


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(UnknownEnhancer, match="sharpness"):
        create(name, sharpness=3)
