"""Room 2 measured: opening GloVe, one exact neighbor query, vectors as text; NumPy in the same run.

    python benchmarks/embeddings.py

Times are medians of interleaved runs, so that a busy moment strikes ours and the peer alike.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cutaway.catalog.resolve import resolve
from cutaway.embeddings.vectors import WordVectors

IMPORTS = "import time; from cutaway.embeddings.vectors import WordVectors; "
OURS = """
t = time.perf_counter()
v = WordVectors.load("glove-6b-50d")
v.most_similar("king", topn=10)
print(time.perf_counter() - t)
"""
# What one writes without a library: map the array, make a dictionary of the words, one product.
PLAIN = """
import numpy as np, pyarrow.parquet as pq, pathlib
folder = pathlib.Path({folder!r})
t = time.perf_counter()
table = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")
words = pq.read_table(folder / "glove_6B_index.parquet")["index"].to_pylist()
row = {{word: at for at, word in enumerate(words)}}
scores = table @ table[row["king"]] / np.linalg.norm(table, axis=1)
[words[at] for at in np.argsort(-scores)[1:11]]
print(time.perf_counter() - t)
"""


def process(program: str) -> tuple[float, float]:
    """Run a program; return its own figure and the seconds of the whole process."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout), time.perf_counter() - started


def opening(runs: int = 7) -> dict[str, object]:
    plain = IMPORTS + PLAIN.format(folder=str(resolve("glove-6b-50d").folder))
    pairs = [(process(IMPORTS + OURS), process(plain)) for _ in range(runs)]
    ours = statistics.median(pair[0][0] for pair in pairs)
    whole = statistics.median(pair[0][1] for pair in pairs)
    peer = statistics.median(pair[1][0] for pair in pairs)
    return {
        "work": "open GloVe 400,000 × 50 and answer one query, after import",
        "seconds": ours, "whole_process_seconds": whole,
        "peer": "np.load, a dictionary, argsort", "peer_seconds": peer, "ratio": peer / ours,
    }  # fmt: skip


def interleaved(ours: Callable[[], object], peer: Callable[[], object], runs: int) -> tuple[float, float]:
    """Return the medians of two functions called in turn, in seconds."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for function, seconds in zip((ours, peer), times, strict=True):
            started = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


def one_query(runs: int = 41) -> dict[str, object]:
    vectors = WordVectors.load("glove-6b-50d")
    table = np.array(vectors.vectors, order="C")
    lengths = np.linalg.norm(table, axis=1)
    king = vectors["king"].copy()

    def plain() -> list[str]:
        scores = table @ king / lengths
        best = np.argpartition(-scores, 11)[:11]
        return [vectors.words[int(row)] for row in best[np.argsort(-scores[best])][1:]]

    assert [near.word for near in vectors.most_similar("king")] == plain()
    ours, peer = interleaved(lambda: vectors.most_similar("king"), plain, runs)
    return {
        "work": "one exact query over 400,000 × 50, warm",
        "seconds": ours, "peer": "NumPy product and argpartition", "peer_seconds": peer, "ratio": peer / ours,
    }  # fmt: skip


def text_file(runs: int = 3) -> dict[str, object]:
    vectors = WordVectors.load("glove-6b-50d")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "glove.6B.50d.txt"
        with path.open("w", encoding="utf-8") as file:  # byte for byte what Stanford publishes
            for word, row in zip(vectors.words, np.array(vectors.vectors, order="C"), strict=True):
                file.write(f"{word} {' '.join(f'{cell:.5g}' for cell in row.tolist())}\n")
        seconds = []
        for _ in range(runs):
            started = time.perf_counter()
            assert len(WordVectors.load(path)) == len(vectors)
            seconds.append(time.perf_counter() - started)
    return {"work": "open GloVe 400,000 × 50 from text", "seconds": statistics.median(seconds)}


def main() -> None:
    from record import write_record

    write_record("embeddings", [opening(), one_query(), text_file()])


if __name__ == "__main__":
    main()
