"""Segment Anything: checkpoints that do and do not fit, and what the generator's masks become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import segment_anything
import torch
from safetensors.torch import save_file
from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer
from segment_anything.modeling import Sam as Network
from torch import nn

from models import regions
from models.regions.sam import Generated, Sam
from models.regions.tiny_vit import TinyViT
from models.weights.checkpoint import CheckpointError

PICTURE = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)


def encoder(width: int) -> dict[str, torch.Tensor]:
    """What tells one type from another, and no more."""
    return {"image_encoder.pos_embed": torch.zeros(1, 1, 1, width)}


def saved(weights: dict[str, Any], path: Path) -> str:
    if path.suffix == ".safetensors":
        save_file(weights, path)
    else:
        torch.save(weights, path)
    return str(path)


@pytest.mark.parametrize("file", ["sam.pth", "sam.safetensors"])
@pytest.mark.parametrize(("width", "found"), [(768, "vit_b"), (1024, "vit_l"), (1280, "vit_h")])
def test_a_checkpoint_of_another_type_is_refused_and_its_type_named(
    tmp_path: Path, file: str, width: int, found: str
) -> None:
    asked = "vit_l" if found != "vit_l" else "vit_b"
    segmenter = Sam(saved(encoder(width), tmp_path / file), asked)
    with pytest.raises(
        CheckpointError, match=f"{file} is a checkpoint of {found}, not of {asked}: set model to {found}"
    ):
        segmenter.masks(PICTURE)


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ({"image_encoder.patch_embed.seq.0.c.weight": torch.zeros(1)}, "MobileSAM: take the segmenter mobile_sam"),
        ({"features.0.weight": torch.zeros(1)}, "is no checkpoint of vit_b, vit_l, vit_h"),
        (encoder(384), "is no checkpoint of vit_b, vit_l, vit_h"),
        ({"epoch": 3}, "holds no weights"),
        ({"a": encoder(768), "b": encoder(768)}, "several sets of weights; `loupe weights convert`"),
        ({"path": Path("a")}, "cannot be read as tensors alone"),
    ],
)
def test_what_is_no_checkpoint_of_sam_is_refused(tmp_path: Path, weights: dict[str, Any], told: str) -> None:
    segmenter = Sam(saved(weights, tmp_path / "sam.pth"))
    with pytest.raises(CheckpointError, match=told):
        segmenter.masks(PICTURE)


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    for name in ("sam.pth", "sam.safetensors"):
        (tmp_path / name).write_bytes(b"not a checkpoint")
        with pytest.raises(CheckpointError, match=name):
            Sam(str(tmp_path / name)).masks(PICTURE)


class Toy(nn.Module):
    """Stands in for vit_b, which is 360 MB."""

    def __init__(self) -> None:
        super().__init__()
        self.image_encoder = nn.Module()
        self.image_encoder.pos_embed = nn.Parameter(torch.ones(1, 1, 1, 768))


def test_the_right_type_is_loaded_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(segment_anything.sam_model_registry, "vit_b", Toy)
    # As a training program saves it: beside the optimiser's state, and from DataParallel.
    kept = {"model": {f"module.{key}": value for key, value in encoder(768).items()}, "optimizer": {}}
    network = Sam(saved(kept, tmp_path / "whole.pth")).network()
    assert network.image_encoder.pos_embed.abs().max() == 0
    more = encoder(768) | {"neck.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError, match=r"more.pth does not fit vit_b: .*neck.weight"):
        Sam(saved(more, tmp_path / "more.pth")).network()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"checkpoint": "absent.pth"}, "there is no checkpoint absent.pth"),
        ({"checkpoint": __file__, "model": "vit_s"}, "model is vit_b, vit_l, vit_h, not 'vit_s'"),
        ({"checkpoint": __file__, "generator": {"points": 3}}, "generator has no option 'points'"),
        ({"checkpoint": __file__, "generator": {"output_mode": "coco_rle"}}, "output_mode cannot be chosen"),
        (
            {"checkpoint": __file__, "generator": {"points_per_side": 0}},
            "points_per_side is a whole number of 1 or more",
        ),
        ({}, "needs the option 'checkpoint'"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(regions.UnknownSegmenter, match=told):
        regions.create("sam", **options)


class Small(Generated):
    """MobileSAM for pictures of 64 pixels, from random weights."""

    def network(self) -> Network:
        torch.manual_seed(0)
        image_encoder = TinyViT((16, 16, 32, 32), (1, 1, 1, 1), (1, 1, 2, 2), out_channels=32)
        image_encoder.img_size = 64
        return Network(
            image_encoder,
            PromptEncoder(32, (4, 4), (64, 64), 16),
            MaskDecoder(
                transformer_dim=32, transformer=TwoWayTransformer(depth=2, embedding_dim=32, num_heads=4, mlp_dim=64)
            ),
        )


def test_masks_are_of_the_size_of_the_picture_and_the_same_each_time() -> None:
    all_of_them = {
        "points_per_side": 3,
        "pred_iou_thresh": -100.0,
        "stability_score_thresh": -1.0,
        "box_nms_thresh": 1.0,
    }
    segmenter = Small(all_of_them)
    masks = segmenter.masks(PICTURE)
    assert masks
    assert all(mask.shape == (20, 30) and mask.dtype == bool for mask in masks)
    assert np.array_equal(masks, segmenter.masks(PICTURE))
    assert np.array_equal(masks, Small(all_of_them | {"points_per_batch": 64}).masks(PICTURE))


def test_no_mask_may_be_good_enough() -> None:
    assert Small({"points_per_side": 2, "pred_iou_thresh": 100.0}).masks(PICTURE) == []
