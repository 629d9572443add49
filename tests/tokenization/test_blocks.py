"""Blocks of rows on threads: each is worked on once, their order is kept, an error ends the work."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

import numpy as np
import pytest

from cutaway.core.errors import DataError
from cutaway.tokenization.models import blocks, turns

ROWS = [letter * 10 for letter in "abcdefghijklmnopqrstuvwxyz"]


@pytest.mark.parametrize("threads", [1, 2, 3, 50])
def test_every_block_is_worked_on_once_and_their_order_is_kept(threads: int) -> None:
    seen: list[str] = []

    def work(_: int, rows: Sequence[str]) -> str:
        seen.extend(rows)
        return "".join(rows)

    assert "".join(turns.Turns(ROWS, threads, 30).each(work)) == "".join(ROWS)
    assert sorted(seen) == ROWS


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_after_an_error_no_block_is_begun(threads: int) -> None:
    begun: list[str] = []
    failed = Event()

    def work(_: int, rows: Sequence[str]) -> None:
        begun.append(rows[0])
        if len(begun) == threads:
            failed.set()
            raise ValueError(rows[0])
        failed.wait(30)

    with pytest.raises(ValueError, match=r"a{10}|b{10}|c{10}"):
        turns.Turns(ROWS, threads, 10).each(work)
    assert len(begun) < 2 * threads


@pytest.mark.parametrize("threads", [1, 2])
def test_what_is_no_string_is_named_by_its_row_in_any_block(threads: int) -> None:
    rows: list[object] = [*ROWS, ["a list has a length, too"], *ROWS, 7]
    with pytest.raises(DataError, match=f"row {len(ROWS)} is list, not a string"):
        turns.Turns(rows, threads, 10).each(lambda _, rows: len(rows))  # type: ignore[arg-type]


def test_blocks_become_smaller_where_threads_would_wait_for_the_last() -> None:
    rows = 100 * ROWS
    one = turns.Turns(rows, 1, 800).each(lambda _, rows: sum(map(len, rows)))
    two = turns.Turns(rows, 2, 800).each(lambda _, rows: sum(map(len, rows)))
    assert sum(one) == sum(two) == 10 * len(rows)
    assert min(one[1:-1]) >= 800
    assert max(two) <= 810 + turns._FIRST_ROWS * 10
    assert two[-1] <= 800 // turns._LEAST + 10


def test_a_block_is_bounded_however_rows_differ() -> None:
    rows = [*([""] * 1000), *(["b" * 90] * 50), *(["c"] * 1000), "d" * 5000, *(["e" * 40] * 9)]
    taken: list[list[str]] = turns.Turns(rows, 1, 100).each(lambda _, rows: list(rows))
    assert [row for part in taken for row in part] == rows
    assert all(sum(map(len, part[:-1])) < 200 for part in taken)


@pytest.mark.parametrize("room", [0, 7, 10_000])
def test_ids_of_blocks_in_any_order_stand_in_theirs(room: int) -> None:
    whole = blocks._Whole(lambda: room)
    ids = np.empty(10, np.int32)  # used again for each block, as threads do
    for block in (2, 0, 1, 5, 4, 3):
        ids[:] = block
        whole.take(block, ids[: 5 + block])
    assert whole.ids().tolist() == [block for block in range(6) for _ in range(5 + block)]
