"""Regions by MobileSAM (Zhang et al., 2023): SAM with an encoder of a hundredth of its size, which needs no checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.regions.sam import Generated

if TYPE_CHECKING:
    from segment_anything.modeling import Sam


class MobileSam(Generated):
    """MobileSAM with the weight `mobile_sam`. Its first picture raises WeightUnavailable where that cannot be had.

    generator: as of `Sam`, with lower thresholds where it names none (docs/regions.md).
    """

    note = "MobileSAM"

    def defaults(self, device: str) -> dict[str, Any]:
        # The generator's own, 0.88 and 0.95, are for ViT-H: they leave most of some pictures without a mask.
        return super().defaults(device) | {"pred_iou_thresh": 0.8, "stability_score_thresh": 0.9}

    def network(self) -> Sam:
        from safetensors.torch import load_file

        from models import weights

        network = mobile_sam()
        network.load_state_dict(load_file(weights.resolve("mobile_sam")))
        return network


def mobile_sam() -> Sam:
    """The network without weights: TinyViT-5M, and the prompt encoder and mask decoder of every SAM."""
    from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    from models.regions.tiny_vit import TinyViT

    channels, side = 256, TinyViT.img_size
    return Sam(
        TinyViT(out_channels=channels),
        PromptEncoder(
            embed_dim=channels,
            image_embedding_size=(side // 16, side // 16),
            input_image_size=(side, side),
            mask_in_chans=16,
        ),
        MaskDecoder(
            transformer_dim=channels,
            transformer=TwoWayTransformer(depth=2, embedding_dim=channels, num_heads=8, mlp_dim=2048),
        ),
    )
