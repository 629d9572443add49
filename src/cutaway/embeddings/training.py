"""A training from its first word to its last: blocks, threads, reports, interrupts.

The corpus is cut into blocks of sentences. With the free schedule, threads take the next block as they
come free and share the tables, unguarded (Hogwild): fast, and no two runs are alike. A row that two cores
write in turn travels from cache to cache each time, so two threads keep the rows of the most frequent words
for themselves through a block and add up what they did to them at its end. One thread takes the blocks in
order: every run is alike. With the repeatable schedule each thread trains a copy on blocks of its own, and
after each round the copies are joined: a row becomes what it was plus the mean of what the threads that
touched it did. That is alike in every run with the same number of threads.

Whoever interrupts gets a state file, if one was asked for: blocks that began are finished first.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from signal import SIGINT
from threading import Lock, local
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DivergedError, StoppedError, UsageError
from cutaway.embeddings.training_job import Floats, Job, Worker, kernel_of

Schedule = Literal["free", "repeatable"]

WORDS_IN_BLOCK = 10_000
ROWS_IN_ROUND = 10  # words for each thread between two joins, as a multiple of the rows to join
REPORTS = 200
# Rows that each of two threads keeps for itself through a block: most of what both would write at once.
# The moves of more threads, which know nothing of each other, would go too far together.
HOT_ROWS, THREADS_WITH_OWN = 1024, 2
BLOCKS_A_THREAD = 64  # between two reports at least: a thread that is ready first waits for the others
SAVE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """How a training runs, which does not change what it computes, but for the free schedule's chance.

    Attributes:
        threads: how many blocks are worked on at once.
        schedule: "free" or "repeatable"; with one thread both are repeatable.
        state_file: where an interrupted training leaves its state, and a later one finds it.

    Raises:
        UsageError: a value outside its range.
    """

    threads: int = 1
    schedule: Schedule = "free"
    state_file: Path | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.threads, int) or not 1 <= self.threads <= 1024:
            raise UsageError(f"threads is {self.threads!r}: expected 1 to 1024")
        if self.schedule not in ("free", "repeatable"):
            raise UsageError(f"schedule is {self.schedule!r}: expected 'free' or 'repeatable'")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a training stands.

    Attributes:
        epoch: the one it is in, 1 for the first.
        epochs: how many there are.
        words: words of the corpus passed, all epochs together.
        total: words of all epochs.
        seconds: since this run began, which may have gone on from a state.
        words_per_second: since then.
        loss: nats a pair of words, a mean over a sample of those since the last report.
        rate: the learning rate now.
    """

    epoch: int
    epochs: int
    words: int
    total: int
    seconds: float
    words_per_second: float
    loss: float
    rate: float


Report = Callable[[Progress], None]
Save = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Block:
    """Sentences that are trained on in one go.

    Attributes:
        epoch: 0 for the first.
        first: the first sentence.
        last: the one behind the last.
    """

    epoch: int
    first: int
    last: int


def blocks_of(job: Job, words: int) -> list[Block]:
    """Cut all epochs into blocks of about so many words.

    Args:
        job: the training.
        words: in a block, at least one sentence.

    Returns:
        Blocks in order; their number is the same in each epoch.
    """
    starts = job.corpus.starts
    wanted = np.arange(words, int(starts[-1]) + words, words)
    cuts = np.unique(np.append(0, np.minimum(np.searchsorted(starts, wanted), len(starts) - 1))).tolist()
    return [
        Block(epoch=epoch, first=first, last=last)
        for epoch in range(job.recipe.epochs)
        for first, last in pairwise(cuts)
    ]


