"""Weights inside an ONNX graph that torch exported: most are named, the matrices of linear layers are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.weights.convert import Arrays

if TYPE_CHECKING:
    from onnx import GraphProto


def initializers(graph: GraphProto) -> Arrays:
    """Name -> weight, as the graph has them."""
    from onnx.numpy_helper import to_array

    return {tensor.name: to_array(tensor) for tensor in graph.initializer}


def linear_weights(graph: GraphProto) -> Arrays:
    """NAME.weight (out, in) -> the matrix of the linear layer whose bias NAME.bias is added to its product."""
    known = initializers(graph)
    matrix = {
        node.output[0]: known[node.input[1]]
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in known
    }
    return {
        f"{bias.removesuffix('.bias')}.weight": matrix[product].T
        for node in graph.node
        if node.op_type == "Add"
        for bias, product in (tuple(node.input), tuple(node.input)[::-1])
        if bias in known and product in matrix
    }
