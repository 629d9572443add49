"""A language model: embeddings, LSTM, and the chances of the next symbol.

Legend: B streams of text, T steps, E numbers in an embedding, H hidden units, V symbols.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cutaway.core.errors import DataError, ShapeError, UsageError
from cutaway.recurrent.lstm import LSTM
from cutaway.recurrent.sampling import SamplingSettings, chances

State = tuple[Tensor, Tensor]
# Steps read at once when a text is scored: bounds the memory of its scores.
SCORED_STEPS = 512


@dataclass(frozen=True, kw_only=True)
class LanguageSettings:
    """The shape of a language model.

    Attributes:
        symbols: the characters it knows, each once; or a number, when a tokenizer makes its ids.
        embedding: numbers that stand for a symbol.
        hidden: units of each LSTM layer.
        layers: LSTM layers.
        dropout: share of embeddings and states that training drops.
    """

    symbols: str | int
    embedding: int = 64
    hidden: int = 256
    layers: int = 2
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if isinstance(self.symbols, str) and len(set(self.symbols)) < len(self.symbols):
            raise UsageError(f"each character comes once, not as in {self.symbols[:20]!r}")
        if self.size < 2:
            raise UsageError(f"a model needs two or more distinct symbols, not {self.symbols!r}")
        if min(self.embedding, self.hidden, self.layers) < 1:
            raise UsageError(
                f"embedding ({self.embedding}), hidden ({self.hidden}), layers ({self.layers}) start at 1"
            )
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout is a share, at least 0 and below 1, not {self.dropout}")

    @property
    def size(self) -> int:
        """V, how many ids there are."""
        return self.symbols if isinstance(self.symbols, int) else len(self.symbols)


class LanguageModel(nn.Module):
    """Give each next symbol, a character or a token, its chance from all symbols before it.

        h₁ … h_T = LSTM(E x₁ … E x_T)                                      (1)
        p(xₜ₊₁ | x₁ … xₜ) = softmax(W hₜ + b)                              (2)

    Args:
        settings: the shape.

    Source:
        Mikolov et al. 2010, Recurrent neural network based language model, with an LSTM for its
        layer: Graves 2013, arXiv:1308.0850, section 2.
    """

    def __init__(self, settings: LanguageSettings) -> None:
        super().__init__()
        self.settings = settings
        self.embed = nn.Embedding(settings.size, settings.embedding)
        between = settings.dropout if settings.layers > 1 else 0.0
        self.lstm = LSTM(settings.embedding, settings.hidden, layers=settings.layers, dropout=between)
        self.drop = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.hidden, settings.size)
        self._characters = settings.symbols if isinstance(settings.symbols, str) else ""
        self._ids = {symbol: at for at, symbol in enumerate(self._characters)}

    def encode(self, text: str) -> Tensor:
        """Return the ids of a text's characters, (T) int64.

        Args:
            text: of characters that the model knows.

        Raises:
            DataError: a character is not among its symbols.
        """
        unknown = sorted(set(text) - self._ids.keys())
        if unknown:
            raise DataError(
                f"the model knows {len(self._ids)} characters, and these are not among them: {unknown[:10]}"
            )
        return torch.tensor([self._ids[symbol] for symbol in text], dtype=torch.int64)

    def decode(self, ids: Tensor) -> str:
        """Return the text of ids, (T) int."""
        return "".join(self._characters[at] for at in ids.tolist())

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the scores of each next symbol.

        Args:
            ids: (B, T) int.
            state: where the text before ended; None begins a text.

        Returns:
            (B, T, V) float logits, and the state after the last step.

        Raises:
            ShapeError: there is nothing to read, or an id is no symbol.
        """
        if ids.ndim != 2 or 0 in ids.shape:
            raise ShapeError(
                f"the ids have shape {tuple(ids.shape)}: expected (streams, steps), 1 or more each"
            )
        if int(ids.min()) < 0 or int(ids.max()) >= self.settings.size:
            raise ShapeError(
                f"ids from {int(ids.min())} to {int(ids.max())} for {self.settings.size} symbols"
            )
        states, state = self.lstm(self.drop(self.embed(ids)), state)
        return self.head(self.drop(states)), state

    def nats(self, ids: Tensor, *, streams: int = 1) -> float:
        """Return the mean surprise at each next symbol of a text, without dropout.

        Args:
            ids: (T) int, one text.
            streams: read the text as so many equal pieces side by side, each from an empty state;
                symbols after the last whole piece are left out. 1 scores the text as it is.

        Returns:
            Nats a symbol: its exponential is the perplexity; divided by log 2, bits a symbol.

        Raises:
            DataError: the text is too short to hold a next symbol in each piece.
        """
        if streams < 1 or len(ids) // streams < 2:
            raise DataError(f"a text of {len(ids)} symbols is too short to score in {streams} pieces")
        rows = ids[: len(ids) // streams * streams].view(streams, -1)
        was_training = self.training
        self.eval()
        total, state = 0.0, None
        with torch.no_grad():
            for at in range(0, rows.shape[1] - 1, SCORED_STEPS):
                piece = rows[:, at : at + SCORED_STEPS + 1]
                logits, state = self(piece[:, :-1], state)
                surprise = nn.functional.cross_entropy(
                    logits.flatten(0, 1), piece[:, 1:].flatten(), reduction="sum"
                )
                total += float(surprise)
        self.train(was_training)
        return total / (streams * (rows.shape[1] - 1))

    def generate(self, prompt: str, length: int, settings: SamplingSettings) -> Iterator[str]:
        """Yield characters that go on from a prompt; the same seed gives the same text.

        Args:
            prompt: the text so far, at least one character.
            length: how many characters to draw.
            settings: temperature, top_k, top_p, seed.

        Yields:
            One character at a time.

        Raises:
            DataError: the prompt is empty.
        """
        if not prompt:
            raise DataError("the prompt is empty: the model goes on from at least one character")
        for drawn in self.draw(self.encode(prompt), length, settings):
            yield self._characters[drawn]

    def draw(self, ids: Tensor, length: int, settings: SamplingSettings) -> Iterator[int]:
        """Yield ids that go on from others; the same seed gives the same ids.

        Args:
            ids: (T) int, one or more.
            length: how many to draw.
            settings: temperature, top_k, top_p, seed.

        Yields:
            One id at a time.
        """
        draws = torch.Generator().manual_seed(settings.seed)
        self.eval()
        read, state = ids[None], None
        for _ in range(length):
            with torch.no_grad():
                logits, state = self(read, state)
            drawn = torch.multinomial(chances(logits[0, -1], settings), 1, generator=draws)
            read = drawn[None]
            yield int(drawn)


def bits(nats: float) -> float:
    """Return nats in bits.

    Example:
        >>> bits(math.log(2))
        1.0
    """
    return nats / math.log(2)
