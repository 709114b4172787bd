"""A user's own network as a fuser of two pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.fusers import create
from models.own import OwnModelError
from models.own.fusers import OwnFuser
from models.tiling import fuse_tiled

CODE = """
import torch
from torch import nn


class Mix(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layer = nn.Conv2d(6, 1, 3, padding=1)

    def forward(self, under, over):
        share = torch.sigmoid(self.layer(torch.cat([under, over], 1)))
        return share * under + (1 - share) * over


class One(nn.Module):
    def forward(self, image):
        return image
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "outside_fuser", raising=False)
    Path("outside_fuser.py").write_text(CODE)


def test_a_network_from_outside_is_a_fuser() -> None:
    torch.manual_seed(0)
    fuser = create("outside_fuser:Mix")
    assert isinstance(fuser, OwnFuser)
    assert (fuser.halo, fuser.stride, fuser.whole, fuser.learns_not) == (1, 1, False, None)
    random = np.random.default_rng(1)
    photos = [random.integers(0, 256, (96, 128, 3), dtype=np.uint8) for _ in range(2)]
    whole = fuse_tiled(fuser.eval(), photos, tile=512)
    assert np.abs(whole.astype(int) - fuse_tiled(fuser, photos, tile=32)).max() <= 1
    assert set(fuser.state_dict()) == {"layer.weight", "layer.bias"}


def test_a_torchscript_file_is_one() -> None:
    source = create("outside_fuser:Mix")
    assert isinstance(source, OwnFuser)
    torch.jit.script(source.network).save("mix.pt")
    fuser, pictures = create("mix.pt"), torch.rand(2, 1, 3, 40, 40)
    assert torch.allclose(fuser(*pictures), source(*pictures), atol=1e-6)


def test_what_takes_one_picture_is_none() -> None:
    with pytest.raises(OwnModelError, match=r"outside_fuser:One fails on pictures .* of 2 such pictures"):
        create("outside_fuser:One")
