"""What heads compute: a score a label, or a score for each word of the vocabulary.

Legend: N tokens of all rows, D width, V vocabulary, C labels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cutaway.transformers.block import FUSED
from cutaway.transformers.config import BertConfig
from cutaway.transformers.head_maps import HeadActivation


class LabelHead(nn.Module):
    """One score a label, of one vector.

    s = W_out x + b_out,   or with a hidden layer  s = W_out act(W x + b) + b_out
    """

    def __init__(self, width: int, labels: int, activation: HeadActivation | None) -> None:
        super().__init__()
        self.activation = activation
        self.dense = nn.Linear(width, width) if activation else None
        self.out = nn.Linear(width, labels)

    def forward(self, x: Tensor) -> Tensor:
        """Score.

        Args:
            x: (..., D) float.

        Returns:
            (..., C) float.
        """
        scores: Tensor = self.out(self.hidden(x))
        return scores

    def hidden(self, x: Tensor) -> Tensor:
        """Return what the last layer reads: act(W x + b), or x where there is no hidden layer.

        Args:
            x: (..., D) float.

        Returns:
            (..., D) float.
        """
        if self.dense is None or self.activation is None:
            return x
        return FUSED[self.activation](self.dense(x))


class WordHead(nn.Module):
    """One score for each word of the vocabulary, of each token.

    s = norm(act(W h + b)) tokenᵀ + b_out
    """

    def __init__(self, config: BertConfig, activation: HeadActivation) -> None:
        super().__init__()
        self.activation = activation
        self.dense = nn.Linear(config.width, config.width)
        self.norm = nn.LayerNorm(config.width, eps=config.block.norm_epsilon)
        self.bias = nn.Parameter(torch.zeros(config.vocabulary))

    def forward(self, hidden: Tensor, table: Tensor) -> Tensor:
        """Score.

        Args:
            hidden: (N, D) float.
            table: the token table, (V, D) float.

        Returns:
            (N, V) float.
        """
        return F.linear(self.change(hidden), table, self.bias)

    def change(self, hidden: Tensor) -> Tensor:
        """Return what is compared with each word's vector: norm(act(W h + b)).

        Args:
            hidden: (N, D) float.

        Returns:
            (N, D) float.
        """
        changed: Tensor = self.norm(FUSED[self.activation](self.dense(hidden)))  # (N, D)
        return changed
