"""Learning to translate from pairs: at each place of the target, name the next word.

Legend: N tokens of all sources, M tokens of all targets, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cutaway.core.errors import ShapeError
from cutaway.training.word_loss import word_loss
from cutaway.transformers.config import TransformerConfig
from cutaway.transformers.packing import IntArray, PackedBatch
from cutaway.transformers.seq2seq import Transformer


@dataclass(frozen=True, kw_only=True)
class TranslationBatch:
    """Packed pairs: what is read, what stands so far of each target, and which word comes next.

    Attributes:
        sources: N tokens, each row ending with the end token.
        targets: M tokens, each row beginning with the start token.
        words: what stands behind each target token, (M,) int64; a row's last is the end token.
    """

    sources: PackedBatch
    targets: PackedBatch
    words: Tensor

    def to(self, device: torch.device | str) -> TranslationBatch:
        """Return the batch on another device.

        Args:
            device: where to.
        """
        return TranslationBatch(
            sources=self.sources.to(device), targets=self.targets.to(device), words=self.words.to(device)
        )


def pack_pairs(
    sources: Sequence[IntArray], targets: Sequence[IntArray], config: TransformerConfig
) -> TranslationBatch:
    """Pack pairs of ids; the decoder reads the start token and all of its target but the end.

        source: s₁ … sₙ end;   target: start t₁ … tₘ;   words: t₁ … tₘ end

    Args:
        sources: B arrays of ids, (L,) int, each with the end token behind it.
        targets: as many, with the end token too.
        config: which id starts a target.

    Returns:
        The batch.

    Raises:
        ShapeError: there is not one target a source.

    Example:
        >>> from cutaway.transformers.config import BlockConfig
        >>> block = BlockConfig(width=8, heads=2, feed_forward=32, places="sinusoidal")
        >>> sizes = {"vocabulary": 11, "positions": 16, "layers": 1, "decoder_layers": 1}
        >>> config = TransformerConfig(**sizes, block=block, start=0, end=1, pad=0)
        >>> batch = pack_pairs([np.array([5, 1])], [np.array([7, 8, 1])], config)
        >>> batch.targets.ids.tolist(), batch.words.tolist()
        ([0, 7, 8], [7, 8, 1])
    """
    if len(sources) != len(targets):
        raise ShapeError(f"{len(sources)} sources and {len(targets)} targets: give one for each")
    return TranslationBatch(
        sources=PackedBatch.from_rows(sources),
        targets=PackedBatch.from_rows([np.insert(row[:-1], 0, config.start) for row in targets]),
        # Of the same lengths, so in the same order.
        words=PackedBatch.from_rows(targets).ids,
    )


def translation_loss(model: Transformer, batch: TranslationBatch, *, smoothing: float = 0.0) -> Tensor:
    """Return the mean loss of the next target word, in nats.

    Args:
        model: what learns.
        batch: from `pack_pairs`.
        smoothing: ε of label smoothing; 0.1 in the paper.

    Returns:
        A scalar.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 5.4.
    """
    hidden = model(batch.sources, batch.targets)  # (M, D)
    return word_loss(hidden, model.token.weight, model.bias[0], batch.words, smoothing=smoothing)
