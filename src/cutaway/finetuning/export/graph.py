"""The classifier as an ONNX graph, node by node: padded rows in, logits out, batch and length free.

Legend: B rows, T columns, D width, H heads, d = D / H, C classes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from cutaway.core.errors import UsageError
from cutaway.finetuning.classifier import Classifier
from cutaway.transformers.block import Block

# 20 is the first with Gelu; onnxruntime 1.17 and later read it.
OPSET, IR_VERSION = 20, 9
_ACTIVATIONS = {"gelu": ("Gelu", {}), "gelu_tanh": ("Gelu", {"approximate": "tanh"}), "relu": ("Relu", {})}
_HIDDEN = -10000.0


class GraphWriter:
    """Nodes and numbers of a graph as they are added; every result has a name of its own."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.numbers: list[Any] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return its result's name.

        Args:
            kind: of ONNX's operators.
            inputs: names of results.
            attributes: of the operator.
        """
        from onnx import helper

        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: object, name: str = "") -> str:
        """Add numbers and return their name.

        Args:
            values: an array, or whole numbers.
            name: what to call them.
        """
        from onnx import numpy_helper

        array = values if isinstance(values, np.ndarray) else np.array(values, dtype=np.int64)
        named = name or f"number_{len(self.numbers)}"
        self.numbers.append(numpy_helper.from_array(array, named))
        return named

    def linear(self, x: str, layer: nn.Linear, name: str) -> str:
        """Add x Wᵀ + b.

        Args:
            x: a result.
            layer: W and b.
            name: of its numbers.
        """
        product = self.add("MatMul", x, self.constant(_array(layer.weight.t()), f"{name}.weight"))
        return self.add("Add", product, self.constant(_array(layer.bias), f"{name}.bias"))

    def norm(self, x: str, layer: nn.LayerNorm, name: str) -> str:
        """Add a layer normalization over the last axis.

        Args:
            x: a result.
            layer: scale, shift, epsilon.
            name: of its numbers.
        """
        scale = self.constant(_array(layer.weight), f"{name}.weight")
        shift = self.constant(_array(layer.bias), f"{name}.bias")
        return self.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=layer.eps)


def make_graph(classifier: Classifier) -> Any:
    """Return the model: `input_ids` and `attention_mask` (B, T) int64 to `logits` (B, C) float32.

    Args:
        classifier: adapters merged.

    Raises:
        UsageError: the encoder has parts that no graph is written for.
    """
    from onnx import TensorProto, helper

    _check(classifier)
    writer = GraphWriter()
    mask = writer.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    column = writer.add("Unsqueeze", mask, writer.constant([2]))
    hidden_from = writer.add("Unsqueeze", mask, writer.constant([1, 2]))
    one, low = writer.constant(np.float32(1).reshape(1)), writer.constant(np.float32(_HIDDEN).reshape(1))
    bias = writer.add("Mul", writer.add("Sub", one, hidden_from), low)
    x = _embedded(writer, classifier)
    for number, block in enumerate(classifier.encoder.blocks):
        assert isinstance(block, Block)
        x = _block(writer, x, bias, (block, f"block.{number}"))
    total = writer.add("ReduceSum", writer.add("Mul", x, column), writer.constant([1]), keepdims=0)
    count = writer.add("ReduceSum", mask, writer.constant([1]), keepdims=1)
    pooled = writer.add("Div", total, count)
    logits = writer.linear(pooled, classifier.head, "head")
    writer.nodes.append(helper.make_node("Identity", [logits], ["logits"], name="logits"))

    def told(name: str, kind: int, *axes: str | int) -> Any:
        return helper.make_tensor_value_info(name, kind, list(axes))

    inputs = [told(name, TensorProto.INT64, "batch", "length") for name in ("input_ids", "attention_mask")]
    outputs = [told("logits", TensorProto.FLOAT, "batch", len(classifier.settings.labels))]
    graph = helper.make_graph(writer.nodes, "classifier", inputs, outputs, writer.numbers)
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opsets, producer_name="cutaway", ir_version=IR_VERSION)


def _check(classifier: Classifier) -> None:
    config = classifier.encoder.config
    block = config.block
    if block.activation not in _ACTIVATIONS or block.places == "rotary" or block.order != "post":
        raise UsageError(
            f"no graph is written for an encoder with activation {block.activation}, places {block.places}, "
            f"order {block.order}"
        )


def _embedded(writer: GraphWriter, classifier: Classifier) -> str:
    """Token, place and type, added and normalized: (B, T, D)."""
    layers, config = classifier.encoder.embeddings, classifier.encoder.config
    places = _array(layers.position.weight)[config.first_position :]
    if layers.token_type is not None:
        places = places + _array(layers.token_type.weight)[0]
    tokens = writer.add("Gather", writer.constant(_array(layers.token.weight), "token"), "input_ids")
    length = writer.add("Shape", "input_ids", start=1, end=2)
    table = writer.constant(np.ascontiguousarray(places), "place")
    rows = writer.add("Slice", table, writer.constant([0]), length, writer.constant([0]))
    return writer.norm(writer.add("Add", tokens, rows), layers.norm, "embeddings.norm")


def _block(writer: GraphWriter, x: str, bias: str, named: tuple[Block, str]) -> str:
    """Attention and feed-forward layer, post-norm: (B, T, D)."""
    block, name = named
    heads, width = block.config.heads, block.config.width
    split = writer.constant([0, 0, heads, width // heads])

    def part(layer: nn.Linear, which: str, order: list[int]) -> str:
        made = writer.linear(x, layer, f"{name}.{which}")
        return writer.add("Transpose", writer.add("Reshape", made, split), perm=order)

    query = part(block.query, "query", [0, 2, 1, 3])
    key = part(block.key, "key", [0, 2, 3, 1])
    value = part(block.value, "value", [0, 2, 1, 3])
    root = writer.constant(np.float32(1 / math.sqrt(width // heads)).reshape(1))
    scores = writer.add("Add", writer.add("Mul", writer.add("MatMul", query, key), root), bias)
    seen = writer.add("MatMul", writer.add("Softmax", scores, axis=-1), value)
    together = writer.add(
        "Reshape", writer.add("Transpose", seen, perm=[0, 2, 1, 3]), writer.constant([0, 0, width])
    )
    attended = writer.add("Add", x, writer.linear(together, block.output, f"{name}.output"))
    assert isinstance(block.attention_norm, nn.LayerNorm)
    assert isinstance(block.feed_forward_norm, nn.LayerNorm)
    y = writer.norm(attended, block.attention_norm, f"{name}.attention_norm")
    kind, attributes = _ACTIVATIONS[block.config.activation]
    hidden = writer.add(kind, writer.linear(y, block.up, f"{name}.up"), **attributes)
    fed = writer.add("Add", y, writer.linear(hidden, block.down, f"{name}.down"))
    return writer.norm(fed, block.feed_forward_norm, f"{name}.feed_forward_norm")


def _array(weight: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(weight.detach().float().cpu().numpy())
