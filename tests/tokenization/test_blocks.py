"""Blocks of rows on threads: each is worked on once, their order is kept, an error ends the work."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

import pytest

from cutaway.tokenization.models import blocks

ROWS = [letter * 10 for letter in "abcdefghijklmnopqrstuvwxyz"]


@pytest.mark.parametrize("threads", [1, 2, 3, 50])
def test_every_block_is_worked_on_once_and_their_order_is_kept(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 30)
    seen: list[str] = []

    def work(rows: Sequence[str]) -> str:
        seen.extend(rows)
        return "".join(rows)

    assert "".join(blocks.over_blocks(ROWS, work, threads)) == "".join(ROWS)
    assert sorted(seen) == ROWS


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_after_an_error_no_block_is_begun(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 10)
    begun: list[str] = []
    failed = Event()

    def work(rows: Sequence[str]) -> None:
        begun.append(rows[0])
        if len(begun) == threads:
            failed.set()
            raise ValueError(rows[0])
        failed.wait(30)

    with pytest.raises(ValueError, match=r"a{10}|b{10}|c{10}"):
        blocks.over_blocks(ROWS, work, threads)
    assert len(begun) < 2 * threads
