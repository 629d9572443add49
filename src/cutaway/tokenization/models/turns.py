"""Rows cut into blocks while threads work on them: whichever is free takes the next rows.

Nothing is done for all rows at first, for there one thread would work while the others wait: what is taken
is measured and checked when it is taken. Blocks become smaller towards the end, where the threads would wait
for the last one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from threading import Lock
from typing import TypeVar

from cutaway.core.errors import DataError

Done = TypeVar("Done")
Taken = tuple[int, Sequence[str]]  # a block's number, and its rows

_LEAST = 16  # such a part of a block is the smallest
_FIRST_ROWS, _MOST_ROWS = 128, 1 << 14  # of a block


class Turns:
    """The blocks of some rows, each for whoever asks next.

    Args:
        texts: the rows.
        threads: how many work on them.
        size: about how many characters a block has; twice as many and a row at most.
    """

    def __init__(self, texts: Sequence[str], threads: int, size: int) -> None:
        self._texts, self._threads, self._size = texts, threads, size
        self._lock = Lock()
        self._blocks = self._rows = self._characters = 0  # taken so far

    def characters(self) -> int:
        """Return about how many characters all rows have, by those taken so far."""
        with self._lock:
            return self._characters * len(self._texts) // max(self._rows, 1)

    def each(self, work: Callable[[int, Sequence[str]], Done]) -> list[Done]:
        """Return what becomes of each block, in order.

        Args:
            work: what is done with a block's number and rows.

        Raises:
            DataError: a row is not a string.
        """
        done: dict[int, Done] = {}

        def work_on(taken: Taken | None) -> None:
            try:
                while taken is not None:
                    done[taken[0]] = work(*taken)
                    taken = self._next()
            finally:
                self._end()

        first = self._next()  # most calls are for one block: no other thread is begun for them
        others = min(self._threads - 1, len(self._texts) - self._rows)
        if others > 0:
            with ThreadPoolExecutor(others) as pool:
                begun = [pool.submit(lambda: work_on(self._next())) for _ in range(others)]
                work_on(first)
                for thread in begun:
                    thread.result()
        else:
            work_on(first)
        return [done[block] for block in range(len(done))]

    def _next(self) -> Taken | None:
        """Return the number of a block that nobody has, and its rows; None behind the last."""
        with self._lock:
            block, first = self._blocks, self._rows
            if first >= len(self._texts) and block > 0:
                return None
            goal = self._goal()
            rows = self._texts[first : first + self._rows_of(goal)]
            try:
                ends = list(accumulate(map(str.__len__, rows)))
            except TypeError as error:  # `len` would take a list, too
                raise _no_string(rows, first) from error
            if ends and ends[-1] > 2 * goal:
                rows = rows[: bisect_left(ends, goal) + 1]
            self._blocks, self._rows = block + 1, first + len(rows)
            self._characters += ends[len(rows) - 1] if rows else 0
        return block, rows

    def _rows_of(self, goal: int) -> int:
        """Return about how many rows have so many characters; those of another thread are left alone."""
        if self._rows == 0:
            return _FIRST_ROWS
        return min(goal * self._rows // max(self._characters, 1) + 1, _MOST_ROWS)

    def _goal(self) -> int:
        """Return how many characters the next block should have."""
        if self._threads == 1 or self._rows == 0:
            return self._size
        left = self._characters * (len(self._texts) - self._rows) // max(self._rows, 1)
        return max(min(self._size, left // (2 * self._threads)), self._size // _LEAST)

    def _end(self) -> None:
        """Let no thread begin another block: they are done, or there was an error."""
        with self._lock:
            self._rows = max(self._rows, len(self._texts))


def _no_string(rows: Sequence[object], first: int) -> DataError:
    row, text = next((row, text) for row, text in enumerate(rows, first) if not isinstance(text, str))
    return DataError(f"row {row} is {type(text).__name__}, not a string: pass a list of texts")
