"""Copies of a table that were trained apart, joined."""

from __future__ import annotations

import numpy as np

from cutaway.core.jit import kernel


@kernel("void(float32[:, ::1], float32[:, :, ::1], int64, int64)")
def join_copies(table, copies, first, last):  # type: ignore[no-untyped-def]
    """Move each row by the mean of the moves of the copies that moved it; make all copies equal to it.

        row ← row + Σ (copyₜ - row) / (how many t have copyₜ ≠ row)

    Args:
        table: (R, P) as it was when the copies were made.
        copies: (T, R, P).
        first: the first row to join.
        last: the one behind the last.
    """
    threads, dim = copies.shape[0], table.shape[1]
    for row in range(first, last):
        moved = 0
        for t in range(threads):
            for d in range(dim):
                if copies[t, row, d] != table[row, d]:
                    moved += 1
                    break
        if moved == 0:
            continue
        share = np.float32(1) / np.float32(moved)
        for d in range(dim):
            total = np.float32(0)
            for t in range(threads):
                total += copies[t, row, d] - table[row, d]
            table[row, d] += share * total
        for t in range(threads):
            for d in range(dim):
                copies[t, row, d] = table[row, d]


@kernel("void(float32[::1], float32[::1], float32[::1])", arrays="borrowed")
def add_moves(shared, own, before):  # type: ignore[no-untyped-def]
    """Add to shared numbers how far a thread's own have moved since `before`; make all three equal."""
    for k in range(np.uint64(len(own))):
        met = shared[k] + (own[k] - before[k])
        shared[k] = met
        own[k] = met
        before[k] = met
