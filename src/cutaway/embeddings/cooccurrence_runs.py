"""Counting on several threads: rows shared out in tasks, their cells collected in row order.

A run is one block's counts: where each row starts, the columns, the values.

Letters: V words, C cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cutaway.embeddings.spill import GrowingArray, SpillFolder

if TYPE_CHECKING:
    from cutaway.embeddings.cooccurrence import CountSettings

Run = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]
Rows = tuple[int, int]
TASK_CELLS = 1 << 20


def count_block(
    block: list[NDArray[np.int32]], words: int, settings: CountSettings, folder: SpillFolder
) -> Run:
    """Count one block.

    Args:
        block: ids with -1 between sentences, in pieces of whole sentences; the list is emptied.
        words: V.
        settings: window, memory and threads.
        folder: where to spill.

    Returns:
        Row starts (V + 1,), columns and values (C,).
    """
    from cutaway.embeddings.cooccurrence_kernels import count_rows, index_positions

    window, weights = settings.window, settings.weights
    starts = np.zeros(words + 1, dtype=np.int64)
    for piece in block:
        starts[1:] += np.bincount(piece[piece >= 0], minlength=words)
    np.cumsum(starts, out=starts)
    ids = _spaced(block, window)
    block.clear()
    positions = np.empty(starts[-1], dtype=np.int32)
    index_positions(ids, starts[:-1].copy(), positions)

    def count(rows: Rows, room: _Room) -> int:
        cells = (room.sums, room.touched, room.columns, room.values, room.ends)
        return int(count_rows(ids, positions, starts, np.array(rows), weights, *cells))

    most = np.minimum(np.arange(1, words + 1), 2 * window * np.diff(starts))
    return _collect(count, most, settings, folder)


def merge_runs(runs: Sequence[Run], words: int, settings: CountSettings, folder: SpillFolder) -> Run:
    """Add up runs, row by row.

    Args:
        runs: what `count_block` returned for each block.
        words: V.
        settings: memory and threads.
        folder: where to spill.

    Returns:
        Row starts (V + 1,), columns and values (C,).
    """
    from cutaway.embeddings.cooccurrence_kernels import add_runs

    def add(rows: Rows, room: _Room) -> int:
        cuts = [starts[rows[0] : rows[1] + 1] for starts, _, _ in runs]
        before = np.cumsum([0, *[cut[-1] - cut[0] for cut in cuts[:-1]]])
        bounds = np.stack([cut - cut[0] + start for cut, start in zip(cuts, before, strict=True)])
        columns = np.concatenate([run[1][cut[0] : cut[-1]] for run, cut in zip(runs, cuts, strict=True)])
        values = np.concatenate([run[2][cut[0] : cut[-1]] for run, cut in zip(runs, cuts, strict=True)])
        cells = (room.sums, room.columns, room.values, room.ends)
        return int(add_runs(bounds, columns, values, np.array(rows), *cells))

    counts = np.sum([np.diff(starts) for starts, _, _ in runs], axis=0)
    return _collect(add, np.minimum(np.arange(1, words + 1), counts), settings, folder)


class _Room:
    """What one thread works in."""

    def __init__(self, words: int, cells: int, rows: int, window: int) -> None:
        self.sums = np.zeros(words + 2 * window)
        self.touched = np.empty(words, dtype=np.int32)
        self.columns = np.empty(cells, dtype=np.int32)
        self.values = np.empty(cells, dtype=np.float32)
        self.ends = np.empty(rows, dtype=np.int64)

    def cells(self, rows: Rows, filled: int) -> Run:
        """Copy out what a task left."""
        ends = self.ends[: rows[1] - rows[0]]
        return ends.copy(), self.columns[:filled].copy(), self.values[:filled].copy()


def _collect(
    work: Callable[[Rows, _Room], int], most: NDArray[np.int64], settings: CountSettings, folder: SpillFolder
) -> Run:
    """Run tasks on threads and append their cells in row order."""
    tasks = list(_tasks(most))
    cells = max((int(most[first:last].sum()) for first, last in tasks), default=0)
    rows = max((last - first for first, last in tasks), default=0)
    rooms: SimpleQueue[_Room] = SimpleQueue()
    for _ in range(settings.threads):
        rooms.put(_Room(len(most), cells, rows, settings.window))

    def run(task: Rows) -> Run:
        room = rooms.get()
        try:
            return room.cells(task, work(task, room))
        finally:
            rooms.put(room)

    columns = GrowingArray(np.int32, settings.memory // 6, folder)
    values = GrowingArray(np.float32, settings.memory // 6, folder)
    row_starts = np.zeros(len(most) + 1, dtype=np.int64)
    with ThreadPoolExecutor(settings.threads) as pool:
        done = _in_order(pool, run, tasks, settings.threads + 1)
        for (first, last), (ends, some_columns, some_values) in zip(tasks, done, strict=True):
            row_starts[first + 1 : last + 1] = row_starts[first] + ends
            columns.append(some_columns)
            values.append(some_values)
    return row_starts, columns.finish(), values.finish()


def _tasks(most: NDArray[np.int64]) -> Iterator[Rows]:
    """Cut the rows where the cells that they may have reach a task's room."""
    first, held = 0, 0
    for row, cells in enumerate(most.tolist()):
        if held and held + cells > TASK_CELLS:
            yield first, row
            first, held = row, 0
        held += cells
    if first < len(most):
        yield first, len(most)


def _in_order(
    pool: ThreadPoolExecutor, run: Callable[[Rows], Run], tasks: Sequence[Rows], ahead: int
) -> Iterator[Run]:
    """Yield results in order, with no more than `ahead` tasks begun or waiting to be taken."""
    waiting: list[Future[Any]] = []
    for task in tasks:
        waiting.append(pool.submit(run, task))
        if len(waiting) > ahead:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()


def _spaced(pieces: Sequence[NDArray[np.int32]], window: int) -> NDArray[np.int32]:
    """Join pieces, with as many -1 as the window is wide before, between and after sentences."""
    breaks = [np.flatnonzero(piece < 0) for piece in pieces]
    sentences = sum(len(some) + 1 for some in breaks)
    spaced = np.full(sum(map(len, pieces)) + (sentences + 1) * window, -1, dtype=np.int32)
    at = window
    for piece, some in zip(pieces, breaks, strict=True):
        for first, last in zip((0, *(some + 1).tolist()), (*some.tolist(), len(piece)), strict=True):
            if last > first:
                spaced[at : at + last - first] = piece[first:last]
                at += last - first + window
    return spaced[:at]
