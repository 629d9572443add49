"""GloVe: vectors whose products are the logarithms of how often words meet.

    J = Σ_ij f(X_ij) (wᵢ·w̃ⱼ + bᵢ + b̃ⱼ − log X_ij)²                                       (8)
    f(x) = (x / x_max)^α below x_max, else 1                                                (9)

over the cells of X that are not zero (`embeddings.cooccurrence`), with AdaGrad. A word's vector is
w + w̃. Equations are numbered as in Pennington, Socher and Manning 2014.

Departs: the order of the cells (`embeddings.glove_tiles`). As in the authors' program, AdaGrad sums
the squares of its steps η g instead of those of g, from a first sum of 1.

Letters: V words, D dimensions, W width of a padded row.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, DivergedError, UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.embeddings.cooccurrence import Cooccurrences, CountSettings, count_cooccurrences
from cutaway.embeddings.corpus import Sentence, read_corpus
from cutaway.embeddings.corpus_counts import EncodedCorpus, count_corpus
from cutaway.embeddings.glove_tiles import Tiles, arrange
from cutaway.embeddings.spill import SpillFolder
from cutaway.embeddings.training_state import State
from cutaway.embeddings.vectors import WordVectors
from cutaway.embeddings.vocabulary import Vocabulary

VECTOR, VECTOR_SUMS, CONTEXT, CONTEXT_SUMS = range(4)


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One pass over the cells: its number, mean loss of a cell before its step, cells, seconds."""

    number: int
    loss: float
    cells: int
    seconds: float


Listener = Callable[[Pass], None]


