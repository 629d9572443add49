"""How often words stand near each other: X, the matrix that GloVe and PPMI start from.

    X_ij = Σ 1/d over every two positions of one sentence that hold i and j, d ≤ window words apart  (1)

X is symmetric, so only columns up to the row are kept; a word beside itself counts from both sides, as
it does in the whole matrix. A corpus larger than the memory allowed is counted block by block; the
blocks' counts wait on disk and are added up row by row.

Letters: V words, N positions of a block, C cells kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import ShapeError, UsageError
from cutaway.embeddings.cooccurrence_runs import count_block, merge_runs
from cutaway.embeddings.spill import SpillFolder

Distance = Literal["harmonic", "flat"]
SMALLEST_MEMORY = 1 << 20
# Of a position in a block: its id, its place in the index, and what came in before it was copied.
BYTES_PER_POSITION = 12


@dataclass(frozen=True, kw_only=True)
class CountSettings:
    """What counts as near, and what counting may use.

    Attributes:
        window: words to each side.
        distance: "harmonic" counts a word d places away as 1/d, "flat" as 1.
        memory: bytes that counting may hold; what is beyond goes to disk.
        folder: where to; the system's temporary folder, if none is given.
        threads: how many rows are counted at once; the counts do not depend on it.

    Raises:
        UsageError: a value outside its range.
    """

    window: int = 15
    distance: Distance = "harmonic"
    memory: int = 1 << 30
    folder: Path | None = None
    threads: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.window <= 1000:
            raise UsageError(f"window is {self.window}: expected 1 to 1000 words")
        if self.distance not in ("harmonic", "flat"):
            raise UsageError(f"distance is {self.distance!r}: expected 'harmonic' or 'flat'")
        if self.memory < SMALLEST_MEMORY or self.threads < 1:
            raise UsageError(
                f"memory is {self.memory:,} bytes, threads {self.threads}: expected at least "
                f"{SMALLEST_MEMORY:,} and 1"
            )

    @property
    def weights(self) -> NDArray[np.float64]:
        """What a word counts at distance 1, 2, ... window."""
        distances = np.arange(1, self.window + 1, dtype=np.float64)
        return 1 / distances if self.distance == "harmonic" else np.ones(self.window)


@dataclass(frozen=True, kw_only=True)
class Cooccurrences:
    """The lower triangle of X, row by row, columns rising.

    Attributes:
        row_starts: (V + 1,) int64, where each row begins.
        columns: (C,) int32.
        values: (C,) float32, above 0.
        spill: keeps the files of mapped arrays alive.
    """

    row_starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: NDArray[np.float32]
    spill: SpillFolder | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.row_starts) - 1

    @property
    def cells(self) -> int:
        """How many cells of the whole symmetric matrix are not zero."""
        rows = np.flatnonzero(np.diff(self.row_starts))
        diagonal = int((self.columns[self.row_starts[rows + 1] - 1] == rows).sum())
        return 2 * len(self.columns) - diagonal

    def count(self, i: int, j: int) -> float:
        """Return X_ij.

        Args:
            i: a word's row.
            j: another's, or the same.

        Returns:
            The count, 0 for words that never meet.
        """
        row, column = max(i, j), min(i, j)
        first, last = int(self.row_starts[row]), int(self.row_starts[row + 1])
        at = first + int(np.searchsorted(self.columns[first:last], column))
        return float(self.values[at]) if at < last and self.columns[at] == column else 0.0


def count_cooccurrences(
    blocks: Iterable[NDArray[np.int32]], words: int, settings: CountSettings | None = None
) -> Cooccurrences:
    """Count a corpus by equation (1).

    Args:
        blocks: ids from 0 to `words` - 1 with -1 between sentences, in pieces of whole sentences.
        words: V.
        settings: window, memory and threads.

    Returns:
        The counts; mapped from a file where they outgrow the memory allowed.

    Raises:
        ShapeError: an id is not below `words`.

    Source:
        Pennington, Socher and Manning 2014, GloVe, EMNLP, section 4.2.

    Example:
        >>> X = count_cooccurrences([np.array([0, 1, 2, -1, 0, 1], dtype=np.int32)], 3)
        >>> X.count(0, 1), X.count(0, 2), X.count(2, 2), X.cells
        (2.0, 0.5, 0.0, 6)
    """
    settings = settings or CountSettings()
    folder = SpillFolder(settings.folder)
    runs = []
    for block in _blocks_of(blocks, settings.memory // 3 // BYTES_PER_POSITION):
        highest = max((int(piece.max(initial=-1)) for piece in block), default=-1)
        if highest >= words:
            raise ShapeError(f"id {highest} is in the corpus, which has {words} words")
        runs.append(count_block(block, words, settings, folder))
    if len(runs) == 1:
        row_starts, columns, values = runs[0]
    else:
        row_starts, columns, values = merge_runs(runs, words, settings, folder)
    return Cooccurrences(row_starts=row_starts, columns=columns, values=values, spill=folder)


def count_openly(
    sentences: Iterable[Sequence[int]], settings: CountSettings | None = None
) -> dict[tuple[int, int], float]:
    """Count as equation (1) reads: every position with every one before it in its window.

    Args:
        sentences: ids.
        settings: window and distance.

    Returns:
        X_ij for every i and j that meet.

    Source:
        Pennington, Socher and Manning 2014, GloVe, EMNLP, section 4.2.

    Example:
        >>> count_openly([[0, 1, 2]])[2, 0]
        0.5
    """
    weights = (settings or CountSettings()).weights.tolist()
    counts: dict[tuple[int, int], float] = defaultdict(float)
    for sentence in sentences:
        for at, i in enumerate(sentence):
            for distance, j in enumerate(reversed(sentence[max(0, at - len(weights)) : at])):
                counts[i, j] += weights[distance]
                counts[j, i] += weights[distance]
    return dict(counts)


def _blocks_of(blocks: Iterable[NDArray[np.int32]], size: int) -> Iterator[list[NDArray[np.int32]]]:
    """Gather pieces into blocks of about `size` positions."""
    waiting: list[NDArray[np.int32]] = []
    held = 0
    for piece in blocks:
        if held and held + len(piece) > size:
            yield waiting
            waiting, held = [], 0
        waiting.append(piece)
        held += len(piece)
    yield waiting
