"""Rows in blocks, blocks on threads: what the compiled encoders share.

A block's text, its ids and the hot part of the tables fit a second-level cache together, and what a kernel
writes is as large as a block, whatever the batch: so memory stays small.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, get_ident
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from cutaway.tokenization.batch import Batch
from cutaway.tokenization.models.turns import Turns

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
EncodeOpen = Callable[[str], list[int]]
Own = TypeVar("Own")

# What copies a block's ids away before the array that holds them is used again.
Take = Callable[[Ints], None]
# A block's rows, and what takes their ids over, to the number of ids of each row.
Work = Callable[[Sequence[str], Take], Longs]

BLOCK = 1 << 20  # characters: of fewer, threads meet more often at the interpreter's lock
_CHARACTERS_A_TOKEN = 3  # of English, or more: room that is not needed is never touched
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
    turns = Turns(texts, threads, BLOCK)
    whole = _Whole(lambda: turns.characters() // _CHARACTERS_A_TOKEN)
    lengths = turns.each(lambda block, rows: work(rows, lambda ids: whole.take(block, ids)))
    return Batch(ids=whole.ids(), row_starts=starts_of(np.concatenate(lengths)))


class _Whole:
    """The ids of block after block in one array: memory that is touched for the first time costs the most.

    Each thread copies its blocks' ids there itself, as memory views, which keep the interpreter's lock: who
    hands it back for so short a copy may find that another thread has it for a whole block's text. A block
    that is ready before the one in front of it waits in a copy of its own.

    Args:
        room: about how many there will be, asked when the first are there.
    """

    def __init__(self, room: Callable[[], int]) -> None:
        self._room, self._array = room, np.empty(0, np.int32)
        self._used = self._next = 0
        self._waiting: dict[int, Ints] = {}
        self._lock = Lock()

    def take(self, block: int, ids: Ints) -> None:
        """Put a block's ids behind those of the block before it."""
        with self._lock:
            if block != self._next:
                own = self._waiting[block] = np.empty(len(ids), np.int32)
                own.data[:] = ids.data
                return
            self._add(ids)
            while self._next in self._waiting:
                self._add(self._waiting.pop(self._next))

    def _add(self, ids: Ints) -> None:
        end = self._used + len(ids)
        if end > len(self._array):
            larger = np.empty(max(2 * self._used, end, self._room()), np.int32)
            larger[: self._used] = self._array[: self._used]
            self._array = larger
        self._array.data[self._used : end] = ids.data
        self._used = end
        self._next += 1

    def ids(self) -> Ints:
        """Return all of them; room that is not needed is given back."""
        full = 2 * self._used > len(self._array)
        return self._array[: self._used] if full else self._array[: self._used].copy()


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
