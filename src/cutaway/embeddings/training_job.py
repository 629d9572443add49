"""A training as arrays: the tables that move, what stays, and the kernel that moves them.

Letters: V words, R rows of inputs, D dimensions, P dimensions padded to a multiple of 16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.embeddings.corpus_counts import LONGEST, EncodedCorpus
from cutaway.embeddings.draws import Serves, epoch_key
from cutaway.embeddings.huffman import Paths
from cutaway.embeddings.noise import Frequencies
from cutaway.embeddings.steps import Model
from cutaway.embeddings.subwords import Pieces

LANES = 16
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a kernel needs to know beside its arrays.

    Attributes:
        model: "skip-gram" or "cbow".
        dim: D.
        window: the farthest reach.
        negatives: in a set; 0 with paths.
        serves: what a set is drawn for.
        rate: at the start.
        last_rate: at the end.
        epochs: passes.
        seed: of every random choice.
    """

    model: Model
    dim: int
    window: int
    negatives: int
    serves: Serves
    rate: float
    last_rate: float
    epochs: int
    seed: int


@dataclass(kw_only=True)
class Job:
    """One training.

    Attributes:
        recipe: settings.
        corpus: sentences as rows.
        frequencies: chances of staying and of being drawn.
        pieces: the rows of inputs that stand for each word.
        paths: the tree, or None for negatives.
        inputs: (R + 1, P); what lies beyond D is zero, and so is the last row.
        outputs: (V + 1, P).
    """

    recipe: Recipe
    corpus: EncodedCorpus
    frequencies: Frequencies
    pieces: Pieces
    paths: Paths | None
    inputs: Floats
    outputs: Floats

    @property
    def words(self) -> int:
        """How many words all epochs pass over, rare ones left out."""
        return self.recipe.epochs * len(self.corpus.ids)

    def rate_at(self, done: int) -> float:
        """Return the learning rate after so many words; it falls on a straight line.

        Args:
            done: words, from 0 to `words`.

        Returns:
            From `rate` to `last_rate`.
        """
        slope = (self.recipe.rate - self.recipe.last_rate) / self.words
        return max(self.recipe.last_rate, self.recipe.rate - slope * done)


