"""Two decoders: one that sees a summary of the source, one that looks at the source before each word.

Both write by the same equations; they differ in where the context cₜ comes from.

    s₀ = tanh(W_s [h⃗_S; h⃖₁] + b_s)                                     first state      (1)
    sₜ = GRU([yₜ₋₁; cₜ], sₜ₋₁)                                           next state       (2)
    oₜ = tanh(W_o [sₜ; yₜ₋₁; cₜ] + b_o)                                  readout          (3)

Legend: B sequences, S source positions, T target positions, E numbers in an embedding, H decoder units,
M numbers in an encoder state, G three gates times H.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cutaway.recurrent.attention import make_attention
from cutaway.recurrent.gru import GRU
from cutaway.recurrent.seq2seq_settings import Seq2SeqSettings


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """What an encoder made of sources.

    Attributes:
        states: hⱼ, both directions side by side, (B, S, M).
        last: [h⃗_S; h⃖₁], each direction's state after its last step, (B, M).
        padding: True behind the end of a source, (B, S) bool.
    """

    states: Tensor
    last: Tensor
    padding: Tensor


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a decoder made of an encoded source, once for all steps.

    Attributes:
        encoded: the source.
        first: s₀, (B, H).
        made: keys of attention, (B, S, A); the constant context, (B, M).
    """

    encoded: Encoded
    first: Tensor
    made: Tensor


class Written(NamedTuple):
    """One step of a decoder: its state (B, H), readout (B, E), and weights (B, S) if it has attention."""

    state: Tensor
    readout: Tensor
    alignment: Tensor | None


class Decoder(nn.Module):
    """Equations (1) to (3); a subclass says where contexts come from.

    Args:
        settings: sizes.
    """

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__()
        embedding, hidden, memory = settings.embedding, settings.hidden, settings.memory
        self.first = nn.Linear(memory, hidden)
        self.gru = GRU(embedding + memory, hidden)
        self.readout = nn.Linear(hidden + embedding + memory, embedding)
        self.embedding = embedding

    def begin(self, encoded: Encoded) -> Source:
        """Make what every step needs of a source.

        Args:
            encoded: from the encoder.
        """
        return Source(encoded=encoded, first=torch.tanh(self.first(encoded.last)), made=self.prepare(encoded))

    def prepare(self, encoded: Encoded) -> Tensor:
        """Return `Source.made`.

        Args:
            encoded: from the encoder.

        Raises:
            NotImplementedError: a subclass has not said how.
        """
        raise NotImplementedError

    def read(self, embedded: Tensor, source: Source) -> Tensor:
        """Take all steps of targets that are known: teacher forcing.

        Args:
            embedded: yₜ₋₁ for every t, (B, T, E) float.
            source: of each, from `begin`.

        Returns:
            Readouts, (B, T, E) float.

        Raises:
            NotImplementedError: a subclass has not said how.
        """
        raise NotImplementedError

    def step(self, embedded: Tensor, state: Tensor, source: Source) -> Written:
        """Take one step.

        Args:
            embedded: yₜ₋₁, (B, E) float.
            state: sₜ₋₁, (B, H) float.
            source: of each, or one row that all look at, from `begin`.

        Returns:
            The step.

        Raises:
            NotImplementedError: a subclass has not said how.
        """
        raise NotImplementedError

    def read_out(self, states: Tensor, embedded: Tensor, contexts: Tensor) -> Tensor:
        """Return equation (3).

        Args:
            states: (..., H) float.
            embedded: (..., E) float.
            contexts: (..., M) float.

        Returns:
            (..., E) float.
        """
        return torch.tanh(self.readout(torch.cat([states, embedded, contexts], dim=-1)))

    def _halves(self) -> tuple[Tensor, Tensor]:
        """The GRU's input weights: of the word, (G, E), and of the context, (G, M)."""
        weight = self.gru.weights("_l0")[0]
        return weight[:, : self.embedding], weight[:, self.embedding :]

    def _advance(self, from_word: Tensor, context: Tensor, state: Tensor) -> Tensor:
        """Equation (2), the word's product already taken; (B, G), (B, M), (B, H) to (B, H)."""
        _, weight_hh, _, bias_hh = self.gru.weights("_l0")
        given = from_word + functional.linear(context, self._halves()[1])  # (B, G)
        past = functional.linear(state, weight_hh, bias_hh)  # (B, G)
        size = state.shape[1]
        reset, update = torch.sigmoid(given[:, : 2 * size] + past[:, : 2 * size]).chunk(2, dim=1)
        candidate = torch.tanh(torch.addcmul(given[:, 2 * size :], reset, past[:, 2 * size :]))  # (B, H)
        return torch.lerp(candidate, state, update)


