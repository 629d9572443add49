"""What the measurements of room 1 share: the texts, ours and the peers in turn, medians.

Peers that would use threads of their own are told not to when this file is imported: before them.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import numpy as np
import pyarrow.parquet as pq

from cutaway.catalog.resolve import resolve

REVIEWS = 10_000
RUNS = 5
Work = Callable[[], object]
Encode = Callable[[list[str]], object]
Row = dict[str, object]


@cache
def reviews() -> list[str]:
    return every_review()[:REVIEWS]


@cache
def every_review() -> list[str]:
    """Reviews without and with a label, in an order that is no file's."""
    texts: list[str] = []
    for name in ("train.parquet", "unlabelled.parquet"):
        path = resolve("imdb").files[name]
        texts += pq.read_table(path, columns=["text"])["text"].to_pylist()
    random.Random(0).shuffle(texts)
    return texts


def compared_on_new_text(encoders: dict[str, Encode], runs: int = RUNS) -> Row:
    """Let all encode the same reviews in turn, others in each run: none has met the text before.

    All have met other reviews: one run is made before those that count. The first encoder is ours.
    """
    raw: dict[str, list[float]] = {name: [] for name in encoders}
    sizes = []
    for run in range(runs + 1):
        texts = every_review()[run * REVIEWS : (run + 1) * REVIEWS]
        sizes.append(megabytes(texts))
        for name, encode in encoders.items():
            started = time.perf_counter()
            encode(texts)
            raw[name].append((time.perf_counter() - started) / sizes[-1])
    medians = {name: statistics.median(values[1:]) for name, values in raw.items()}
    ours, *peers = medians
    return {
        "megabytes_per_second": 1 / medians[ours],
        "megabytes_a_run": sizes[1:],
        "peer_megabytes_per_second": {name: 1 / medians[name] for name in peers},
        "ratios": {name: medians[name] / medians[ours] for name in peers},
        "raw_seconds_a_megabyte": [values[1:] for values in raw.values()],
    }


def megabytes(texts: Sequence[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


def seconds(work: Work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def compared(ours: Work, peers: dict[str, Work], runs: int = RUNS) -> Row:
    """Run all in turn; return medians, and how many times our seconds each peer took."""
    everyone = {"ours": ours, **peers}
    raw: dict[str, list[float]] = {name: [] for name in everyone}
    for _ in range(runs):
        for name, work in everyone.items():
            raw[name].append(seconds(work))
    medians = {name: statistics.median(values) for name, values in raw.items()}
    mine = medians.pop("ours")
    return {
        "seconds": mine,
        "peer_seconds": medians,
        "ratios": {name: theirs / mine for name, theirs in medians.items()},
        "raw_seconds": list(raw.values()),
    }


def named(package: str) -> str:
    return f"{package} {version(package)}"


def installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def flat(rows: Sequence[Sequence[int]]) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Lists of ids to one array, as ours are: a part of the work."""
    return np.concatenate([np.array(row, np.int32) for row in rows])


def speed_row(work: str, found: Row, size: float) -> Row:
    return {"work": work, "megabytes_per_second": size / float(str(found["seconds"])), **found}