@dataclass(frozen=True, kw_only=True)
class GloVe:
    """How to fit GloVe; `fit` does it.

    Attributes:
        dim: D.
        window: words to each side that count as near.
        min_count: rarer words are left out.
        max_words: at most so many words are kept, the most frequent.
        x_max: where a count gets its full weight.
        alpha: the exponent α below that.
        rate: η, the first step's length.
        threads: how many; the result does not depend on it.
        seed: of the first vectors and of the order of the cells.
        memory: bytes for counts and cells, each; what is beyond goes to disk.
        folder: where to; the system's temporary folder, if none is given.

    Raises:
        UsageError: a value outside its range.

    Example:
        >>> from cutaway.embeddings.cooccurrence import count_cooccurrences
        >>> X = count_cooccurrences([np.array([0, 1, 2, 3, 1, 0, -1, 2, 0, 1], dtype=np.int32)], 4)
        >>> fit = GloVe(dim=4, seed=1).fit_counts(X, ["the", "cat", "sat", "down"], epochs=3)
        >>> fit.vectors, fit.passes[2].loss < fit.passes[0].loss
        (WordVectors(4 words × 4 dimensions), True)
    """

    dim: int = 100
    window: int = 15
    min_count: int = 5
    max_words: int | None = None
    x_max: float = 100.0
    alpha: float = 0.75
    rate: float = 0.05
    threads: int = 2
    seed: int = 0
    memory: int = 1 << 30
    folder: Path | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.dim <= 10_000 or self.threads < 1 or self.min_count < 1:
            raise UsageError(
                f"dim is {self.dim}, threads {self.threads}, min_count {self.min_count}: expected at least 1 "
                "each, dim at most 10,000"
            )
        if self.max_words is not None and self.max_words < 1:
            raise UsageError(f"max_words is {self.max_words}: expected at least 1")
        if not (self.x_max > 0 and 0 <= self.alpha <= 1 and 0 < self.rate < 10):
            raise UsageError(
                f"x_max is {self.x_max}, alpha {self.alpha}, rate {self.rate}: expected x_max above 0, alpha "
                "from 0 to 1, rate above 0 and below 10"
            )

    def fit(
        self,
        sentences: Iterable[Sentence] | Path,
        *,
        epochs: int = 25,
        state_file: Path | None = None,
        listener: Listener | None = None,
    ) -> WordVectors:
        """Count a corpus, read once, and fit vectors to the counts.

        Args:
            sentences: texts, which a plain splitter divides into words, or lists of words; or the path
                of a file or folder, as `corpus.read_corpus` takes it.
            epochs: how often each cell is visited.
            state_file: holds the training after each pass; the same call again goes on from it.
            listener: called after each pass.

        Returns:
            The vectors of all words, the most frequent first.
        """
        corpus = count_corpus(
            read_corpus(sentences) if isinstance(sentences, Path) else sentences,
            min_count=self.min_count,
            max_words=self.max_words,
        )
        settings = CountSettings(
            window=self.window, memory=self.memory, folder=self.folder, threads=self.threads
        )
        counts = count_cooccurrences(corpus.blocks(), len(corpus.words), settings)
        state = State(state_file, self._state_name(corpus)) if state_file else None
        fitted = self.fit_counts(counts, corpus.words, epochs=epochs, listener=listener, state=state)
        if state_file:
            state_file.unlink(missing_ok=True)
        return fitted.vectors

    def fit_counts(
        self,
        counts: Cooccurrences,
        words: Sequence[str],
        *,
        epochs: int = 25,
        listener: Listener | None = None,
        state: State | None = None,
    ) -> GloVeFit:
        """Fit vectors to counts.

        Args:
            counts: X.
            words: V words, row by row.
            epochs: how often each cell is visited.
            listener: called after each pass.
            state: a file that holds the table after each pass, and from which to go on.

        Returns:
            The fit: vectors, losses, and a trace of any pair.

        Raises:
            DataError: no two words ever meet.
            DivergedError: the loss became NaN or infinite.
            UsageError: `epochs` is below 1.
        """
        if epochs < 1:
            raise UsageError(f"epochs is {epochs}: expected at least 1")
        if not len(counts.columns):
            raise DataError("no two words ever stand near each other: the corpus is empty or all rare words")
        rng = np.random.default_rng(self.seed)
        tiles = arrange(counts, rng, self.memory, SpillFolder(self.folder))
        fit = GloVeFit(self, counts, Vocabulary(words), first_table(len(counts), self.dim, rng))
        with ThreadPoolExecutor(self.threads) as pool:
            done = state.load({"table": fit.table}) if state else 0
            for number in range(1, epochs + 1):
                if number <= done:  # the order of the cells goes on where it stopped
                    rng.permutation(len(tiles.rounds))
                    continue
                started = time.perf_counter()
                loss = self._pass(pool, fit.table, tiles, rng) / counts.cells
                if not np.isfinite(loss):
                    raise DivergedError(f"pass {number}: the loss is {loss}: try a rate below {self.rate}")
                seconds = time.perf_counter() - started
                fit.passes.append(Pass(number=number, loss=loss, cells=counts.cells, seconds=seconds))
                if state:
                    state.save({"table": fit.table}, number)
                if listener:
                    listener(fit.passes[-1])
        return fit

    def _state_name(self, corpus: EncodedCorpus) -> str:
        fixed = replace(self, threads=1, memory=1 << 30, folder=None)  # the vectors do not depend on these
        return hashlib.sha256(f"{fixed} {corpus.digest()}".encode()).hexdigest()

    def _pass(
        self, pool: ThreadPoolExecutor, table: NDArray[np.float32], tiles: Tiles, rng: np.random.Generator
    ) -> float:
        from cutaway.embeddings.glove_kernels import fit_tiles

        losses = np.zeros(len(tiles.table))
        rates = np.array([self.rate, self.x_max, self.alpha])

        def work(numbers: NDArray[np.int64]) -> None:
            fit_tiles(
                table.reshape(-1), table.shape[2], self.dim, tiles.codes, tiles.values,
                tiles.table[numbers], rates, losses,
            )  # fmt: skip

        for at in rng.permutation(len(tiles.rounds)):
            list(pool.map(work, _shares(tiles, tiles.rounds[at], self.threads)))
        return float(losses.sum())


