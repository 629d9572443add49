"""Rows shared among threads, by kernels that need no lock on the interpreter."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import Tensor

# To hand a thread its part takes some 30 microseconds: what is quicker alone stays alone.
_FEWEST = 64
_here = threading.local()


def in_parts(rows: int, kernel: Callable[..., Any], *given: Any) -> None:
    """Call `kernel(*given, first, last)` for parts of the rows at the same time, one a thread of torch.

    Args:
        rows: in all; few are one part.
        kernel: works on the rows from first up to last.
        given: what else it is called with, the same for each part; tensors as arrays.

    Example:
        >>> in_parts(5, print, "rows")
        rows 0 5
    """
    arrays = [_plain(one) for one in given]
    _together(rows, lambda part, first, last: kernel(*arrays, first, last))


def summed_in_parts(sums: tuple[int, ...], rows: int, kernel: Callable[..., Any], *given: Any) -> Tensor:
    """Call `kernel(*given, sums, first, last)` likewise, each part with sums of its own, zero before.

    Args:
        sums: their shape.
        rows: in all.
        kernel: adds to the sums what it finds in the rows from first up to last.
        given: what else it is called with.

    Returns:
        The sums over all parts, float32.
    """
    arrays = [_plain(one) for one in given]
    own = torch.zeros((_count(rows), *sums))
    _together(rows, lambda part, first, last: kernel(*arrays, own[part].numpy(), first, last))
    return own.sum(0)


def by_threads(rows: int, work: Callable[[int, int], list[Tensor]]) -> list[Tensor]:
    """Call `work(first, last)` for parts of the rows likewise; nothing within a part is shared out again.

    Args:
        rows: in all.
        work: all that is to be done with the rows from first up to last, by kernels: torch's own operators
            have threads of their own.

    Returns:
        Tensor by tensor the sums of what the parts returned.
    """
    found: dict[int, list[Tensor]] = {}

    def keep(part: int, first: int, last: int) -> None:
        _here.inside = True
        try:
            found[part] = work(first, last)
        finally:
            _here.inside = False

    _together(rows, keep)
    total = found[0]
    for part in range(1, len(found)):
        for mine, other in zip(total, found[part], strict=True):
            mine += other
    return total


def _together(rows: int, work: Callable[[int, int, int], Any]) -> None:
    """All parts but the last in threads of the pool, that one here."""
    parts = _count(rows)
    cuts = [rows * part // parts for part in range(parts + 1)]
    given = [
        _pool(os.getpid(), parts).submit(work, part, cuts[part], cuts[part + 1]) for part in range(parts - 1)
    ]
    try:
        work(parts - 1, cuts[-2], cuts[-1])
    finally:
        for one in given:
            one.result()


def _count(rows: int) -> int:
    if getattr(_here, "inside", False):
        return 1
    return max(1, min(torch.get_num_threads(), rows // _FEWEST))


@cache
def _pool(process: int, parts: int) -> ThreadPoolExecutor:
    """Threads that live as long as the process; a forked process gets its own."""
    del process
    return ThreadPoolExecutor(parts - 1, thread_name_prefix="cutaway-rows")


def _plain(given: Any) -> Any:
    return given.numpy() if isinstance(given, Tensor) else given
