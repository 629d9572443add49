"""The encoder-decoder: a recurrent network that reads a source, another that writes a target.

Legend: B pairs, S positions of the longest source, T of the longest target, N target tokens in all,
E numbers in an embedding, M numbers in an encoder state, V vocabulary, K live beams.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from cutaway.core.errors import ShapeError
from cutaway.core.trace import Trace
from cutaway.recurrent.decoders import Encoded, make_decoder
from cutaway.recurrent.gru import GRU
from cutaway.recurrent.seq2seq_settings import Seq2SeqSettings
from cutaway.recurrent.seq2seq_trace import trace_pair
from cutaway.training.beam import Beams, BeamSettings, Hypothesis
from cutaway.training.dropout import drop
from cutaway.training.word_loss import word_loss

Ids = Sequence[int] | NDArray[np.integer[Any]]


class Seq2Seq(nn.Module):
    """Source ids and target ids in, scores of each next target token out.

        h₁ … h_S = GRU, both ways, of table[x₁] … table[x_S]                                  (1)
        o₁ … o_T = decoder of table[y₀] … table[y_T₋₁] and of h; y₀ is the start token         (2)
        p(yₜ | y₀ … yₜ₋₁, x) = softmax(table oₜ + b)                                           (3)

    One table serves sources, targets and the output layer.

    Args:
        settings: sizes, decoder, attention.

    Source:
        Cho et al. 2014, arXiv:1406.1078, section 2; Bahdanau et al. 2015, arXiv:1409.0473, section 3;
        Press and Wolf 2017, arXiv:1608.05859, section 2 (one table).

    Example:
        >>> sizes = {"vocabulary": 11, "embedding": 4, "encoder": 3, "hidden": 5}
        >>> model = Seq2Seq(Seq2SeqSettings(**sizes, start=0, end=1, pad=2)).eval()
        >>> model([[5, 6, 1], [7, 1]], [[0, 3], [0, 4]]).shape
        torch.Size([4, 4])
        >>> model.trace([5, 6, 1], [0, 3])["alignment"].shape
        (2, 3)
    """

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__()
        self.settings = settings
        self.table = nn.Embedding(settings.vocabulary, settings.embedding)
        nn.init.normal_(self.table.weight, std=settings.embedding**-0.5)
        self.bias = nn.Parameter(torch.zeros(settings.vocabulary))
        between = settings.dropout if settings.layers > 1 else 0.0
        self.encoder = GRU(
            settings.embedding, settings.encoder, layers=settings.layers, directions="both", dropout=between
        )
        self.decoder = make_decoder(settings)

    def encode(self, sources: Sequence[Ids]) -> Encoded:
        """Read sources, as one packed batch.

        Args:
            sources: B rows of ids, each ending with the end token.

        Returns:
            States of every position.
        """
        ids, lengths = self._padded(sources, "source")
        packed = pack_padded_sequence(self._embed(ids), lengths, batch_first=True, enforce_sorted=False)
        read, final = self.encoder(packed)
        states = pad_packed_sequence(read, batch_first=True)[0]  # (B, S, M)
        padding = torch.arange(ids.shape[1]) >= lengths[:, None]  # (B, S)
        return Encoded(
            states=self._drop(states),
            last=torch.cat([final[-2], final[-1]], dim=1),
            padding=padding.to(states.device),
        )

    def forward(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> Tensor:
        """Read sources and what stands so far of their targets.

        Args:
            sources: B rows of ids, each ending with the end token.
            targets: one a source; each begins with the start token.

        Returns:
            Readouts, (N, E) float, row after row; `logits` makes scores of the token behind each.

        Raises:
            ShapeError: there is not one target a source.
        """
        if len(sources) != len(targets):
            raise ShapeError(f"{len(sources)} sources and {len(targets)} targets: give one for each")
        source = self.decoder.begin(self.encode(sources))
        ids, lengths = self._padded(targets, "target")
        readouts = self.decoder.read(self._embed(ids), source)  # (B, T, E)
        real = torch.arange(ids.shape[1]) < lengths[:, None]  # (B, T)
        return self._drop(readouts[real.to(readouts.device)])

    def logits(self, readouts: Tensor) -> Tensor:
        """Score every token of the vocabulary as the next one.

        Args:
            readouts: (N, E) float, from `forward`.

        Returns:
            (N, V) float.
        """
        return functional.linear(readouts, self.table.weight, self.bias)

    def loss(self, sources: Sequence[Ids], targets: Sequence[Ids], *, smoothing: float = 0.0) -> Tensor:
        """Return the mean surprise at each target token, in nats, the targets known: teacher forcing.

        Args:
            sources: B rows of ids, each ending with the end token.
            targets: one a source, each ending with the end token, without the start token.
            smoothing: ε of label smoothing.

        Returns:
            A scalar.

        Raises:
            ShapeError: a target has no token, or there is not one a source.
        """
        rows = [np.asarray(target, dtype=np.int64) for target in targets]
        if not all(row.size for row in rows):
            raise ShapeError("a target has length 0: it holds its end token at least")
        begun = [np.concatenate([[self.settings.start], row[:-1]]) for row in rows]
        readouts = self(sources, begun)  # (N, E)
        words = self._checked(np.concatenate(rows), "target").to(readouts.device)  # (N)
        return word_loss(readouts, self.table.weight, self.bias, words, smoothing=smoothing)

    def trace(
        self, source: Ids, target: Ids, *, tokens: tuple[Sequence[str], Sequence[str]] | None = None
    ) -> Trace:
        """Read a source and what stands of its target by the open path; keep every intermediate value.

        Args:
            source: token ids, the end token last.
            target: token ids, the start token first.
            tokens: labels of the source's tokens and of the target's.

        Returns:
            The trace; `trace_pair` lists its arrays.
        """
        ids = (self._padded([source], "source")[0][0], self._padded([target], "target")[0][0])
        return trace_pair(self, ids, tokens=tokens)

    def translate(self, sources: Sequence[Ids], *, settings: BeamSettings | None = None) -> list[Hypothesis]:
        """Write the best target that a beam search finds for each source.

        Args:
            sources: ids, each ending with the end token.
            settings: beams, length penalty and the longest target.

        Returns:
            The best hypothesis of each, in the order of the sources.
        """
        settings = settings or BeamSettings()
        return [self._search(source, settings) for source in sources]

    @torch.inference_mode()
    def _search(self, ids: Ids, settings: BeamSettings) -> Hypothesis:
        source = self.decoder.begin(self.encode([ids]))
        beams = Beams(settings, end=self.settings.end, never=(self.settings.pad, self.settings.start))
        state = source.first
        last = torch.full((1,), self.settings.start, device=state.device)  # (1)
        for _ in range(settings.longest(len(ids))):
            written = self.decoder.step(self.table(last), state, source)
            grown = beams.grow(self.logits(written.readout).log_softmax(-1).cpu())
            if grown is None:
                break
            state = written.state[grown.parents.to(state.device)]
            last = grown.tokens.to(state.device)
        return beams.best()

    def _embed(self, ids: Tensor) -> Tensor:
        return self._drop(self.table(ids.to(self.table.weight.device)))

    def _drop(self, x: Tensor) -> Tensor:
        return drop(x, self.settings.dropout, training=self.training)

    def _padded(self, rows: Sequence[Ids], what: str) -> tuple[Tensor, Tensor]:
        """Rows of ids side by side, (B, longest), short ones filled with pads; and their lengths, (B)."""
        if not len(rows):
            raise ShapeError(f"a batch needs at least one {what}, and this one has none")
        arrays = [np.asarray(row) for row in rows]
        for at, row in enumerate(arrays):
            if row.ndim != 1 or not row.size:
                raise ShapeError(f"{what} {at} has shape {row.shape}: each is one row of at least one id")
        lengths = np.array([row.size for row in arrays])
        filled = np.full((len(arrays), lengths.max()), self.settings.pad, dtype=np.int64)
        filled[np.arange(filled.shape[1]) < lengths[:, None]] = self._checked(np.concatenate(arrays), what)
        return torch.from_numpy(filled), torch.from_numpy(lengths)

    def _checked(self, ids: NDArray[Any], what: str) -> Tensor:
        """Refuse what is no id of the vocabulary."""
        if not np.issubdtype(ids.dtype, np.integer):
            raise ShapeError(f"{what} ids are of type {ids.dtype}: expected whole numbers")
        wrong = ids[(ids < 0) | (ids >= self.settings.vocabulary)]
        if wrong.size:
            raise ShapeError(
                f"{what} id {wrong[0]} is outside the vocabulary of {self.settings.vocabulary} tokens"
            )
        return torch.from_numpy(ids.astype(np.int64))
