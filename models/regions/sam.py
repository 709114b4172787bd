"""Regions by Segment Anything (Kirillov et al., 2023): `segment_anything` with a checkpoint of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.regions.base import Segmenter
from models.weights.checkpoint import CheckpointError, read

if TYPE_CHECKING:
    import torch
    from segment_anything import SamAutomaticMaskGenerator
    from segment_anything.modeling import Sam as Network

TYPES = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
"""Width of the encoder -> its type."""
FIXED = {"model", "output_mode", "point_grids"}
"""Parameters of the generator that are not the user's."""


class Generated(Segmenter):
    """What `SamAutomaticMaskGenerator` finds.

    generator: its parameters (points_per_side, pred_iou_thresh, ...). Raises ValueError for those that it does not know or that
    are not the user's.
    """

    def __init__(self, generator: dict[str, Any] | None = None, device: str = "cpu") -> None:
        from segment_anything import SamAutomaticMaskGenerator

        from models.own import faults_of_options

        chosen = generator or {}
        if fixed := sorted(FIXED & set(chosen)):
            raise ValueError(f"generator: {', '.join(fixed)} cannot be chosen")
        self._parameters = self.defaults(device) | chosen
        if faults := faults_of_options("generator", SamAutomaticMaskGenerator, {"model": None} | self._parameters):
            raise ValueError("; ".join(faults))
        for name in ("points_per_side", "points_per_batch"):
            number = self._parameters.get(name, 1)
            if not isinstance(number, int) or number < 1:
                raise ValueError(f"generator: {name} is a whole number of 1 or more, not {number!r}")
        self._device = device
        self._made: SamAutomaticMaskGenerator | None = None

    def defaults(self, device: str) -> dict[str, Any]:
        """Parameters of the generator where the user names none."""
        # On a CPU few points at a time take two thirds of the time of the generator's 64, and less than half of the memory.
        return {"points_per_side": 16} | ({"points_per_batch": 4} if device == "cpu" else {})

    def network(self) -> Network:
        """The network with its weights; asked for with the first picture."""
        raise NotImplementedError

    def masks(self, picture: np.ndarray) -> list[np.ndarray]:
        if self._made is None:
            from segment_anything import SamAutomaticMaskGenerator

            network = self.network().to(self._device).eval()
            self._made = SamAutomaticMaskGenerator(network, **self._parameters)
        return [np.asarray(one["segmentation"], bool) for one in self._made.generate(picture)]


class Sam(Generated):
    """SAM of a type with a checkpoint.

    checkpoint: a .pth of Meta's (https://github.com/facebookresearch/segment-anything, Apache-2.0), or the same weights as
    .safetensors; model: vit_b, vit_l or vit_h. Raises ValueError: an unknown type or parameter; `CheckpointError`: it is absent
    or, with the first picture, cannot be read or is of another type.
    """

    note = "Segment Anything"

    def __init__(
        self, checkpoint: str, model: str = "vit_b", generator: dict[str, Any] | None = None, device: str = "cpu"
    ) -> None:
        super().__init__(generator, device)
        if model not in TYPES.values():
            raise ValueError(f"model is {', '.join(TYPES.values())}, not {model!r}")
        self._checkpoint, self._model = Path(checkpoint), model
        if not self._checkpoint.is_file():
            raise CheckpointError(
                f"there is no checkpoint {checkpoint}; download one from the page of segment-anything"
            )

    def network(self) -> Network:
        from segment_anything import sam_model_registry

        weights = read(self._checkpoint)
        if fault := fault_of(weights, self._model):
            raise CheckpointError(f"{self._checkpoint} {fault}")
        network: Network = sam_model_registry[self._model]()
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            told = " ".join(str(error).split())
            raise CheckpointError(f"{self._checkpoint} does not fit {self._model}: {told[:300]}") from error
        return network


def fault_of(weights: dict[str, torch.Tensor], model: str) -> str:
    """Why these are no weights of that type, seen by those of the encoder; empty where they may be."""
    if "image_encoder.patch_embed.seq.0.c.weight" in weights:
        return "is a checkpoint of MobileSAM: take the segmenter mobile_sam, without a checkpoint"
    position = weights.get("image_encoder.pos_embed")
    found = TYPES.get(position.shape[-1]) if position is not None and position.ndim else None
    if found is None:
        return f"is no checkpoint of {', '.join(TYPES.values())}"
    return "" if found == model else f"is a checkpoint of {found}, not of {model}: set model to {found}"
