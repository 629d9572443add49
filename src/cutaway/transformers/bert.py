"""The BERT family: embeddings and a stack of encoder blocks, from a checkpoint's weights.

A member is a configuration and a key map: `Bert`, `Roberta` and `DistilBert` differ in what they load.

Legend: B rows, T columns of a padded batch, N tokens of all rows together, D width.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cutaway.core.errors import ShapeError, UsageError
from cutaway.core.trace import Trace
from cutaway.transformers.block import Block
from cutaway.transformers.config import BertConfig
from cutaway.transformers.embeddings import Embeddings
from cutaway.transformers.packing import IntArray, PackedBatch
from cutaway.transformers.prepared import Preparer
from cutaway.transformers.pretrained import Pretrained
from cutaway.transformers.products import Precision
from cutaway.transformers.trace import trace_bert


class Bert(Pretrained):
    """A BERT encoder: ids in, one vector per token out.

        x⁰ = embeddings(ids),   xˡ = blockˡ(xˡ⁻¹)

    Source:
        Devlin et al. 2019, arXiv:1810.04805, section 3.

    Example:
        >>> import numpy as np
        >>> bert = Bert.load("all-MiniLM-L6-v2")
        >>> bert(PackedBatch.from_rows([np.array([101, 7592, 102])])).shape
        torch.Size([3, 384])
    """

    family: ClassVar[str] = "bert"
    config: BertConfig

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.blocks = nn.ModuleList(Block(config.block) for _ in range(config.layers))
        self.pooler = nn.Linear(config.width, config.width) if config.pooler == "tanh" else None
        self._preparer = Preparer()

    @staticmethod
    def fit(config: BertConfig, keys: Collection[str]) -> BertConfig:
        """Leave out the pooler where a checkpoint has none: `pool` then says so.

        Args:
            config: as config.json tells it.
            keys: of the checkpoint.

        Returns:
            The configuration of what is there.
        """
        return config if any(key.startswith("pooler.") for key in keys) else replace(config, pooler="none")

    def forward(self, batch: PackedBatch) -> Tensor:
        """Encode packed rows.

        Args:
            batch: N tokens.

        Returns:
            (N, D) float: the last block's output; `batch.first`, `batch.mean` and `batch.split` lead
            back to rows.
        """
        x: Tensor = self.embeddings(batch)
        for block in self.blocks:
            x = block(x, batch)
        return x

    @torch.no_grad()
    def infer(self, batch: PackedBatch, *, precision: Precision = "float32") -> Tensor:
        """Encode packed rows for prediction: `forward` without gradients, faster on a CPU.

        After the first few hundred tokens the blocks are prepared once (see prepared.py), and again when
        a weight, a layer or a hook has changed; blocks that cannot be prepared run as they are.

        Args:
            batch: N tokens; `BUDGETS` says how many read fastest.
            precision: "bfloat16" is several times as fast where the processor multiplies it in tiles;
                `fastest_precision` tells. A number of the output moves by about 0.01 then. "int16" is
                faster and finer where it multiplies pairs of 16 bits at once, "int8" rougher than
                both; blocks that cannot be prepared are read in float32 instead.

        Returns:
            (N, D) float32, as from `forward`.
        """
        stack = self._preparer.stack(list(self.blocks), len(batch.ids), precision)
        if stack:
            return stack(self.embeddings(batch), batch)
        with torch.autocast(batch.ids.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            hidden: Tensor = self(batch)  # (N, D)
        return hidden.float()

    def encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode a padded batch, spending nothing on the padding.

        Args:
            ids: (B, T) int64.
            mask: (B, T), nonzero at real tokens.

        Returns:
            (B, T, D) float; zero where the mask is.

        Raises:
            ShapeError: ids and mask are not two-dimensional of one shape.
        """
        if ids.dim() != 2 or ids.shape != mask.shape:
            raise ShapeError(f"ids are {list(ids.shape)} and mask {list(mask.shape)}: both must be (B, T)")
        real = mask.bool()
        batch = PackedBatch.from_padded(ids, real)
        if self.config.first_position:
            # RoBERTa counts what is not padding, where BERT counts columns.
            rows_of_ids = [row[keep].cpu().numpy() for row, keep in zip(ids, real, strict=True)]
            batch = PackedBatch.from_rows(rows_of_ids).to(ids.device)
        rows = batch.split(self(batch))
        hidden = rows[0].new_zeros((*ids.shape, self.config.width))  # (B, T, D)
        return hidden.masked_scatter(real.unsqueeze(-1), torch.cat(rows))

    def pool(self, hidden: Tensor, batch: PackedBatch) -> Tensor:
        """Return BERT's own summary of each row, tanh(W h₀ + b) of its first token.

        Args:
            hidden: (N, D) float, from `forward`.
            batch: the batch it came from.

        Returns:
            (B, D) float, in the caller's order.

        Raises:
            UsageError: the checkpoint has no pooler.
        """
        if self.pooler is None:
            raise UsageError(f"{self.name or 'this model'} has no pooler: use batch.first or batch.mean")
        return torch.tanh(self.pooler(batch.first(hidden)))

    def embed(self, batch: PackedBatch, *, precision: Precision = "float32") -> Tensor:
        """Return sentence embeddings: each row's mean vector, scaled to length 1.

        Args:
            batch: B rows.
            precision: as in `infer`, which reads the rows where no gradients are asked for.

        Returns:
            (B, D) float, in the caller's order.

        Source:
            Reimers and Gurevych 2019, arXiv:1908.10084, section 3 (mean strategy).
        """
        hidden = self(batch) if torch.is_grad_enabled() else self.infer(batch, precision=precision)  # (N, D)
        return F.normalize(batch.mean(hidden), dim=-1)

    def trace(
        self,
        ids: Sequence[int] | IntArray,
        *,
        tokens: Sequence[str] | None = None,
        types: Sequence[int] | IntArray | None = None,
    ) -> Trace:
        """Encode one text by the open path and keep every intermediate value.

        Args:
            ids: T token ids.
            tokens: T labels for the token axes.
            types: T token types; 0 everywhere if not given.

        Returns:
            The trace; `trace_bert` lists its arrays.

        Example:
            >>> Bert.load("all-MiniLM-L6-v2").trace([101, 7592, 102])["weights"].shape
            (6, 12, 3, 3)
        """
        return trace_bert(self, ids, tokens=tokens, types=types)


class Roberta(Bert):
    """BERT trained longer, on more text, without the next-sentence task; positions begin at row 2.

    Source:
        Liu et al. 2019, arXiv:1907.11692, section 4.
    """

    family: ClassVar[str] = "roberta"


class DistilBert(Bert):
    """Half of BERT's blocks, taught by the whole; no types and no pooler.

    Source:
        Sanh et al. 2019, arXiv:1910.01108, section 3.
    """

    family: ClassVar[str] = "distilbert"
