"""The queue before a model: every request gets its own rows' answers, together where they come together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.core.errors import ResourceError, UsageError
from cutaway.lab.serving.batching import Batch, Batcher, BatchSettings, FullError, Probabilities, Row


def rows(*lengths: int) -> list[Row]:
    return [np.full(length, length) for length in lengths]


def sums(given: Sequence[Row]) -> Probabilities:
    return np.array([[row.sum(), -row.sum()] for row in given], np.float32)


class Gate:
    """A model that waits until it is let go on, and remembers what it was asked."""

    def __init__(self) -> None:
        self.open, self.asked, self.reached = threading.Event(), [], threading.Event()

    def __call__(self, given: Sequence[Row]) -> Probabilities:
        self.asked.append([len(row) for row in given])
        self.reached.set()
        assert self.open.wait(10)
        return sums(given)


@settings(max_examples=20)
@given(
    requests=st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4), min_size=1, max_size=12),
    tokens=st.integers(1, 30),
)
def test_everybody_gets_their_own_rows(requests: list[list[int]], tokens: int) -> None:
    seen: list[Batch] = []
    batcher = Batcher(sums, BatchSettings(wait=0.0, tokens=tokens, waiting=1000), seen.append)
    futures = [batcher.submit(rows(*lengths)) for lengths in requests]
    for lengths, future in zip(requests, futures, strict=True):
        assert future.result(10).tolist() == sums(rows(*lengths)).tolist()
    batcher.close()
    assert sum(batch.requests for batch in seen) == len(requests)
    assert sum(batch.rows for batch in seen) == sum(map(len, requests))
    assert sum(batch.tokens for batch in seen) == sum(map(sum, requests))
    largest = max(sum(lengths) for lengths in requests)
    assert all(batch.tokens <= max(tokens, largest) for batch in seen)


def test_what_waits_while_the_model_computes_is_the_next_batch() -> None:
    gate = Gate()
    batcher = Batcher(gate, BatchSettings(tokens=10))
    first = batcher.submit(rows(3))
    assert gate.reached.wait(10)
    others = [batcher.submit(rows(length)) for length in (4, 5, 2, 1)]
    assert batcher.waiting == 4
    gate.open.set()
    assert [future.result(10)[0, 0] for future in (first, *others)] == [9, 16, 25, 4, 1]
    assert gate.asked == [[3], [4, 5], [2, 1]]
    assert batcher.waiting == 0
    batcher.close()


def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    gate = Gate()
    batcher = Batcher(gate, BatchSettings(waiting=3))
    futures = [batcher.submit(rows(1))]
    assert gate.reached.wait(10)
    futures += [batcher.submit(rows(1, 1)), batcher.submit(rows(1))]
    with pytest.raises(FullError, match="3 texts are waiting, 3 may") as refused:
        batcher.submit(rows(1))
    assert refused.value.retry_after >= 1
    gate.open.set()
    assert [len(future.result(10)) for future in futures] == [1, 2, 1]
    batcher.submit(rows(1)).result(10)
    batcher.close()


def test_whoever_gives_up_is_taken_out() -> None:
    gate = Gate()
    batcher = Batcher(gate, BatchSettings())
    first = batcher.submit(rows(1))
    assert gate.reached.wait(10)
    gone, stays = batcher.submit(rows(2)), batcher.submit(rows(3))
    assert gone.cancel()
    gate.open.set()
    assert stays.result(10)[0, 0] == 9
    assert gate.asked == [[1], [3]]
    with pytest.raises(CancelledError):
        gone.result(0)
    assert first.done()
    batcher.close()


def test_one_bad_request_does_not_fail_its_neighbors() -> None:
    gate = Gate()

    def picky(given: Sequence[Row]) -> Probabilities:
        found = gate(given)
        if any(len(row) == 7 for row in given):
            raise ValueError("seven")
        return found

    batcher = Batcher(picky, BatchSettings())
    batcher.submit(rows(1))
    assert gate.reached.wait(10)
    good, bad, also = (batcher.submit(rows(length)) for length in (2, 7, 3))
    gate.open.set()
    assert (good.result(10)[0, 0], also.result(10)[0, 0]) == (4, 9)
    with pytest.raises(ValueError, match="seven"):
        bad.result(10)
    batcher.close()


def test_to_close_answers_all_that_waits_and_takes_no_more() -> None:
    gate = Gate()
    batcher = Batcher(gate, BatchSettings(tokens=2))
    futures = [batcher.submit(rows(1, 1)) for _ in range(5)]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    gate.open.set()
    closing.join(10)
    assert all(future.done() and len(future.result()) == 2 for future in futures)
    with pytest.raises(ResourceError, match="stopping"):
        batcher.submit(rows(1))


def test_many_threads_lose_nothing() -> None:
    batcher = Batcher(sums, BatchSettings(wait=0.001, tokens=20, waiting=10_000))
    found: dict[int, list[float]] = {}

    def ask(who: int) -> None:
        found[who] = [batcher.submit(rows(who)).result(10)[0, 0] for _ in range(50)]

    threads = [threading.Thread(target=ask, args=(who,)) for who in range(1, 17)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    batcher.close()
    assert found == {who: [who * who] * 50 for who in range(1, 17)}


@pytest.mark.parametrize("wrong", [{"wait": -1.0}, {"wait": 2.0}, {"tokens": 0}, {"waiting": 0}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="a batch waits"):
        BatchSettings(**wrong)  # type: ignore[arg-type]
