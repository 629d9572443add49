"""The GPT-2 family: a stack of blocks in which each token sees itself and what came before.

Legend: B rows, T new tokens a row, N tokens of all rows together, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cutaway.core.errors import ShapeError, UsageError
from cutaway.core.trace import Trace
from cutaway.training.dropout import drop
from cutaway.transformers.block import Block, make_norm
from cutaway.transformers.config import GptConfig
from cutaway.transformers.embeddings import check_ids
from cutaway.transformers.kept import Kept
from cutaway.transformers.packing import IntArray, PackedBatch
from cutaway.transformers.prepared_step import step_blocks
from cutaway.transformers.pretrained import Pretrained
from cutaway.transformers.sampling import Sampling
from cutaway.transformers.sight import Sight, Within
from cutaway.transformers.trace import trace_gpt

Keep = Literal["keys and values", "nothing"]
# A block, or one prepared for a step: (N, D) float and what its tokens see, to (N, D).
Reader = Callable[[Tensor, Any], Tensor]


class Gpt(Pretrained):
    """A language model: ids in, scores of the next token out.

        x⁰ = token[ids] + position[places],   xˡ = blockˡ(xˡ⁻¹),   logits = norm(xᴸ) tokenᵀ

    Source:
        Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.3.

    Example:
        >>> from cutaway.transformers.config import BlockConfig
        >>> block = BlockConfig(width=8, heads=2, feed_forward=32, order="pre", norm_epsilon=1e-5)
        >>> gpt = Gpt(GptConfig(vocabulary=11, positions=16, layers=1, block=block)).eval()
        >>> len(gpt.generate([1, 2, 3], tokens=4))
        4
    """

    family: ClassVar[str] = "gpt2"
    config: GptConfig

    def __init__(self, config: GptConfig) -> None:
        super().__init__(config)
        self.token = nn.Embedding(config.vocabulary, config.width)
        self.position = nn.Embedding(config.positions, config.width)
        self.blocks = nn.ModuleList(Block(config.block) for _ in range(config.layers))
        self.norm = make_norm(config.block)

    def forward(self, batch: PackedBatch) -> Tensor:
        """Read packed rows.

        Args:
            batch: N tokens.

        Returns:
            (N, D) float: the last block's output, normalized; `logits` makes scores of it.
        """
        check_ids(batch, self.config.vocabulary, self.config.positions)
        within = Within(batch=batch, sees="up to itself")
        return self._read(batch.ids, batch.positions, [within] * self.config.layers, self.blocks)

    def logits(self, hidden: Tensor) -> Tensor:
        """Score every token of the vocabulary as the next one.

        Args:
            hidden: (N, D) float, from `forward`.

        Returns:
            (N, V) float.

        Source:
            Press and Wolf 2017, arXiv:1608.05859, section 2 (the output layer is the token table).
        """
        return F.linear(hidden, self.token.weight)

    def trace(self, ids: Sequence[int] | IntArray, *, tokens: Sequence[str] | None = None) -> Trace:
        """Read one text by the open path and keep every intermediate value.

        Args:
            ids: T token ids.
            tokens: T labels for the token axes.

        Returns:
            The trace; `trace_gpt` lists its arrays.
        """
        return trace_gpt(self, ids, tokens=tokens)

    def memory(self, rows: int = 1, room: int | None = None) -> list[Kept]:
        """Return empty memories for `step`, one a layer.

        Args:
            rows: B, texts of equal length that go on side by side.
            room: the most tokens of a row; the whole position table if not given.
        """
        return [Kept(rows=rows, room=room or self.config.positions) for _ in range(self.config.layers)]

    def step(self, ids: Tensor, memory: Sequence[Kept]) -> Tensor:
        """Read new tokens behind those in memory.

        Args:
            ids: (B, T) int64.
            memory: from `memory`; it keeps the new tokens too.

        Returns:
            (B, T, D) float, as `forward` of the whole rows gives for these tokens.

        Raises:
            ShapeError: the rows would be longer than the position table.
        """
        return self._step(ids, memory, self.blocks)

    def _step(self, ids: Tensor, memory: Sequence[Kept], blocks: Iterable[Reader]) -> Tensor:
        start, new = memory[0].length, ids.shape[1]
        if start + new > self.config.positions:
            raise ShapeError(
                f"a row of {start + new} tokens is longer than the position table's {self.config.positions}"
            )
        places = torch.arange(start, start + new, device=ids.device).repeat(len(ids))  # (B·T)
        return self._read(ids.flatten(), places, memory, blocks).view(*ids.shape, -1)

    def stream(
        self,
        prompt: Sequence[int] | IntArray,
        *,
        tokens: int,
        sampling: Sampling | None = None,
        keep: Keep = "keys and values",
    ) -> Iterator[int]:
        """Go on with a text, token by token, until the end token or the number asked for.

        Args:
            prompt: ids to go on from.
            tokens: how many at most.
            sampling: how each is drawn; the best one always if not given.
            keep: "nothing" reads the whole text again at each step: the same tokens, slower.

        Yields:
            Token ids; the end token is not among them.

        Raises:
            UsageError: fewer than 1 token was asked for.
            ShapeError: prompt and tokens together are longer than the position table, or an id is
                outside the vocabulary.
        """
        text = np.asarray(prompt)
        if tokens < 1:
            raise UsageError(f"tokens is {tokens}: ask for at least 1")
        batch = PackedBatch.from_rows([text])
        check_ids(batch, self.config.vocabulary, self.config.positions)
        if text.size + tokens > self.config.positions:
            raise ShapeError(
                f"{text.size} tokens of prompt and {tokens} new ones are more than the position table's "
                f"{self.config.positions}: ask for at most {self.config.positions - text.size}"
            )
        device = self.token.weight.device
        return self._stream(batch.ids.to(device)[None], tokens, sampling or Sampling(temperature=0.0), keep)

    def generate(
        self,
        prompt: Sequence[int] | IntArray,
        *,
        tokens: int,
        sampling: Sampling | None = None,
        keep: Keep = "keys and values",
    ) -> IntArray:
        """Go on with a text; `stream` in one piece.

        Args:
            prompt: ids to go on from.
            tokens: how many at most.
            sampling: how each is drawn; the best one always if not given.
            keep: "nothing" reads the whole text again at each step.

        Returns:
            The new ids, without the end token, (at most tokens,) int64.
        """
        return np.fromiter(self.stream(prompt, tokens=tokens, sampling=sampling, keep=keep), np.int64)

    def _stream(self, ids: Tensor, tokens: int, sampling: Sampling, keep: Keep) -> Iterator[int]:
        room, generator = ids.shape[1] + tokens, sampling.generator()
        memory, unread = self.memory(room=room), ids
        blocks = step_blocks(self.blocks) or self.blocks
        for _ in range(tokens):
            with torch.inference_mode():
                hidden = self._step(unread, memory, blocks)[0, -1]
                drawn = sampling.draw(self.logits(hidden), generator)
            if drawn == self.config.end:
                return
            yield drawn
            unread = ids.new_tensor([[drawn]])
            if keep == "nothing":
                ids = torch.cat((ids, unread), 1)
                memory, unread = self.memory(room=room), ids

    def _read(self, ids: Tensor, places: Tensor, sights: Sequence[Sight], blocks: Iterable[Reader]) -> Tensor:
        x = self.token(ids) + self.position(places)  # (N, D)
        x = drop(x, self.config.block.dropout, training=self.training)  # (N, D)
        for block, sight in zip(blocks, sights, strict=True):
            x = block(x, sight)  # (N, D)
        normalized: Tensor = self.norm(x)  # (N, D)
        return normalized
