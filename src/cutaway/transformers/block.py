"""One encoder block: attention, then feed-forward, each added to its input and normalized.

Legend: N tokens of all rows, D width, R rows of one group, L their length, H heads,
d = D / H numbers per head, F feed-forward width.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cutaway.transformers.attention import attend_fast
from cutaway.transformers.config import Activation, BlockConfig
from cutaway.transformers.dropout import drop
from cutaway.transformers.packing import PackedBatch

_FUSED: dict[Activation, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
}


class Block(nn.Module):
    """A post-norm encoder block over packed tokens.

        y = norm(x + output(attend(query(x), key(x), value(x))))
        z = norm(y + down(act(up(y))))

    `query`, `key`, `value`, `output`, `up` and `down` are plain linear layers, so that an adapter can
    stand in for any of them. One product for query, key and value together was measured: not faster.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, sections 3.1 and 3.2.2; Devlin et al. 2019,
        arXiv:1810.04805 (gelu).
    """

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.config = config
        self.query = nn.Linear(config.width, config.width)
        self.key = nn.Linear(config.width, config.width)
        self.value = nn.Linear(config.width, config.width)
        self.output = nn.Linear(config.width, config.width)
        self.attention_norm = nn.LayerNorm(config.width, eps=config.norm_epsilon)
        self.up = nn.Linear(config.width, config.feed_forward)
        self.down = nn.Linear(config.feed_forward, config.width)
        self.feed_forward_norm = nn.LayerNorm(config.width, eps=config.norm_epsilon)

    def forward(self, x: Tensor, batch: PackedBatch) -> Tensor:
        """Transform every token once.

        Args:
            x: (N, D) float.
            batch: where the rows begin and end.

        Returns:
            (N, D) float.
        """
        attended = self._drop(self.output(self._mix(x, batch)))  # (N, D)
        y = self.attention_norm(x + attended)  # (N, D)
        hidden = _FUSED[self.config.activation](self.up(y))  # (N, F)
        written = self._drop(self.down(hidden))  # (N, D)
        z: Tensor = self.feed_forward_norm(y + written)  # (N, D)
        return z

    def _mix(self, x: Tensor, batch: PackedBatch) -> Tensor:
        """Attend within each row, one call per group of equal lengths."""
        groups = zip(
            batch.by_group(self.query(x)),
            batch.by_group(self.key(x)),
            batch.by_group(self.value(x)),
            strict=True,
        )
        mixed = [self._join(attend_fast(*(self._heads(part) for part in parts))) for parts in groups]
        return torch.cat(mixed) if len(mixed) > 1 else mixed[0]

    def _drop(self, x: Tensor) -> Tensor:
        return drop(x, self.config.dropout, training=self.training)

    def _heads(self, part: Tensor) -> Tensor:
        """(R, L, D) to (R, H, L, d)."""
        return part.view(*part.shape[:2], self.config.heads, -1).transpose(1, 2)

    def _join(self, mixed: Tensor) -> Tensor:
        """(R, H, L, d) to (R·L, D)."""
        return mixed.transpose(1, 2).reshape(-1, self.config.width)