class ContextDecoder(Decoder):
    """Write from one summary of the source, the same at every step.

        cₜ = c = tanh(V [h⃗_S; h⃖₁] + b)

    Args:
        settings: sizes.

    Source:
        Cho et al. 2014, arXiv:1406.1078, section 2.2 and appendix A. Departs: the encoder reads both
        ways; the readout is a tanh where theirs takes the larger of each two sums.
    """

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__(settings)
        self.summary = nn.Linear(settings.memory, settings.memory)

    def prepare(self, encoded: Encoded) -> Tensor:
        """Return c, (B, M)."""
        return torch.tanh(self.summary(encoded.last))

    def read(self, embedded: Tensor, source: Source) -> Tensor:
        """Take all steps by one fused operator."""
        contexts = source.made[:, None].expand(-1, embedded.shape[1], -1)  # (B, T, M)
        states, _ = self.gru(torch.cat([embedded, contexts], dim=2), source.first[None])
        return self.read_out(states, embedded, contexts)

    def step(self, embedded: Tensor, state: Tensor, source: Source) -> Written:
        """Take one step."""
        context = source.made.expand(len(state), -1)  # (B, M)
        from_word = functional.linear(embedded, self._halves()[0], self.gru.weights("_l0")[2])  # (B, G)
        state = self._advance(from_word, context, state)
        return Written(state, self.read_out(state, embedded, context), None)


class AttentionDecoder(Decoder):
    """Look at the whole source before each word, and weigh its states anew.

        eₜⱼ = score(sₜ₋₁, hⱼ),   αₜ = softmax(eₜ),   cₜ = Σⱼ αₜⱼ hⱼ

    Args:
        settings: sizes, and which score.

    Source:
        Bahdanau et al. 2015, arXiv:1409.0473, section 3.1 and appendix A. Departs: s₀ sees both
        directions' ends; the readout is a tanh where theirs takes the larger of each two sums.
    """

    def __init__(self, settings: Seq2SeqSettings) -> None:
        super().__init__(settings)
        self.attention = make_attention(settings)

    def prepare(self, encoded: Encoded) -> Tensor:
        """Return the attention's keys, (B, S, A)."""
        return self.attention.keys(encoded.states)

    def read(self, embedded: Tensor, source: Source) -> Tensor:
        """Take all steps: one by one what depends on the step before, at once what does not."""
        encoded, state = source.encoded, source.first
        from_words = functional.linear(embedded, self._halves()[0], self.gru.weights("_l0")[2])  # (B, T, G)
        states, contexts = [], []
        # Unbound: slices would each hand back a gradient as large as the whole.
        for from_word in from_words.unbind(1):
            context, _ = self.attention(state, encoded.states, source.made, encoded.padding)
            state = self._advance(from_word, context, state)
            states.append(state)
            contexts.append(context)
        return self.read_out(torch.stack(states, dim=1), embedded, torch.stack(contexts, dim=1))

    def step(self, embedded: Tensor, state: Tensor, source: Source) -> Written:
        """Take one step."""
        encoded = source.encoded
        context, alignment = self.attention(state, encoded.states, source.made, encoded.padding)
        from_word = functional.linear(embedded, self._halves()[0], self.gru.weights("_l0")[2])  # (B, G)
        state = self._advance(from_word, context, state)
        return Written(state, self.read_out(state, embedded, context), alignment)


def make_decoder(settings: Seq2SeqSettings) -> Decoder:
    """Return the decoder that settings name.

    Args:
        settings: of the encoder-decoder.
    """
    return AttentionDecoder(settings) if settings.decoder == "attention" else ContextDecoder(settings)
