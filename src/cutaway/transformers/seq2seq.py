"""The Transformer of the paper: an encoder that reads a source, a decoder that writes a target.

Legend: N tokens of all sources, M tokens of all targets, D width, V vocabulary, T tokens of one source.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cutaway.core.errors import ShapeError
from cutaway.core.trace import Trace
from cutaway.training.beam import Beams, BeamSettings, Hypothesis
from cutaway.training.dropout import drop
from cutaway.transformers.block import Block
from cutaway.transformers.config import TransformerConfig
from cutaway.transformers.embeddings import check_ids
from cutaway.transformers.kept import Kept, KeptSource
from cutaway.transformers.packing import IntArray, PackedBatch
from cutaway.transformers.positions import sinusoids
from cutaway.transformers.pretrained import Pretrained
from cutaway.transformers.sight import Across, Sight, Within
from cutaway.transformers.trace import trace_transformer


class Transformer(Pretrained):
    """An encoder-decoder: source ids and target ids in, scores of each next target token out.

        x⁰ = √D token[ids] + PE(places),   xˡ = blockˡ(xˡ⁻¹);   logits = y tokenᵀ + b

    One table serves sources, targets and the output layer. Marian's translation checkpoints are of this
    form; their sines and cosines lie in halves, which is the paper's table with its columns in another
    order.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, sections 3.1, 3.4 and 3.5.

    Example:
        >>> from cutaway.transformers.config import BlockConfig
        >>> block = BlockConfig(width=8, heads=2, feed_forward=32, activation="relu", places="sinusoidal")
        >>> sizes = {"vocabulary": 11, "positions": 16, "layers": 1, "decoder_layers": 1}
        >>> config = TransformerConfig(**sizes, block=block, start=0, end=1, pad=0)
        >>> len(Transformer(config).eval().translate([[2, 3, 1]]))
        1
    """

    family: ClassVar[str] = "marian"
    config: TransformerConfig

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.token = nn.Embedding(config.vocabulary, config.width)
        # Of deviation 1/√D, so that tokens scaled by √D are as large as the sines added to them.
        nn.init.normal_(self.token.weight, std=config.width**-0.5)
        self.bias = nn.Parameter(torch.zeros(1, config.vocabulary))
        self.blocks = nn.ModuleList(Block(config.block) for _ in range(config.layers))
        self.decoder_blocks = nn.ModuleList(Block(config.decoder_block) for _ in range(config.decoder_layers))

    def encode(self, sources: PackedBatch) -> Tensor:
        """Read the sources.

        Args:
            sources: N tokens.

        Returns:
            (N, D) float.
        """
        check_ids(sources, self.config.vocabulary, self.config.positions)
        x = self._embed(sources.ids, sources.positions)  # (N, D)
        for block in self.blocks:
            x = block(x, sources)  # (N, D)
        return x

    def forward(self, sources: PackedBatch, targets: PackedBatch) -> Tensor:
        """Read sources and what stands so far of their targets.

        Args:
            sources: N tokens, each row ending with the end token.
            targets: M tokens, row for row; each begins with the start token.

        Returns:
            (M, D) float; `logits` makes scores of the token behind each.

        Raises:
            ShapeError: there is not one target a source.
        """
        if sources.rows != targets.rows:
            raise ShapeError(f"{sources.rows} sources and {targets.rows} targets: give one for each")
        encoded = self.encode(sources)  # (N, D)
        check_ids(targets, self.config.vocabulary, self.config.positions)
        within = Within(batch=targets, sees="up to itself")
        across = Across(targets=targets, sources=sources, encoded=encoded)
        count = self.config.decoder_layers
        return self._decode(targets.ids, targets.positions, [within] * count, [across] * count)

    def logits(self, hidden: Tensor) -> Tensor:
        """Score every token of the vocabulary as the next one.

        Args:
            hidden: (M, D) float, from `forward`.

        Returns:
            (M, V) float.
        """
        return F.linear(hidden, self.token.weight, self.bias[0])

    def trace(
        self,
        source: Sequence[int] | IntArray,
        target: Sequence[int] | IntArray,
        *,
        tokens: tuple[Sequence[str], Sequence[str]] | None = None,
    ) -> Trace:
        """Read a source and what stands of its target by the open path; keep every intermediate value.

        Args:
            source: token ids, the end token last.
            target: token ids, the start token first.
            tokens: labels of the source's tokens and of the target's.

        Returns:
            The trace; `trace_transformer` lists its arrays.
        """
        return trace_transformer(self, source, target, tokens=tokens)

    def translate(
        self, sources: Sequence[Sequence[int] | IntArray], *, settings: BeamSettings | None = None
    ) -> list[Hypothesis]:
        """Write the best target that a beam search finds for each source.

        Args:
            sources: ids, each ending with the end token.
            settings: beams, length penalty and the longest target.

        Returns:
            The best hypothesis of each, in the order of the sources.

        Source:
            Wu et al. 2016, arXiv:1609.08144, section 7.
        """
        settings = settings or BeamSettings()
        return [self._search(np.asarray(source), settings) for source in sources]

    @torch.inference_mode()
    def _search(self, source: IntArray, settings: BeamSettings) -> Hypothesis:
        batch = PackedBatch.from_rows([source]).to(self.token.weight.device)
        encoded = self.encode(batch)  # (T, D)
        room = min(settings.longest(source.size), self.config.positions)
        memory = [Kept(rows=1, room=room) for _ in self.decoder_blocks]
        across = [KeptSource(encoded) for _ in self.decoder_blocks]
        beams = Beams(settings, end=self.config.end, never=(self.config.pad,))
        last = batch.ids.new_tensor([self.config.start])  # (1)
        for place in range(room):
            hidden = self._decode(last, torch.full_like(last, place), memory, across)
            grown = beams.grow(self.logits(hidden).log_softmax(-1).cpu())
            if grown is None:
                break
            for kept in memory:
                kept.follow(grown.parents.to(last.device))
            last = grown.tokens.to(last.device)
        return beams.best()

    def _embed(self, ids: Tensor, places: Tensor) -> Tensor:
        vectors = self.token(ids)
        if self.config.scale == "root of width":
            vectors = vectors * math.sqrt(self.config.width)
        table = sinusoids(int(places.max()) + 1, self.config.width, layout="halves").to(vectors)
        return drop(vectors + table[places], self.config.block.dropout, training=self.training)

    def _decode(
        self, ids: Tensor, places: Tensor, sights: Sequence[Sight], across: Sequence[Sight]
    ) -> Tensor:
        x = self._embed(ids, places)
        for block, sight, source in zip(self.decoder_blocks, sights, across, strict=True):
            x = block(x, sight, source)
        return x
