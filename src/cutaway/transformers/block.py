"""One block, whatever the family: attention, then feed-forward, each added to its input and normalized.

Legend: N tokens of all rows, D width, H heads, d = D / H numbers per head, F feed-forward width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cutaway.core.errors import UsageError
from cutaway.training.dropout import drop
from cutaway.training.recomputed import recomputed
from cutaway.transformers.config import BlockConfig
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.positions import rotate
from cutaway.transformers.sight import Sight, Within

# The formulas of formulas.py as the framework computes them fastest; tanh serves heads only.
FUSED: Mapping[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
    "swish": F.silu,
    "tanh": F.tanh,
}
# Those that oneDNN's products compute on the way, in its words: the name, and how it approximates.
IN_ONEDNN = {"gelu": ("gelu", "none"), "gelu_tanh": ("gelu", "tanh"), "relu": ("relu", "")}


# From so many tokens on, training feeds them forward in pieces, whose (N, F) is as large as (N, D) of all:
# blocks of one size leave few holes in the heap, and what a piece needs in passing is small.
_MANY = 1024


class Attention(nn.Module):
    """The four projections of multi-head attention; which rows see which, a sight knows.

        MultiHead(x) = [head₁ … head_H] W_Oᵀ + b_O,   headᵢ = attend(x W_Qⁱᵀ, x W_Kⁱᵀ, x W_Vⁱᵀ)

    They are plain linear layers, so that an adapter can stand in for any of them. One product for
    query, key and value together was measured: not faster.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2.
    """

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.config = config
        self.query = nn.Linear(config.width, config.width)
        self.key = nn.Linear(config.width, config.width)
        self.value = nn.Linear(config.width, config.width)
        self.output = nn.Linear(config.width, config.width)

    def project(self, x: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, turned by their places where the model does that.

        Args:
            x: (N, D) float.
            places: each token's position in its row, (N,) int64.

        Returns:
            Three of (N, D) float.
        """
        q, k, v = self.query(x), self.key(x), self.value(x)
        if self.config.places == "rotary":
            q, k = self._turn(q, places), self._turn(k, places)
        return q, k, v

    def attend(self, x: Tensor, sight: Sight) -> Tensor:
        """Let every token look at what it may see.

        Args:
            x: (N, D) float.
            sight: the rows.

        Returns:
            (N, D) float.
        """
        attended: Tensor = self.output(sight.look(x, self))  # (N, D)
        return attended

    def _turn(self, part: Tensor, places: Tensor) -> Tensor:
        return rotate(part.view(len(part), self.config.heads, -1), places).flatten(1)


class Block(Attention):
    """Self-attention, in a decoder attention to a source, and a feed-forward layer.

        post-norm:  y = norm(x + attend(x)),      z = norm(y + feed(y))
        pre-norm:   y = x + attend(norm(x)),      z = y + feed(norm(y))
        feed(y) = down(act(up(y))),   or with SwiGLU down(swish(gate(y)) ⊙ up(y))

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, sections 3.1 and 3.2.3 (post-norm, ReLU, decoder);
        Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.3
        (pre-norm); Devlin et al. 2019, arXiv:1810.04805 (GELU); Shazeer 2020, arXiv:2002.05202 (SwiGLU).
    """

    def __init__(self, config: BlockConfig) -> None:
        super().__init__(config)
        self.attention_norm = make_norm(config)
        self.cross = Attention(config) if config.sees == "own row and a source" else None
        self.cross_norm = make_norm(config) if self.cross else None
        self.gate = nn.Linear(config.width, config.feed_forward) if config.activation == "swiglu" else None
        self.up = nn.Linear(config.width, config.feed_forward)
        self.down = nn.Linear(config.feed_forward, config.width)
        self.feed_forward_norm = make_norm(config)

    def forward(self, x: Tensor, sight: Sight | PackedBatch, source: Sight | None = None) -> Tensor:
        """Transform every token once.

        Args:
            x: (N, D) float.
            sight: what each token sees; a batch means its own row, all of it.
            source: what a decoder's tokens see of their sources.

        Returns:
            (N, D) float.

        Raises:
            UsageError: a decoder's block was given no source.
        """
        seen = Within(batch=sight) if isinstance(sight, PackedBatch) else sight
        if self.training and len(x) >= _MANY and isinstance(seen, Within) and not x.is_cuda:
            trained = _trained(self, x, seen)
            if trained is not None:
                return trained
        y = self._add(x, self.attention_norm, lambda part: self.attend(part, seen))  # (N, D)
        if self.cross is not None and self.cross_norm is not None:
            if source is None:
                raise UsageError("this block attends to a source: give it one")
            cross, given = self.cross, source
            y = self._add(y, self.cross_norm, lambda part: cross.attend(part, given))  # (N, D)
        return self._add(y, self.feed_forward_norm, self.feed)

    def feed(self, y: Tensor) -> Tensor:
        """Apply the feed-forward layer to each token by itself.

        Args:
            y: (N, D) float.

        Returns:
            (N, D) float.
        """
        pieces = self.config.feed_forward // self.config.width
        if not self.training or len(y) < _MANY or pieces < 2 or y.is_cuda:
            return self._feed(y)
        return torch.cat([self._feed(part) for part in y.chunk(pieces)])

    def _feed(self, y: Tensor) -> Tensor:
        up = self.up(y)  # (N, F)
        gate = self.gate(y) if self.gate else None

        def act() -> Tensor:
            return FUSED[self.config.activation](up) if gate is None else F.silu(gate) * up

        hidden = act()  # (N, F)
        if hidden.is_cuda:  # its memory is large, and the compiler decides what is kept
            return cast(Tensor, self.down(hidden))
        with recomputed(hidden, act):
            written: Tensor = self.down(hidden)  # (N, D)
        return written

    def _add(self, x: Tensor, norm: nn.Module, layer: Callable[[Tensor], Tensor]) -> Tensor:
        """Add a sub-layer's output to its input, and normalize before or behind."""
        share, training = self.config.dropout, self.training
        if self.config.order == "pre":
            return x + drop(layer(norm(x)), share, training=training)
        normalized: Tensor = norm(x + drop(layer(x), share, training=training))
        return normalized


def _trained(block: Block, x: Tensor, sight: Within) -> Tensor | None:
    """The block's output by the kernels of training, or none where they do not know its kind."""
    from cutaway.transformers.trainable import can_train

    if not can_train(block, x, sight):
        return None
    # Brings in numba, which whoever only predicts need not wait for.
    from cutaway.transformers.training_block import train_block

    return train_block(block, x, sight.batch)


def make_norm(config: BlockConfig) -> nn.LayerNorm | nn.RMSNorm:
    """Return the norm that a configuration asks for, with its learned scale.

    Args:
        config: width, epsilon and kind.

    Returns:
        The module.

    Source:
        Ba et al. 2016, arXiv:1607.06450, equation 4; Zhang & Sennrich 2019, arXiv:1910.07467, equation 4.
    """
    if config.norm == "rms":
        return nn.RMSNorm(config.width, eps=config.norm_epsilon)
    return nn.LayerNorm(config.width, eps=config.norm_epsilon)
