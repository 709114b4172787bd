"""The weights that are part of the package: small, whole, and of use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

from models import shipped
from models.core.storage import WeightsError, load_weights
from models.degradation import expose
from models.enhancers import create as create_enhancer
from models.fusers import create as create_fuser
from models.quality.fusion.mef_ssim import mef_ssim
from models.shipped import SHIPPED

CREATE = {"local_tone": create_enhancer, "learned_pyramid": create_fuser}


def opened(name: str) -> torch.nn.Module:
    ours = SHIPPED[name]
    model = CREATE[name](ours.name, **ours.options)
    load_weights(model, ours.path)
    return model.eval()


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_they_are_small_and_fit_their_network(name: str) -> None:
    assert SHIPPED[name].path.stat().st_size < 1_000_000
    assert all(bool(parameter.isfinite().all()) for parameter in opened(name).parameters())
    assert SHIPPED[name].name == name and SHIPPED[name].measured


@torch.no_grad()
def test_the_enhancer_lifts_what_is_dark_and_leaves_what_is_fine() -> None:
    enhancer, generator = opened("local_tone"), torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 9, 12, generator=generator)
    scene = torch.nn.functional.interpolate(coarse, (180, 240), mode="bicubic").clamp(0.02, 0.98)
    dark = (0.3 * scene).clamp(0, 1)
    assert float(enhancer(dark).mean()) > 1.5 * float(dark.mean())
    assert float((enhancer(scene) - scene).abs().mean()) < 0.1
    assert float(enhancer(scene).amax()) <= 1


@torch.no_grad()
def test_the_fuser_keeps_more_of_two_exposures_than_their_mean_and_than_mertens() -> None:
    """A held-out photograph, its left half two stops darker, in two exposures."""
    photo = data.coffee()[:256, :384].astype(np.float32) / 255
    stops = np.where(np.arange(384) < 192, -2.0, 0.0)[None].repeat(256, 0)
    pair = [
        torch.from_numpy(expose(photo, stops + more, 0.0, 0.0, np.random.default_rng(0))).permute(2, 0, 1)[None]
        for more in (-1.5, 2.0)
    ]
    found = float(mef_ssim(opened("learned_pyramid")(*pair), pair))
    assert found > float(mef_ssim((pair[0] + pair[1]) / 2, pair)) + 0.01
    assert found > float(mef_ssim(create_fuser("mertens")(*pair), pair))


def test_weights_that_were_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = SHIPPED["local_tone"]
    bytes_ = bytearray(ours.path.read_bytes())
    bytes_[-1] ^= 1
    (tmp_path / ours.file).write_bytes(bytes_)
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    with pytest.raises(
        WeightsError, match=r"is missing or was changed; install Loupe anew, or `python -m tasks\.shipping"
    ):
        _ = ours.path
    with pytest.raises(WeightsError, match="is missing or was changed"):
        _ = replace(ours, file="none.safetensors").path
