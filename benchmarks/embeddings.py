"""Room 2 measured: opening GloVe, exact neighbor queries, vectors as text; NumPy in the same run.

    python benchmarks/embeddings.py

One pinned core, one thread. Medians of runs that take turns, so that a busy moment strikes ours and
the peer alike.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from cutaway.catalog.resolve import resolve
from cutaway.embeddings.vectors import WordVectors

OURS = """
import time
from cutaway.embeddings.vectors import WordVectors
t = time.perf_counter()
v = WordVectors.load({source!r})
v.most_similar("king", topn=10)
print(time.perf_counter() - t)
"""
# What one writes without a library: map the array, make a dictionary of the words, one product.
PLAIN = """
import pathlib, time
import numpy as np, pyarrow.parquet as pq
folder = pathlib.Path({source!r})
t = time.perf_counter()
table = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")
words = pq.read_table(folder / "glove_6B_index.parquet")["index"].to_pylist()
row = {{word: at for at, word in enumerate(words)}}
scores = table @ table[row["king"]] / np.linalg.norm(table, axis=1)
[words[at] for at in np.argsort(-scores)[1:11]]
print(time.perf_counter() - t)
"""


def compared(ours: Callable[[], float], peer: Callable[[], float], runs: int) -> dict[str, object]:
    """Call two functions in turn, each of which returns its seconds."""
    pairs = [(ours(), peer()) for _ in range(runs)]
    raw, raw_peer = ([pair[side] for pair in pairs] for side in (0, 1))
    mine, theirs = statistics.median(raw), statistics.median(raw_peer)
    return {
        "seconds": mine, "peer_seconds": theirs, "ratio": theirs / mine,
        "raw_seconds": raw, "raw_peer_seconds": raw_peer,
    }  # fmt: skip


def clock(function: Callable[[], object]) -> Callable[[], float]:
    """Return a function that calls another and returns the seconds it took."""

    def run() -> float:
        started = time.perf_counter()
        function()
        return time.perf_counter() - started

    return run


def process(program: str, source: str) -> float:
    """Run a program in a process of its own; return what it measured after its imports."""
    command = [sys.executable, "-c", program.format(source=source)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def opening(runs: int = 9) -> dict[str, object]:
    folder = str(resolve("glove-6b-50d").folder)
    measured = compared(lambda: process(OURS, "glove-6b-50d"), lambda: process(PLAIN, folder), runs)
    return {
        "work": "a new process opens GloVe 400,000 × 50 and answers one query (after its imports)",
        "peer": "np.load, a dictionary of the words, argsort",
        **measured,
    }


def opening_safetensors(vectors: WordVectors, runs: int = 9) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "glove.safetensors"
        vectors.save(path)
        raw = [process(OURS, str(path)) for _ in range(runs)]
    return {
        "work": "the same from .safetensors",
        "seconds": statistics.median(raw),
        "raw_seconds": raw,
    }


def whole_process(runs: int = 9) -> dict[str, object]:
    command = [sys.executable, "-m", "cutaway", "vectors", "similar", "king", "queen"]
    run = clock(lambda: subprocess.run(command, check=True, capture_output=True))
    raw = [run() for _ in range(runs)]
    return {
        "work": "cutaway vectors similar king queen, whole process",
        "seconds": statistics.median(raw),
        "raw_seconds": raw,
    }


class Plain:
    """Exact neighbors with NumPy alone, over a table laid out row by row."""

    def __init__(self, vectors: WordVectors) -> None:
        self.words = vectors.words
        self.table = np.array(vectors.vectors, order="C")
        self.lengths = np.linalg.norm(self.table, axis=1)

    def nearest(self, query: np.ndarray) -> list[str]:
        scores = self.table @ query / self.lengths
        best = np.argpartition(-scores, 10)[:10]
        return [self.words[int(row)] for row in best[np.argsort(-scores[best])]]


def one_query(vectors: WordVectors, plain: Plain, runs: int = 51) -> dict[str, object]:
    king = vectors["king"].copy()
    assert [near.word for near in vectors.nearest(king)] == plain.nearest(king)
    measured = compared(clock(lambda: vectors.nearest(king)), clock(lambda: plain.nearest(king)), runs)
    return {
        "work": "one exact query over 400,000 × 50, warm",
        "peer": "NumPy: product, argpartition",
        **measured,
    }


def many_queries(vectors: WordVectors, plain: Plain, runs: int = 3) -> dict[str, object]:
    queries = plain.table[1000:2000]
    near = vectors.nearest_batch(queries)
    assert [n.word for n in near[7]] == plain.nearest(queries[7])

    def one_by_one() -> None:
        for query in queries:
            plain.nearest(query)

    measured = compared(clock(lambda: vectors.nearest_batch(queries)), clock(one_by_one), runs)
    return {"work": "1,000 exact queries over 400,000 × 50", "peer": "the same, one by one", **measured}


def text_file(vectors: WordVectors, runs: int = 3) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "glove.6B.50d.txt"
        with path.open("w", encoding="utf-8") as file:  # byte for byte what Stanford publishes
            for word, row in zip(vectors.words, np.array(vectors.vectors, order="C"), strict=True):
                file.write(f"{word} {' '.join(f'{cell:.5g}' for cell in row.tolist())}\n")
        run = clock(lambda: WordVectors.load(path))
        raw = [run() for _ in range(runs)]
    return {
        "work": "open GloVe 400,000 × 50 from text",
        "seconds": statistics.median(raw),
        "raw_seconds": raw,
    }


def main() -> None:
    from record import write_record

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    vectors = WordVectors.load("glove-6b-50d")
    plain = Plain(vectors)
    results = [
        opening(),
        opening_safetensors(vectors),
        whole_process(),
        one_query(vectors, plain),
        many_queries(vectors, plain),
        text_file(vectors),
    ]
    write_record("embeddings", results)


if __name__ == "__main__":
    main()
