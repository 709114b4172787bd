"""The weights that are part of the package: small, whole, and of use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models import shipped
from models.core.storage import WeightsError, load_weights
from models.enhancers import create as create_enhancer
from models.fusers import create as create_fuser
from models.quality.fusion.mef_ssim import mef_ssim
from models.shipped import SHIPPED

CREATE = {"low_light": create_enhancer, "brackets": create_fuser}


def opened(kind: str) -> torch.nn.Module:
    ours = SHIPPED[kind]
    model = CREATE[kind](ours.name, **ours.options)
    load_weights(model, ours.path)
    return model.eval()


@pytest.mark.parametrize("kind", sorted(SHIPPED))
def test_they_are_small_and_fit_their_network(kind: str) -> None:
    assert SHIPPED[kind].path.stat().st_size < 1_000_000
    assert all(bool(parameter.isfinite().all()) for parameter in opened(kind).parameters())
    assert SHIPPED[kind].kind == kind and SHIPPED[kind].measured


@torch.no_grad()
def test_the_enhancer_lifts_what_is_dark_and_leaves_what_is_fine() -> None:
    enhancer, generator = opened("low_light"), torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 9, 12, generator=generator)
    scene = torch.nn.functional.interpolate(coarse, (180, 240), mode="bicubic").clamp(0.02, 0.98)
    dark = (0.3 * scene).clamp(0, 1)
    assert float(enhancer(dark).mean()) > 1.5 * float(dark.mean())
    assert float((enhancer(scene) - scene).abs().mean()) < 0.1
    assert float(enhancer(scene).amax()) <= 1


@torch.no_grad()
def test_the_fuser_keeps_more_of_two_exposures_than_their_mean() -> None:
    fuser, generator = opened("brackets"), torch.Generator().manual_seed(0)
    scene = torch.rand(1, 3, 96, 96, generator=generator) * torch.linspace(0.02, 1, 96)
    pair = [(scene * 4).clamp(0, 1), (scene * 0.6).clamp(0, 1)]
    assert float(mef_ssim(fuser(pair[1], pair[0]), pair)) > float(mef_ssim((pair[0] + pair[1]) / 2, pair)) + 0.01


def test_weights_that_were_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = SHIPPED["low_light"]
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