class Run:
    """The blocks of a job, worked through by threads.

    Args:
        job: the training.
        settings: threads, schedule, state file.
        position: blocks (rounds, with copies) that an earlier run has done.
    """

    def __init__(self, job: Job, settings: RunSettings, position: int = 0) -> None:
        self._job, self._settings = job, settings
        self._copies = settings.schedule == "repeatable" and settings.threads > 1
        rows = len(job.inputs) + len(job.outputs)
        size = max(WORDS_IN_BLOCK, ROWS_IN_ROUND * rows) if self._copies else WORDS_IN_BLOCK
        blocks = blocks_of(job, size)
        step = settings.threads if self._copies else 1
        self._units = _grouped(blocks, step)
        self.position = position
        self._sums = np.zeros(3)
        self._lock = Lock()

    @property
    def units(self) -> int:
        """How many blocks or rounds there are."""
        return len(self._units)

    def go(self, report: Report, save: Save) -> None:
        """Train until the end.

        Args:
            report: told of progress, some 200 times or after every 64 blocks a thread, while none is at work.
            save: writes the state after so many units, if a state file was asked for.

        Raises:
            DivergedError: the loss is no longer a number.
            StoppedError: an interrupt came, and the state file holds the training; without such a file the
                interrupt goes through as it is.
        """
        work = self._round if self._copies else self._block
        workers = 1 if self._copies else self._settings.threads
        every = max(1 if workers == 1 else BLOCKS_A_THREAD * workers, self.units // REPORTS)
        kernel_of(self._job)  # compiled or loaded before the clock starts
        began, begun_at = time.perf_counter(), self.position
        saved = began
        pool = ThreadPoolExecutor(workers)
        try:
            while self.position < self.units:
                stop = min(self.units, (self.position // every + 1) * every)
                futures: list[Future[None]] = [
                    pool.submit(work, unit) for unit in self._units[self.position : stop]
                ]
                for future in futures:
                    future.result()
                now = time.perf_counter()
                report(self._progress(begun_at, now - began))
                if self._settings.state_file and now - saved > SAVE_SECONDS:
                    save(self.position)
                    saved = now
        except KeyboardInterrupt as interrupt:
            pool.shutdown(wait=True, cancel_futures=True)
            if self._settings.state_file is None:
                raise
            save(self.position)
            raise StoppedError(
                f"stopped after {self.position / self.units:.0%}: {self._settings.state_file} holds the "
                "training; run the same again to go on",
                signal_number=(*interrupt.args, SIGINT)[0],
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _progress(self, begun_at: int, seconds: float) -> Progress:
        corpus, recipe = self._job.corpus, self._job.recipe
        block = self._units[self.position - 1][-1]
        done = block.epoch * len(corpus.ids) + int(corpus.starts[block.last])
        first = self._units[begun_at][0]
        new = done - first.epoch * len(corpus.ids) - int(corpus.starts[first.first])
        real = corpus.read / len(corpus.ids)  # words read for each word kept
        loss = float(self._sums[0] / max(1.0, self._sums[1]))
        self._sums[:] = 0
        if not math.isfinite(loss):
            raise DivergedError(
                f"the loss is {loss} in epoch {block.epoch + 1}: lower the rate ({recipe.rate})"
            )
        return Progress(
            epoch=block.epoch + 1,
            epochs=recipe.epochs,
            words=round(done * real),
            total=round(self._job.words * real),
            seconds=seconds,
            words_per_second=new * real / max(seconds, 1e-9),
            loss=loss,
            rate=self._job.rate_at(done),
        )

    def _block(self, unit: list[Block]) -> None:
        """Train one block on the shared tables."""
        if not hasattr(self, "_own"):
            self._own = local()
        if not hasattr(self._own, "worker"):
            own = self._settings.threads == THREADS_WITH_OWN
            hot = min(HOT_ROWS, len(self._job.corpus.words)) if own else 0
            self._own.worker = Worker(self._job, (self._job.inputs, self._job.outputs), hot)
        worker: Worker = self._own.worker
        sums = worker.run(unit[0].epoch, unit[0].first, unit[0].last)
        worker.meet()
        self._done(sums)

    def _round(self, unit: list[Block]) -> None:
        """Train copies side by side, then join them."""
        if not hasattr(self, "_team"):
            self._team = Team(self._job, self._settings.threads)
        self._done(self._team.round(unit))

    def _done(self, sums: NDArray[np.float64]) -> None:
        with self._lock:
            self._sums += sums
            self.position += 1


class Team:
    """Threads with a copy of the tables each.

    Args:
        job: the training.
        threads: how many.
    """

    def __init__(self, job: Job, threads: int) -> None:
        self._job = job
        shape = (threads, *job.inputs.shape), (threads, *job.outputs.shape)
        self._copies: tuple[NDArray[np.float32], NDArray[np.float32]] = (
            np.empty(shape[0], np.float32),
            np.empty(shape[1], np.float32),
        )
        self._copies[0][:], self._copies[1][:] = job.inputs, job.outputs
        self._workers = [Worker(job, (self._copies[0][t], self._copies[1][t])) for t in range(threads)]
        self._pool = ThreadPoolExecutor(threads)

    def round(self, unit: list[Block]) -> NDArray[np.float64]:
        """Train every copy on a block of its own and join the copies.

        Args:
            unit: at most as many blocks as there are threads.

        Returns:
            What `Worker.run` returns, added up.
        """
        pairs = zip(self._workers, unit, strict=False)
        sums = list(self._pool.map(lambda p: p[0].run(p[1].epoch, p[1].first, p[1].last), pairs))
        for table, copies in zip((self._job.inputs, self._job.outputs), self._copies, strict=True):
            self._join(table, copies)
        together: NDArray[np.float64] = np.sum(sums, axis=0)
        return together

    def _join(self, table: Floats, copies: NDArray[np.float32]) -> None:
        from cutaway.embeddings.joining_kernels import join_copies

        rows, threads = len(table), len(self._workers)
        cuts = [rows * part // threads for part in range(threads + 1)]
        list(self._pool.map(lambda p: join_copies(table, copies, *p), pairwise(cuts)))


def _grouped(blocks: list[Block], size: int) -> list[list[Block]]:
    """Put blocks side by side, never of two epochs."""
    groups: list[list[Block]] = []
    for block in blocks:
        if not groups or len(groups[-1]) == size or groups[-1][0].epoch != block.epoch:
            groups.append([])
        groups[-1].append(block)
    return groups
