"""Room 1 measured: WordPiece to arrays on reviews, one sentence, a whole process; HF in the same run.

    python benchmarks/tokenization.py

One pinned core, one thread, peers in turn, medians. Needs the data folder (CUTAWAY_DATA, by
default ../shared/data where it is there).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import pyarrow.parquet as pq
import tokenizers

from cutaway.catalog.resolve import resolve
from cutaway.core.errors import CutawayError
from cutaway.tokenization.tokenizer import Tokenizer

REVIEWS = 10_000
SENTENCE = "I love learning about LLMs, and about the way in which transformers handle them."
PEER = f"tokenizers {tokenizers.__version__}"


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds on the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - clock, time.process_time() - processor


def timed_passes(function: Callable[[], object], passes: int) -> tuple[float, float]:
    """Return the mean of some passes in a row, each of which does the whole work."""
    clock, processor = timed(lambda: [function() and None for _ in range(passes)])
    return clock / passes, processor / passes


def compared(
    ours: Callable[[], object], peer: Callable[[], object], runs: int, passes: int = 1
) -> dict[str, object]:
    """Run two functions in turn; return the raw seconds of each, medians and their ratio.

    Ours makes `passes` passes a turn, so that a turn lasts long enough to meet the same weather.
    """
    pairs = [(timed_passes(ours, passes), timed(peer)) for _ in range(runs)]
    clock = [[pair[side][0] for pair in pairs] for side in (0, 1)]
    processor = [[pair[side][1] for pair in pairs] for side in (0, 1)]
    mine, theirs = (statistics.median(values) for values in clock)
    return {
        "seconds": mine,
        "passes_a_turn": passes,
        "peer": PEER,
        "peer_seconds": theirs,
        "ratio": theirs / mine,
        "processor_ratio": statistics.median(processor[1]) / statistics.median(processor[0]),
        "raw_seconds": clock[0],
        "raw_peer_seconds": clock[1],
        "raw_processor_seconds": processor[0],
        "raw_peer_processor_seconds": processor[1],
    }


def reviews(ours: Tokenizer, peer: tokenizers.Tokenizer, runs: int = 7) -> dict[str, object]:
    path = resolve("imdb").files["train.parquet"]
    texts = pq.read_table(path, columns=["text"])["text"].to_pylist()[:REVIEWS]
    megabytes = sum(len(text.encode()) for text in texts) / 1e6

    def peer_arrays() -> tuple[np.ndarray, np.ndarray]:
        encodings = peer.encode_batch_fast(texts)
        ids = np.concatenate([np.array(encoding.ids, np.int32) for encoding in encodings])
        return ids, np.cumsum([0, *(len(encoding.ids) for encoding in encodings)])

    def our_arrays() -> object:
        return ours.encode_batch(texts, threads=1)

    ids, row_starts = peer_arrays()
    batch = ours.encode_batch(texts, threads=1)
    assert np.array_equal(batch.ids, ids)
    assert np.array_equal(batch.row_starts, row_starts)
    measured = compared(our_arrays, peer_arrays, runs, passes=10)
    return {
        "work": f"WordPiece to arrays, {REVIEWS:,} reviews, one core",
        "megabytes": megabytes,
        "tokens": len(ids),
        "megabytes_per_second": megabytes / float(str(measured["seconds"])),
        **measured,
    }


def sentence(
    ours: Tokenizer, peer: tokenizers.Tokenizer, runs: int = 15, times: int = 200
) -> dict[str, object]:
    assert ours.encode(SENTENCE).ids == peer.encode(SENTENCE).ids

    def repeat(encode: Callable[[str], object]) -> Callable[[], object]:
        return lambda: [encode(SENTENCE) for _ in range(times)]

    measured = compared(repeat(ours.encode), repeat(peer.encode), runs)
    return {"work": f"one sentence of {len(SENTENCE)} characters, warm, {times} times", **measured}


def whole_process(runs: int = 7) -> dict[str, object]:
    command = [sys.executable, "-m", "cutaway", "tokens", "encode", SENTENCE]
    raw = [timed(lambda: subprocess.run(command, check=True, capture_output=True))[0] for _ in range(runs)]
    return {
        "work": "cutaway tokens encode, whole process",
        "seconds": statistics.median(raw),
        "raw_seconds": raw,
    }


def main() -> None:
    from record import use_data_beside, write_record

    use_data_beside()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    ours = Tokenizer.load("bert-base-uncased")
    peer = tokenizers.Tokenizer.from_file(str(resolve("all-MiniLM-L6-v2").files["tokenizer.json"]))
    peer.no_truncation()
    peer.no_padding()
    write_record("tokenization", [reviews(ours, peer), sentence(ours, peer), whole_process()])


if __name__ == "__main__":
    try:
        main()
    except CutawayError as error:
        sys.exit(f"not measured: {error}")
