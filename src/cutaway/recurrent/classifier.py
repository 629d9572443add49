"""A sequence classifier: frozen word vectors, an LSTM, one pooled state, a linear head.

Legend: B sequences, T words, N words of all sequences, E numbers in a word vector, H numbers in a
state, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_packed_sequence

from cutaway.core.errors import ShapeError, UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.recurrent.lstm import LSTM
from cutaway.recurrent.pooling import Pool, Pooling
from cutaway.recurrent.ragged import check_finite, pack
from cutaway.recurrent.reading import UNKNOWN, Ids, ReadingSettings
from cutaway.recurrent.recurrence import Directions
from cutaway.training.batches import token_budget_batches

# Words in one batch of predictions: the states of 32,768 words of 128 units take 16 MB.
PREDICT_WORDS = 32_768


@dataclass(frozen=True, kw_only=True)
class ClassifierSettings:
    """The shape of a classifier.

    Attributes:
        labels: the classes' names, in the order of the head's rows.
        hidden: units of the LSTM in each direction.
        layers: layers of the LSTM.
        directions: "forward", or "both".
        pooling: what the head sees: the "last" state, the "max" of each unit, the "mean" state, or a
            mean weighted by a learned "attention".
        word_dropout: share of the words that training reads as unknown.
        dropout: share of the pooled state, and of the states between layers, that training drops.
        reading: which words of a long text are read.
    """

    labels: tuple[str, ...]
    hidden: int = 96
    layers: int = 1
    directions: Directions = "forward"
    pooling: Pooling = "max"
    word_dropout: float = 0.0
    dropout: float = 0.0
    reading: ReadingSettings = field(default_factory=ReadingSettings)

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len(set(self.labels)) < len(self.labels):
            raise UsageError(f"a classifier needs two or more distinct labels, not {list(self.labels)}")
        if self.pooling not in get_args(Pooling):
            raise UsageError(f"pooling must be one of {get_args(Pooling)}, not {self.pooling!r}")
        if not (0 <= self.word_dropout < 1 and 0 <= self.dropout < 1):
            raise UsageError(
                f"dropouts are shares, at least 0 and below 1, not {self.word_dropout} and {self.dropout}"
            )


class SequenceClassifier(nn.Module):
    """Classify sequences of ids of a frozen vector table.

        h₁ … h_T = LSTM(v₁ … v_T)                                          (1)
        pooled = pool(h₁ … h_T)                                            (2)
        p = softmax(W pooled + b)                                          (3)

    The table is no parameter: it is neither trained nor saved, and may be a memory-mapped file of
    which only the rows that are read are touched.

    Args:
        settings: the shape.
        table: word vectors, (V, E) float.

    Raises:
        ShapeError: the table is not a matrix.

    Source:
        Graves 2012, Supervised Sequence Labelling with Recurrent Neural Networks, section 2.2;
        pooling over time: Collobert et al. 2011, section 3.3.2.
    """

    def __init__(self, settings: ClassifierSettings, table: NDArray[np.floating]) -> None:
        super().__init__()
        if table.ndim != 2 or 0 in table.shape:
            raise ShapeError(f"the vector table has shape {table.shape}: expected (words, numbers)")
        self.settings = settings
        self.table = table
        self.lstm = LSTM(
            table.shape[1],
            settings.hidden,
            layers=settings.layers,
            directions=settings.directions,
            dropout=settings.dropout if settings.layers > 1 else 0.0,
        )
        self.pool = Pool(settings.pooling, self.lstm.output_size, settings.hidden)
        self.drop = nn.Dropout(settings.dropout)
        self.head = nn.Linear(self.lstm.output_size, len(settings.labels))

    def vectors(self, ids: Ids) -> Tensor:
        """Return the vectors of words; zero for UNKNOWN.

        Args:
            ids: (N) int: rows of the table, or UNKNOWN.

        Returns:
            (N, E) float, of the head's dtype and on its device.

        Raises:
            ShapeError: an id is outside the table.
        """
        if len(ids) and not (ids.min() >= UNKNOWN and ids.max() < len(self.table)):
            wrong = ids[(ids < UNKNOWN) | (ids >= len(self.table))]
            raise ShapeError(
                f"{len(wrong)} ids are outside the table of {len(self.table)} rows: {wrong[:5].tolist()}"
            )
        rows = self.table[np.maximum(ids, 0)]  # (N, E)
        rows = np.where((ids == UNKNOWN)[:, None], 0, rows)  # (N, E)
        return torch.from_numpy(rows).to(self.head.weight)

    def forward(self, rows: Sequence[Ids]) -> Tensor:
        """Return the scores of a batch, before softmax.

        Args:
            rows: B sequences of ids, each of its own length of at least 1.

        Returns:
            (B, C) float logits.

        Raises:
            ShapeError: there is no sequence.
        """
        if not rows:
            raise ShapeError("a batch needs at least one sequence, and this one has none")
        lengths = [len(ids) for ids in rows]
        ids = np.concatenate([np.asarray(ids, dtype=np.int64) for ids in rows])  # (N)
        if self.training and self.settings.word_dropout:
            dropped = torch.rand(len(ids)).numpy() < self.settings.word_dropout  # (N)
            ids = np.where(dropped, UNKNOWN, ids)  # (N)
        read, _ = self.lstm(pack(torch.split(self.vectors(ids), lengths)))
        states, sizes = pad_packed_sequence(read, batch_first=True)
        pooled = self.pool(states, sizes.to(states.device))  # (B, H)
        logits: Tensor = self.head(self.drop(pooled))  # (B, C)
        return logits

    def predict(self, rows: Sequence[Ids]) -> NDArray[np.float32]:
        """Return each sequence's probabilities, without dropout.

        Args:
            rows: B sequences of ids, each of its own length of at least 1.

        Returns:
            (B, C) float32, each row summing to 1.
        """
        probabilities = np.zeros((len(rows), len(self.settings.labels)), dtype=np.float32)
        for at, answer in self.predict_batches(rows):
            probabilities[at] = answer
        return probabilities

    def predict_batches(self, rows: Sequence[Ids]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield row numbers and their probabilities batch by batch, for a progress bar.

        Args:
            rows: as in `predict`.

        Yields:
            Row numbers (B) int64, and probabilities (B, C) float32.
        """
        was_training = self.training
        self.eval()
        try:
            lengths = [len(ids) for ids in rows]
            for at in token_budget_batches(lengths, budget=PREDICT_WORDS, seed=None):
                with torch.no_grad():
                    p = torch.softmax(self([rows[row] for row in at]), dim=1)  # (B, C)
                yield at, p.float().cpu().numpy()
        finally:
            self.train(was_training)

    def trace(self, ids: Ids, words: Sequence[str] = ()) -> Trace:
        """Read one sequence in the open, and say after each word what the answer would be.

        Args:
            ids: (T) int, T at least 1.
            words: the words as written, to label the positions.

        Returns:
            The arrays of `LSTM.trace`; those of `Pool.record`; then "logits" (C), "probabilities" (C), and
            "running" (T, C): row t is the answer if the sequence ended after word t. Facts "label"
            and "probability": the likeliest class.

        Raises:
            ShapeError: there is no word, or not one label a word.
        """
        ids = np.asarray(ids, dtype=np.int64)
        if ids.ndim != 1 or len(ids) == 0:
            raise ShapeError(f"the ids have shape {ids.shape}: expected one sequence of at least one word")
        if words and len(words) != len(ids):
            raise ShapeError(f"there are {len(ids)} ids but {len(words)} words to label them")
        rec = Recorder(f"LSTM classifier: {len(ids)} words, {self.settings.hidden} units")
        with torch.no_grad():
            x = self.vectors(ids)  # (T, E)
            check_finite(x, "the word vectors")
            p = self._answer(rec, x)  # (C)
        rec.label("position", words)
        rec.label("step_reverse", reversed(words))
        rec.label("class", self.settings.labels)
        rec.fact("label", self.settings.labels[int(p.argmax())])
        rec.fact("probability", float(p.max()))
        return rec.finish()

    def _answer(self, rec: Recorder, x: Tensor) -> Tensor:
        """Equations (1) to (3) over one sequence, (T, E), then over each of its prefixes; (C)."""
        weight, bias = self.head.weight, self.head.bias
        states, _ = self.lstm.record(rec, x)
        pooled = self.pool.record(rec, states)  # (H)
        logits = rec.keep(
            "logits", weight @ pooled + bias, axes=("class",), formula="z = W pooled + b", inputs=("pooled",)
        )  # (C)
        p = rec.keep(
            "probabilities",
            torch.softmax(logits, dim=0),
            axes=("class",),
            formula="p = exp z / Σ exp z",
            inputs=("logits",),
        )  # (C)
        for end in range(1, len(x) + 1):
            prefix = states[:end] if self.lstm.streams == 1 else self._read(x[:end])
            rec.keep_row(
                "running",
                torch.softmax(weight @ self.pool.one(prefix) + bias, dim=0),
                axes=("position", "class"),
                formula="pₜ = softmax(W pool(h₁ … hₜ) + b)",
                inputs=("outputs",),
            )
        return p

    def _read(self, x: Tensor) -> Tensor:
        """Read a prefix anew: the reverse direction starts at its end. Without dropout."""
        was_training = self.lstm.training
        states, _ = self.lstm.eval()(x[None])
        self.lstm.train(was_training)
        read: Tensor = states[0]
        return read