def new_tables(recipe: Recipe, rows: int, words: int) -> tuple[Floats, Floats]:
    """Return the tables before training: inputs small and random, outputs zero.

    Args:
        recipe: dimensions and seed.
        rows: R rows of inputs.
        words: V words.

    Returns:
        (R + 1, P) inputs from -1/2D to 1/2D, and (V + 1, P) outputs.

    Source:
        Mikolov et al. 2013, the program to arXiv:1301.3781.
    """
    padded = -(-recipe.dim // LANES) * LANES
    inputs, outputs = aligned((rows + 1, padded)), aligned((words + 1, padded))
    random = np.random.default_rng(recipe.seed)
    inputs[:rows, : recipe.dim] = (random.random((rows, recipe.dim), np.float32) - 0.5) / recipe.dim
    return inputs, outputs


def aligned(shape: tuple[int, int]) -> Floats:
    """Return zeros whose rows begin where a cache line begins.

    Args:
        shape: rows, and columns in a multiple of 16.

    Returns:
        The array.
    """
    size = shape[0] * shape[1]
    raw = np.zeros(size + LANES, np.float32)
    first = -(raw.ctypes.data // 4) % LANES
    return raw[first : first + size].reshape(shape)


class OwnRows:
    """A thread's own copy of a table's first rows, a whole number of rows away from the table.

    Args:
        table: (R, P), shared by the threads.
        hot: how many rows.
    """

    def __init__(self, table: Floats, hot: int) -> None:
        padded = table.shape[1]
        raw = np.empty((hot + 1) * padded + LANES, np.float32)
        first = (table.ctypes.data - raw.ctypes.data) // 4 % padded
        self.rows = raw[first : first + hot * padded]
        self._shared = table[:hot].reshape(-1)
        self.rows[:] = self._shared
        self._before = self.rows.copy()
        self.hot = hot
        self.shift = (self.rows.ctypes.data - table.ctypes.data) // (4 * padded)

    def meet(self) -> None:
        """Add to the shared rows how far these have moved since the last time, and take them over."""
        from cutaway.embeddings.joining_kernels import add_moves

        add_moves(self._shared, self.rows, self._before)


class Worker:
    """What one thread needs to train: the kernel, and room for a sentence and a step.

    Args:
        job: the training.
        tables: the tables to move, the job's or a copy.
        hot: how many of the first rows this thread keeps for itself between two calls of `meet`.
    """

    def __init__(self, job: Job, tables: tuple[Floats, Floats], hot: int = 0) -> None:
        self._own = (OwnRows(tables[0], hot), OwnRows(tables[1], 0 if job.paths else hot))
        self._job = job
        self._tables = tuple(table.reshape(-1) for table in tables)
        self._kernel, places = kernel_of(job)
        self._fixed = _fixed_arrays(job)
        window, negatives, padded = job.recipe.window, job.recipe.negatives, tables[0].shape[1]
        drawn = LONGEST * max(1, negatives * (2 * window if job.recipe.serves == "pairs" else 1))
        self._sentence = (
            np.zeros(LONGEST + 1, np.int32),
            np.zeros(LONGEST, np.int64),
            np.zeros(drawn + 1, np.int32),
        )
        inputs = 2 * window + 2
        outputs = max(inputs + negatives, job.paths.longest if job.paths else 0) + 16
        tiles = outputs // min(8, places) + 1
        self._tiles = (
            np.zeros(inputs * padded, np.float32),
            np.zeros(inputs * padded + tiles * LANES * LANES, np.float32),
            np.zeros(tiles * LANES * inputs, np.float32),
            np.zeros(2 * tiles * LANES + drawn + 8 * negatives, np.int64),  # of tiles, or a sentence's noise
            np.zeros(2 * tiles * LANES, np.float32),  # of a step, and of one that waits for it
            np.zeros(2 * tiles * LANES, np.float32),
        )

    def meet(self) -> None:
        """Let the shared tables and this thread's own rows meet."""
        for own in self._own:
            if own.hot:
                own.meet()

    def run(self, epoch: int, first: int, last: int) -> NDArray[np.float64]:
        """Train on some sentences of an epoch.

        Args:
            epoch: 0 for the first.
            first: the first sentence.
            last: the one behind the last.

        Returns:
            (3,) loss in nats and how many pairs it was summed over (a sample), and pairs trained on.
        """
        recipe, corpus = self._job.recipe, self._job.corpus
        done = epoch * len(corpus.ids)
        places = [number for own in self._own for number in (own.hot, own.shift)]
        span = np.array([first, last, recipe.window, recipe.negatives, done, *places], np.int64)
        slope = (recipe.rate - recipe.last_rate) / self._job.words
        rates = np.array([recipe.rate, recipe.last_rate, slope])
        sums = np.zeros(3)
        key = np.uint64(epoch_key(recipe.seed, epoch))
        corpus_arrays, *fixed = self._fixed
        moving = (self._tables, self._sentence, self._tiles)
        self._kernel(corpus_arrays, *fixed, *moving, span, key, rates, sums)
        return sums


def _fixed_arrays(job: Job) -> tuple[Any, ...]:
    corpus, chances, pieces = job.corpus, job.frequencies, job.pieces
    none = (np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    paths = (job.paths.starts, job.paths.nodes, job.paths.labels) if job.paths else none
    return (
        (np.asarray(corpus.ids), corpus.starts),
        (chances.keep, chances.threshold, chances.alias),
        paths,
        (pieces.starts, pieces.rows),
    )


def kernel_of(job: Job) -> tuple[Callable[..., None], int]:
    """Return the kernel for a job, compiled or from the cache.

    Args:
        job: the training.

    Returns:
        The kernel, and the places of its tiles.
    """
    from cutaway.embeddings import training_kernels as kernels
    from cutaway.embeddings.pair_kernel import FEW, pair_skip_gram, wide_pair_skip_gram

    padded, recipe = job.inputs.shape[1], job.recipe
    tree = 1 if job.paths else 0
    if recipe.model == "cbow":
        return kernels.cbow(padded, 16 if tree else _tile(recipe.negatives + 1, 16), tree), 16
    if len(job.pieces.buckets):
        return kernels.subword_skip_gram(padded, _tile(2 * recipe.window + recipe.negatives, 16)), 16
    if recipe.serves == "pairs":
        if recipe.negatives <= FEW:
            return pair_skip_gram(padded, recipe.negatives), 16
        return wide_pair_skip_gram(padded, recipe.negatives, _tile(recipe.negatives + 1, 16)), 16
    return kernels.skip_gram(padded, 8 if tree else _tile(recipe.negatives + 1, 8), tree), 8


def _tile(outputs: int, most: int) -> int:
    """Return the width of the fewest equal tiles that hold so many outputs."""
    tiles = -(-outputs // most)
    return -(-outputs // tiles)
