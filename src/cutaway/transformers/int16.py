"""Prediction in 16-bit whole numbers: one linear layer, or a whole encoder with nothing of torch between.

Threads do not share a product: each reads some rows through all blocks and takes the next ones when done.

Legend: N tokens of all rows, I numbers in, O numbers out, D width, F feed-forward width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cutaway.training.int16_products import Floats, aligned, lay_out, multiply, share
from cutaway.transformers.block import FUSED, Block
from cutaway.transformers.packing import PackedBatch

# Tokens that a thread reads at once: little enough that as many as there are threads end together.
_PIECE = 1024
_REGISTER = 16
_BEHIND = 32


class Int16Product:
    """A linear layer whose numbers are rounded to 16 bits, its rows shared by torch's number of threads."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._laid = lay_out(weight.numpy(), bias.numpy())

    def __call__(self, x: Tensor) -> Tensor:
        """Return x Wᵀ + b, both rounded.

        Args:
            x: (N, I) float32.
        """
        return torch.from_numpy(multiply(x.numpy(), self._laid, threads=torch.get_num_threads()))

    def activated(self, x: Tensor, activation: str) -> Tensor:
        """Return act(x Wᵀ + b).

        Args:
            x: (N, I) float32.
            activation: one of a block's.
        """
        return FUSED[activation](self(x))

    def added(self, x: Tensor, rest: Tensor) -> Tensor:
        """Return rest + x Wᵀ + b.

        Args:
            x: (N, I) float32.
            rest: (N, O) float32.
        """
        return self(x).add_(rest)


class Int16Block:
    """A post-norm encoder block in one kernel.

        y = norm(x + attend(x)),   z = norm(y + down(act(up(y))))

    Attributes:
        parts: the layers it was made from, by name.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.1.
    """

    def __init__(self, block: Block, parts: Mapping[str, Any]) -> None:
        from cutaway.training.row_code import ACTIVATIONS

        self.parts = parts
        config = block.config
        kinds = list(ACTIVATIONS)
        self._sizes = np.array([config.heads, config.feed_forward, kinds.index(config.activation)])
        layers = ((block.query, block.key, block.value), (block.output,), (block.up,), (block.down,))
        laid = [lay_out(_joined(some, "weight"), _joined(some, "bias")) for some in layers]
        self._products = [array for one in laid for array in (one.panels, one.scales)]
        norms = (block.attention_norm, block.feed_forward_norm)
        self._norms = np.stack([_joined((norm,), kind) for norm in norms for kind in ("weight", "bias")])
        self._norms = self._norms.reshape(2, 2, config.width)
        self._epsilons = np.array([norm.eps for norm in norms], np.float32)

    def read(self, x: Floats, starts: NDArray[np.int64], room: Sequence[Floats]) -> None:
        """Transform every token once, in place.

        Args:
            x: (N, D) float32.
            starts: where each row begins, and N.
            room: for what is made on the way, from `room_for`.
        """
        from cutaway.transformers.int16_kernels import read_block

        read_block(x, starts, self._sizes, self._norms, self._epsilons, *room, *self._products)


def read_in_pieces(blocks: Sequence[Int16Block], x: Tensor, batch: PackedBatch) -> Tensor:
    """Read packed rows through all blocks, some rows at a time, on torch's number of threads.

    Args:
        blocks: an encoder's.
        x: the embedded tokens, (N, D) float32.
        batch: N tokens.

    Returns:
        (N, D) float32.
    """
    threads = torch.get_num_threads()
    lengths = np.repeat([group.length for group in batch.groups], [group.rows for group in batch.groups])
    ends = np.cumsum(lengths)
    starts = np.concatenate([[0], ends])
    most = min(_PIECE, -(-len(x) // threads))
    cuts = [0]
    while cuts[-1] < len(lengths):
        # As many rows as fit, and one at least.
        fit = int(np.searchsorted(ends, starts[cuts[-1]] + most, side="right"))
        cuts.append(max(fit, cuts[-1] + 1))
    read = np.array(x.numpy())  # (N, D)

    largest = max(int(starts[end] - starts[begin]) for begin, end in pairwise(cuts))
    rooms = [room_for(largest, x.shape[1]) for _ in range(min(threads, len(cuts) - 1))]

    def work(piece: int) -> None:
        first, last = cuts[piece], cuts[piece + 1]
        tokens, begins = read[starts[first] : starts[last]], starts[first : last + 1] - starts[first]
        room = rooms.pop()  # there are as many as threads
        for block in blocks:
            block.read(tokens, begins, room)
        rooms.append(room)

    # The longest rows, which take longest, stand last.
    share(range(len(cuts) - 2, -1, -1), work, threads)
    return torch.from_numpy(read)


def room_for(tokens: int, width: int) -> tuple[Floats, Floats]:
    """Return room for queries, keys and values, and for what attention makes of them.

    Args:
        tokens: N.
        width: D.
    """
    # Kernels read whole tiles, also behind the last token.
    return aligned((tokens + _BEHIND) * 3 * width, np.float32), np.empty(tokens * width, np.float32)


def in_registers(block: Block) -> bool:
    """Tell whether a block's widths are whole registers, as the kernel has them.

    Args:
        block: any.
    """
    config = block.config
    return not any(n % _REGISTER for n in (config.width // config.heads, config.width, config.feed_forward))


def _joined(layers: Sequence[nn.Module], name: str) -> Floats:
    found: Floats = torch.cat([getattr(layer, name).detach() for layer in layers]).numpy()
    return found
