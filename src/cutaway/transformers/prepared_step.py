"""Decoder blocks prepared for generation: what one new token needs, in as few operators as it takes.

A token's products read each weight once and are done in microseconds. Asking modules, layer by layer, and
three products where one does took as long again.

Legend: N tokens (one a row, mostly), D width, F feed-forward width.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cutaway.transformers.block import FUSED, Block
from cutaway.transformers.kept import Kept
from cutaway.transformers.prepared import is_plain, normalized


class StepBlock:
    """A pre-norm block for the tokens of a step; the same numbers as `Block.forward`.

        y = x + attend(norm(x)),   z = y + down(act(up(norm(y))))

    Attributes:
        config: the block's.

    Source:
        Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.3.
    """

    def __init__(self, block: Block) -> None:
        self.config = block.config
        together = (block.query, block.key, block.value)
        weight = torch.cat([layer.weight.detach() for layer in together])
        self._together = (weight, torch.cat([layer.bias.detach() for layer in together]))
        self._output, self._up, self._down = (
            (layer.weight.detach(), layer.bias.detach()) for layer in (block.output, block.up, block.down)
        )
        self._norms = [
            (norm.weight.detach(), norm.bias.detach(), norm.eps)
            for norm in (block.attention_norm, block.feed_forward_norm)
            if isinstance(norm, nn.LayerNorm)
        ]
        self._activate = FUSED[block.config.activation]

    def project(self, x: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, as `Attention.project` does.

        Args:
            x: (N, D) float.
            places: not needed: the blocks that are prepared do not turn by place.

        Returns:
            Three of (N, D) float, side by side in memory.
        """
        q, k, v = F.linear(x, *self._together).chunk(3, 1)
        return q, k, v

    def __call__(self, x: Tensor, sight: Kept) -> Tensor:
        """Transform every new token once.

        Args:
            x: (N, D) float.
            sight: what was kept of the tokens before; it keeps the new ones too.

        Returns:
            (N, D) float.
        """
        if len(x) == 1 and sight.takes_one:
            return self._one(x[0], sight).unsqueeze(0)
        y = x + F.linear(sight.look(normalized(x, *self._norms[0]), self), *self._output)  # (N, D)
        hidden = self._activate(F.linear(normalized(y, *self._norms[1]), *self._up))  # (N, F)
        return y + F.linear(hidden, *self._down)

    def _one(self, x: Tensor, sight: Kept) -> Tensor:
        """One token by itself, (D,) to (D,): a product of a matrix and a vector asks for less on its way."""
        together = _times(normalized(x, *self._norms[0]), self._together)
        y = x + _times(sight.look_at_one(together.view(3, self.config.heads, -1)), self._output)  # (D)
        hidden = self._activate(_times(normalized(y, *self._norms[1]), self._up))  # (F)
        return y + _times(hidden, self._down)


def _times(x: Tensor, layer: tuple[Tensor, Tensor]) -> Tensor:
    weight, bias = layer
    return torch.addmv(bias, weight, x)


def step_blocks(blocks: Iterable[nn.Module]) -> list[StepBlock] | None:
    """Prepare a decoder's blocks; none where one of them is not of the kind that `StepBlock` computes.

    Args:
        blocks: their weights as they are now: what is trained later is not seen.
    """
    made = []
    for block in blocks:
        if not (isinstance(block, Block) and is_plain(block, "pre")) or block.training:
            return None
        made.append(StepBlock(block))
    return made
