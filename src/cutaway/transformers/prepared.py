"""Encoder blocks prepared for prediction: weights laid out for the processor, neighbors fused.

The same numbers as `Block.forward`, in fewer passes over memory: query, key and value are one product,
the activation and the sum with the input happen inside the products that precede them.

Legend: N tokens of all rows, D width, H heads, d = D / H numbers per head, F feed-forward width,
R rows of one length L.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cutaway.transformers.attention import attend_fast
from cutaway.transformers.block import Block
from cutaway.transformers.config import NormOrder
from cutaway.transformers.int16 import Int16Block, in_registers, read_in_pieces
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.products import DTYPES, Precision, Product, kind_of

# Tokens in one batch: the feed-forward layer's output for so many stays in a cache of 12 MB. In int16 it is
# never whole; threads share a long batch evenly, and meet torch's own, which wait in circles, less often.
BUDGETS: Mapping[Precision, int] = {"float32": 2048, "bfloat16": 4096, "int16": 16384, "int8": 2048}
# Tokens that are read before blocks are prepared: a short text is answered sooner without.
_FEW = 400
_PARTS = ("query", "key", "value", "output", "up", "down", "attention_norm", "feed_forward_norm")


class PreparedBlock:
    """A post-norm encoder block in seven operators.

        y = norm(x + attend(x)),   z = norm(y + down(act(up(y))))

    Attributes:
        parts: the layers it was made from, by name.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.1.
    """

    def __init__(self, block: Block, precision: Precision) -> None:
        self.parts = _parts_of(block)
        self._heads, self._activation = block.config.heads, block.config.activation
        kind, dtype = kind_of(precision), DTYPES[precision]

        def laid_out(*layers: nn.Linear) -> Product:
            weight = torch.cat([layer.weight.detach() for layer in layers])
            return kind(weight.to(dtype), torch.cat([layer.bias.detach() for layer in layers]).to(dtype))

        self._together = laid_out(block.query, block.key, block.value)
        self._output, self._up, self._down = (
            laid_out(block.output),
            laid_out(block.up),
            laid_out(block.down),
        )
        self._norms = [
            (norm.weight.detach().to(dtype), norm.bias.detach().to(dtype), norm.eps)
            for norm in (self.parts["attention_norm"], self.parts["feed_forward_norm"])
        ]

    def __call__(self, x: Tensor, batch: PackedBatch) -> Tensor:
        """Transform every token once.

        Args:
            x: (N, D) float.
            batch: whose rows each token sees.

        Returns:
            (N, D) float.
        """
        y = normalized(self._output.added(self._look(x, batch), x), *self._norms[0])  # (N, D)
        hidden = self._up.activated(y, self._activation)  # (N, F)
        return normalized(self._down.added(hidden, y), *self._norms[1])

    def _look(self, x: Tensor, batch: PackedBatch) -> Tensor:
        """Attend within each row, one call per group of equal lengths."""
        mixed = [self._look_within(piece) for piece in batch.by_group(self._together(x))]
        return torch.cat(mixed) if len(mixed) > 1 else mixed[0]

    def _look_within(self, piece: Tensor) -> Tensor:
        """Attend within rows of one length: (R, L, 3 D) to (R · L, D)."""
        rows, length, _ = piece.shape
        split = piece.view(rows, length, 3, self._heads, -1).permute(2, 0, 3, 1, 4)  # (3, R, H, L, d)
        seen = attend_fast(split[0], split[1], split[2])  # (R, H, L, d)
        return seen.transpose(1, 2).reshape(rows * length, -1)


class PreparedStack:
    """All blocks of an encoder, prepared, and how to tell that they still are its blocks.

    Args:
        blocks: on a CPU; a block of another kind than `can_prepare` describes must not be among them.
        precision: of the products; bfloat16 keeps sums and norms in it too, whole numbers have them in
            float32.
    """

    def __init__(self, blocks: Sequence[Block], precision: Precision) -> None:
        self.dtype = DTYPES[precision]
        self._blocks = blocks
        kind_of(precision)  # an error where this machine has none
        self._whole: list[Int16Block] = []
        self._prepared: list[PreparedBlock] = []
        if precision == "int16" and all(map(in_registers, blocks)):
            self._whole = [Int16Block(block, _parts_of(block)) for block in blocks]
        else:
            self._prepared = [PreparedBlock(block, precision) for block in blocks]
        self._weights = [
            (part._parameters, name, weight, weight._version, weight.data_ptr())
            for prepared in self._every
            for part in prepared.parts.values()
            for name, weight in part.named_parameters()
        ]

    def __call__(self, x: Tensor, batch: PackedBatch) -> Tensor:
        """Read packed rows.

        Args:
            x: the embedded tokens, (N, D) float32.
            batch: N tokens.

        Returns:
            (N, D) float32: the last block's output.
        """
        if self._whole:
            return read_in_pieces(self._whole, x, batch)
        x = x.to(self.dtype)  # (N, D)
        for block in self._prepared:
            x = block(x, batch)  # (N, D)
        return x.float()

    @property
    def _every(self) -> Sequence[PreparedBlock | Int16Block]:
        return self._whole or self._prepared

    def is_current(self) -> bool:
        """Tell whether the blocks are what they were: same layers, weights untouched, nobody listening.

        Writing through `weight.data` is not seen: torch does not count it.
        """
        for block, prepared in zip(self._blocks, self._every, strict=True):
            layers = block._modules
            if (
                block.training
                or not _quiet(block)
                or any(layers[name] is not part for name, part in prepared.parts.items())
            ):
                return False
            if not all(map(_quiet, prepared.parts.values())):
                return False
        return all(
            held[name] is weight and weight._version == version and weight.data_ptr() == place
            for held, name, weight, version, place in self._weights
        )


class Preparer:
    """Keeps a model's prepared stacks, one a precision, and makes them when they are worth it.

    A copy of the model, or one read back from a file, starts without any.
    """

    def __init__(self) -> None:
        self._stacks: dict[Precision, PreparedStack] = {}
        self._read = 0

    def __reduce__(self) -> tuple[type[Preparer], tuple[()]]:
        return Preparer, ()

    def stack(self, blocks: Sequence[nn.Module], tokens: int, precision: Precision) -> PreparedStack | None:
        """Return the blocks prepared, or none where they cannot be, or too little was read so far.

        Args:
            blocks: an encoder's.
            tokens: to be read now.
            precision: of the products.
        """
        self._read += tokens
        stack = self._stacks.get(precision)
        if stack is not None and stack.is_current():
            return stack
        fitting = [block for block in blocks if isinstance(block, Block) and can_prepare(block)]
        if self._read < _FEW or len(fitting) < len(blocks):
            return None
        self._stacks[precision] = PreparedStack(fitting, precision)
        return self._stacks[precision]


def can_prepare(block: Block) -> bool:
    """Tell whether a block is of the kind that `PreparedBlock` computes.

    Args:
        block: plain linear layers and LayerNorms in float32 on a CPU, post-norm, not in training, nobody
            listening to what they compute.

    Returns:
        True or false.
    """
    return (
        is_plain(block, "post")
        and not block.training
        and all(
            weight.dtype == torch.float32 and weight.device.type == "cpu" and not weight.is_inference()
            for weight in block.parameters()
        )
    )


def is_plain(block: Block, order: NormOrder) -> bool:
    """Tell whether a block is made of plain linear layers and LayerNorms, and sees its own row only.

    Args:
        block: nobody listening to what its layers compute.
        order: where its norms stand.

    Returns:
        True or false.
    """
    config = block.config
    parts = [getattr(block, name) for name in _PARTS]
    return (
        (config.order, config.norm, config.sees) == (order, "layer", "own row")
        and config.places != "rotary"
        and block.gate is None
        and all(type(part) in (nn.Linear, nn.LayerNorm) and _quiet(part) for part in parts)
        and _quiet(block)
    )


def normalized(x: Tensor, scale: Tensor, shift: Tensor, epsilon: float) -> Tensor:
    """Return LayerNorm of each vector.

    Args:
        x: (N, D) float.
        scale: (D) float.
        shift: (D) float.
        epsilon: added to the variance.

    Returns:
        (N, D) float.
    """
    return torch.layer_norm(x, scale.shape, scale, shift, epsilon)


def _parts_of(block: Block) -> dict[str, Any]:
    return {name: getattr(block, name) for name in _PARTS}


def _quiet(module: nn.Module) -> bool:
    return not module._forward_hooks and not module._forward_pre_hooks
