"""Rows in blocks, blocks on threads: what the compiled encoders share.

A block's text, its ids and the hot part of the tables fit a second-level cache together, and what a kernel
writes is as large as a block, whatever the batch: so memory stays small.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, get_ident
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError
from cutaway.tokenization.batch import Batch

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
EncodeOpen = Callable[[str], list[int]]
Done = TypeVar("Done")
Own = TypeVar("Own")

# What copies a block's ids away before the array that holds them is used again.
Take = Callable[[Ints], None]
# A block's rows, and what takes their ids over, to the number of ids of each row.
Work = Callable[[Sequence[str], Take], Longs]

BLOCK = 1 << 18  # characters: of half as many, what a block costs besides kept two threads to 1.69 times one
_CHARACTERS_A_TOKEN = 4  # of English, or a little less
MOST_TOKENS = 1 << 62


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What encoding adds and cuts: ids put first and last (-1: none), most tokens between them."""

    first_id: int = -1
    last_id: int = -1
    most: int = MOST_TOKENS


class Scratch:
    """Arrays that one thread uses again for every block."""

    def __init__(self) -> None:
        self._arrays: dict[str, Ints] = {}

    def ints(self, name: str, size: int) -> Ints:
        """Return an array of at least so many numbers, whatever they are."""
        found = self._arrays.get(name)
        if found is None or len(found) < size:
            found = self._arrays[name] = np.empty(size + size // 4, np.int32)
        return found


class Pool(Generic[Own]):
    """What each thread needs for itself, kept for the threads that come later: a warm memory, room to write.

    Args:
        make: makes one where none is free.
    """

    def __init__(self, make: Callable[[], Own]) -> None:
        self._make = make
        self._free: dict[int, Own] = {}

    @contextmanager
    def one(self) -> Iterator[Own]:
        """Lend one to this thread: the one it had before, if it can, which its core still has at hand."""
        thread = get_ident()
        own = self._free.pop(thread, None)
        if own is None:
            try:
                own = self._free.popitem()[1]
            except KeyError:
                own = self._make()
        try:
            yield own
        finally:
            self._free[thread] = own


def encode_blocks(texts: Sequence[str], work: Work, threads: int) -> Batch:
    """Encode rows block by block, in order.

    Args:
        texts: the rows.
        work: encodes a block's rows; it hands their ids over, end to end.
        threads: how many blocks are worked on at once.

    Returns:
        The batch.

    Raises:
        DataError: a row is not a string.
    """
    sizes = _lengths(texts)
    bounds = _block_bounds(sizes)
    whole = _Whole(int(sizes.sum()) // _CHARACTERS_A_TOKEN)

    def encode(block: int) -> Longs:
        return work(texts[bounds[block] : bounds[block + 1]], lambda ids: whole.take(block, ids))

    lengths = _on_threads(encode, len(bounds) - 1, threads)
    return Batch(ids=whole.ids(), row_starts=starts_of(np.concatenate(lengths)))


class _Whole:
    """The ids of block after block in one array: memory that is touched for the first time costs the most.

    Each thread copies its blocks' ids there itself; a block that is ready before the one in front of it waits
    in a copy of its own.

    Args:
        room: numbers to begin with.
    """

    def __init__(self, room: int) -> None:
        self._array = np.empty(room, np.int32)
        self._used = self._next = 0
        self._waiting: dict[int, Ints] = {}
        self._lock = Lock()

    def take(self, block: int, ids: Ints) -> None:
        """Put a block's ids behind those of the block before it."""
        with self._lock:
            if block != self._next:
                self._waiting[block] = ids.copy()
                return
            self._add(ids)
            while self._next in self._waiting:
                self._add(self._waiting.pop(self._next))

    def _add(self, ids: Ints) -> None:
        end = self._used + len(ids)
        if end > len(self._array):
            larger = np.empty(2 * end, np.int32)
            larger[: self._used] = self._array[: self._used]
            self._array = larger
        self._array[self._used : end] = ids
        self._used = end
        self._next += 1

    def ids(self) -> Ints:
        """Return all of them; room that is not needed is given back."""
        full = 2 * self._used > len(self._array)
        return self._array[: self._used] if full else self._array[: self._used].copy()


def over_blocks(texts: Sequence[str], work: Callable[[Sequence[str]], Done], threads: int) -> list[Done]:
    """Return what becomes of each block of rows, in order.

    Args:
        texts: the rows.
        work: what is done with a block's rows.
        threads: how many blocks are worked on at once.

    Raises:
        DataError: a row is not a string.
    """
    bounds = _block_bounds(_lengths(texts))
    return _on_threads(lambda block: work(texts[bounds[block] : bounds[block + 1]]), len(bounds) - 1, threads)


def _on_threads(work: Callable[[int], Done], count: int, threads: int) -> list[Done]:
    """Return what becomes of each block; every thread, this one too, takes the next that nobody has."""
    done: dict[int, Done] = {}
    blocks = iter(range(count))

    def take_blocks() -> None:
        try:
            for block in blocks:
                done[block] = work(block)
        finally:
            deque(blocks, maxlen=0)  # after an error no thread begins another

    if (others := min(threads, count) - 1) > 0:
        with ThreadPoolExecutor(others) as pool:
            taken = [pool.submit(take_blocks) for _ in range(others)]
            take_blocks()
            for thread in taken:
                thread.result()
    else:
        take_blocks()
    return [done[block] for block in range(count)]


def with_open_rows(
    found: tuple[Ints, Longs],
    rows: Sequence[bytes | None],
    texts: Sequence[str],
    encode_open: EncodeOpen,
    take: Take,
) -> Longs:
    """Hand over the ids of a block, rows that the kernel was not given encoded by the open path.

    Args:
        found: ids and where each row's start, without those rows.
        rows: None for each of those.
        texts: the block's rows.
        encode_open: the open path.
        take: what takes the ids over.

    Returns:
        The number of ids of each row.
    """
    ids, row_starts = found
    if None not in rows:
        take(ids)
        return row_starts[1:] - row_starts[:-1]
    whole = np.split(ids, row_starts[1:-1])
    for at, row in enumerate(rows):
        if row is None:
            whole[at] = np.array(encode_open(texts[at]), np.int32)
    take(np.concatenate(whole))
    return np.array([len(part) for part in whole], np.int64)


def in_cache_lines(size: int) -> NDArray[np.uint64]:
    """Return so many zeros, eight to a cache line: a large array of NumPy's begins in the middle of one."""
    array = np.zeros(size + 7, np.uint64)
    start = -(array.ctypes.data // 8) % 8
    return array[start : start + size]


def processors() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def starts_of(lengths: Longs) -> Longs:
    """Return where each of so long parts starts, and the end of the last."""
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.add.accumulate(lengths, out=starts[1:])
    return starts


def _lengths(texts: Sequence[str]) -> Longs:
    try:
        return np.fromiter(map(str.__len__, texts), np.int64, len(texts))
    except TypeError as error:  # `len` would take a list, too
        row, text = next((row, text) for row, text in enumerate(texts) if not isinstance(text, str))
        raise DataError(f"row {row} is {type(text).__name__}, not a string: pass a list of texts") from error


def _block_bounds(lengths: Longs) -> list[int]:
    """Cut the rows where their summed length passes a multiple of BLOCK."""
    summed = np.add.accumulate(lengths)
    if not len(lengths) or summed[-1] < BLOCK:
        return [0, len(lengths)]
    cuts = np.flatnonzero(np.diff(summed // BLOCK)) + 1
    return [0, *cuts.tolist(), len(lengths)]