@dataclass
class GloVeFit:
    """Fitted vectors, and what they were fitted to.

    Attributes:
        model: the settings.
        counts: X.
        words: the words.
        table: (V, 4, W) float32: w, the sums of its steps' squares, w̃, the sums of its; the bias and 1
            behind the D numbers of w, 1 and the bias behind those of w̃.
        passes: what was measured, pass by pass.
    """

    model: GloVe
    counts: Cooccurrences
    words: Vocabulary
    table: NDArray[np.float32] = field(repr=False)
    passes: list[Pass] = field(default_factory=list)

    @property
    def vectors(self) -> WordVectors:
        """w + w̃ of every word."""
        dim = self.model.dim
        return WordVectors(self.words, self.table[:, VECTOR, :dim] + self.table[:, CONTEXT, :dim])

    def trace(self, word: str, context: str) -> Trace:
        """Return equation (8) for one pair step by step: count, weight, prediction, error, next step.

        Args:
            word: the word i.
            context: the word j.

        Returns:
            A trace with the arrays `w`, `c`, `products`, `biases`, `prediction`, `target`, `weight`,
            `error`, `loss`, `gradient` and `step`.

        Raises:
            DataError: the two never meet, so that no cell was fitted.
        """
        i, j = self.words.row(word), self.words.row(context)
        count = self.counts.count(i, j)
        if count == 0:
            raise DataError(
                f"{word!r} and {context!r} never stand within {self.model.window} words of each other"
            )
        rec = Recorder(f"GloVe's fit of {word!r} beside {context!r}")
        rec.fact("count", count)
        _trace_pair(rec, self.model, self.table[[i, j]].astype(np.float64), count)
        return rec.finish()


def _trace_pair(rec: Recorder, model: GloVe, rows: NDArray[np.float64], count: float) -> None:
    dim, axes = model.dim, ("dimension",)
    w = rec.keep("w", rows[0, VECTOR, :dim], axes=axes, formula="wᵢ: the word's vector")
    c = rec.keep("c", rows[1, CONTEXT, :dim], axes=axes, formula="w̃ⱼ: the other's context vector")
    both = np.array([rows[0, VECTOR, dim], rows[1, CONTEXT, dim + 1]])
    biases = rec.keep("biases", both, axes=("bias",), formula="bᵢ, b̃ⱼ")
    rec.label("bias", ("word", "context"))
    products = rec.keep("products", w * c, axes=axes, formula="pₖ = wᵢₖ w̃ⱼₖ", inputs=("w", "c"))
    prediction = rec.keep(
        "prediction",
        products.sum() + biases.sum(),
        axes=(),
        formula="s = Σ pₖ + bᵢ + b̃ⱼ",
        inputs=("products", "biases"),
    )
    target = rec.keep("target", np.log(count), axes=(), formula="log X_ij")
    weight = rec.keep(
        "weight",
        min(1.0, (count / model.x_max) ** model.alpha),
        axes=(),
        formula="f(X) = min(1, (X / x_max)^α)",
    )
    error = rec.keep(
        "error", prediction - target, axes=(), formula="e = s − log X", inputs=("prediction", "target")
    )
    rec.keep("loss", weight * error**2, axes=(), formula="J_ij = f e²", inputs=("weight", "error"))
    gradient = rec.keep(
        "gradient",
        weight * error * c,
        axes=axes,
        formula="∂(J_ij / 2)/∂wᵢ = f e w̃ⱼ",
        inputs=("weight", "error", "c"),
    )
    rec.keep(
        "step",
        -model.rate * gradient / np.sqrt(rows[0, VECTOR_SUMS, :dim]),
        axes=axes,
        formula="Δwᵢ = −η g / √G, and then G ← G + (η g)²",
        inputs=("gradient",),
    )


def first_table(words: int, dim: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return random vectors and biases, sums of 1, and the ones that biases are multiplied by.

    Args:
        words: V.
        dim: D.
        rng: for the numbers, uniform from -1/2D to 1/2D.

    Returns:
        (V, 4, W) float32, W the next multiple of 16 from D + 2.
    """
    width = (dim + 2 + 15) // 16 * 16
    table = np.zeros((words, 4, width), dtype=np.float32)  # (V, 4, W)
    table[:, [VECTOR_SUMS, CONTEXT_SUMS]] = 1.0
    for part, bias, one in ((VECTOR, dim, dim + 1), (CONTEXT, dim + 1, dim)):
        table[:, part, :dim] = (rng.random((words, dim), dtype=np.float32) - 0.5) / dim
        table[:, part, bias] = (rng.random(words, dtype=np.float32) - 0.5) / dim
        table[:, part, one] = 1.0
    return table


def _shares(tiles: Tiles, numbers: NDArray[np.int64], threads: int) -> list[NDArray[np.int64]]:
    """Deal tiles out, the largest first, each to whoever has least."""
    shares: list[list[int]] = [[] for _ in range(threads)]
    held = [0] * threads
    for number in numbers.tolist():
        least = held.index(min(held))
        shares[least].append(number)
        held[least] += int(tiles.table[number, 2] - tiles.table[number, 1])
    return [np.array(share, dtype=np.int64) for share in shares if share]
