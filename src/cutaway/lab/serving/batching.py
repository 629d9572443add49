"""Rows of many requests in one product: a bounded queue, and one thread that answers what waits in it.

While the thread computes, what comes in waits; then all of it, up to a number of tokens, is the next
batch. Where the last batch held several requests the thread waits a moment for more: a lone client never
waits for company.

Legend: B rows of a request, C classes.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import ResourceError, UsageError

Row = NDArray[np.int64]
Probabilities = NDArray[np.float32]
Answer = Callable[[Sequence[Row]], Probabilities]

# How much the newest batch counts in the mean time a row takes.
_NEWEST = 0.2


class FullError(ResourceError):
    """No more rows may wait.

    Attributes:
        retry_after: seconds until there should be room, 1 or more.
    """

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """How requests are gathered.

    Attributes:
        wait: seconds that a batch is held open for more, once there is traffic.
        tokens: a batch that has so many is closed.
        waiting: rows that may wait, at most.
    """

    wait: float = 0.002
    tokens: int = 4096
    waiting: int = 256

    def __post_init__(self) -> None:
        if not 0 <= self.wait <= 1 or self.tokens < 1 or self.waiting < 1:
            raise UsageError(
                f"a batch waits 0 to 1 s, not {self.wait}, and takes 1 token or more, not {self.tokens}; "
                f"1 row or more may wait, not {self.waiting}"
            )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one batch came to, for whoever counts.

    Attributes:
        requests: answered together.
        rows: of all of them.
        tokens: of all of them.
        seconds: that it took.
    """

    requests: int
    rows: int
    tokens: int
    seconds: float


@dataclass(kw_only=True, eq=False)
class _Job:
    rows: Sequence[Row]
    future: Future[Probabilities] = field(default_factory=Future)

    @property
    def tokens(self) -> int:
        return sum(len(row) for row in self.rows)


class Batcher:
    """A queue before a model.

    Args:
        answer: rows to (B, C) probabilities; only the batcher's own thread calls it.
        settings: wait, size, bound.
        told: called with each batch, in that thread.
    """

    def __init__(
        self,
        answer: Answer,
        settings: BatchSettings,
        told: Callable[[Batch], object] = lambda batch: None,
    ) -> None:
        self._answer, self._settings, self._told = answer, settings, told
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._waiting, self._row_seconds, self._closed = 0, 0.0, False
        self._thread = threading.Thread(target=self._work, name="cutaway-batches", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Rows that wait now."""
        return self._waiting

    def submit(self, rows: Sequence[Row]) -> Future[Probabilities]:
        """Queue the rows of one request.

        Args:
            rows: at least one.

        Returns:
            What will hold their probabilities, (B, C); to cancel it takes them out of the queue.

        Raises:
            FullError: too many wait already.
            ResourceError: the batcher is closed.
        """
        job = _Job(rows=rows)
        with self._changed:
            if self._closed:
                raise ResourceError("the server is stopping: ask again elsewhere")
            if self._waiting + len(rows) > self._settings.waiting:
                seconds = max(1, math.ceil(self._waiting * self._row_seconds))
                raise FullError(
                    f"{self._waiting} texts are waiting, {self._settings.waiting} may: "
                    f"try again in {seconds} s",
                    retry_after=seconds,
                )
            self._waiting += len(rows)
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    def close(self) -> None:
        """Take no more, answer all that waits, end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        crowded = False
        while jobs := self._collect(crowded):
            crowded = len(jobs) > 1
            alive = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if alive:
                self._run(alive)

    def _collect(self, crowded: bool) -> list[_Job]:
        """Take what waits, up to so many tokens; nothing once the batcher is closed and empty."""
        with self._changed:
            while not self._jobs and not self._closed:
                self._changed.wait()
            found: list[_Job] = []
            tokens, ends = 0, monotonic() + self._settings.wait
            while True:
                while self._jobs and (not found or tokens + self._jobs[0].tokens <= self._settings.tokens):
                    found.append(self._jobs.popleft())
                    tokens += found[-1].tokens
                left = ends - monotonic()
                if self._jobs or not crowded or self._closed or left <= 0 or tokens >= self._settings.tokens:
                    break
                self._changed.wait(left)
            self._waiting -= sum(len(job.rows) for job in found)
            return found

    def _run(self, jobs: list[_Job]) -> None:
        started = monotonic()
        rows = [row for job in jobs for row in job.rows]
        try:
            answers = self._answer(rows)
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
                return
            # One request's rows shall not fail its neighbors.
            for job in jobs:
                self._run([job])
            return
        seconds = monotonic() - started
        self._row_seconds += _NEWEST * (seconds / len(rows) - self._row_seconds)
        at = 0
        for job in jobs:
            job.future.set_result(answers[at : at + len(job.rows)])
            at += len(job.rows)
        tokens = sum(job.tokens for job in jobs)
        self._told(Batch(requests=len(jobs), rows=len(rows), tokens=tokens, seconds=seconds))
