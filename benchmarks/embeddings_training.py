"""Training of word vectors measured: words a second, counting, quality; gensim and fastText in the same run.

    python benchmarks/embeddings_training.py                          all of it
    python benchmarks/embeddings_training.py speed                    the five parts about speed
    python benchmarks/embeddings_training.py vocabulary skip-gram     some; the rest of the day's record stays

Parts: vocabulary, skip-gram, cbow, hierarchical, subwords (together: speed), glove, quality.

Speed is taken on the 25,000 training reviews of IMDB, one epoch, ours and the peer in turn, the middle one of
three; one thread is pinned to one core. GloVe's counts and the quality are those of all 75,000 training and
unlabelled reviews. 100 dimensions, window 5, 5 negatives, min-count 5, subsampling 1e-3. The quality takes
long, so each of its rows is recorded when it is there, and a second start on the same day leaves out what the
day's record holds; ours trains on two threads, on one, and on one with noise of its own for each pair, gensim
on one. Needs the data folder (CUTAWAY_DATA, by default
../shared/data where it is there), gensim and fasttext.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from cutaway.catalog.resolve import resolve
from cutaway.embeddings.cooccurrence import CountSettings, count_cooccurrences
from cutaway.embeddings.corpus import split_words
from cutaway.embeddings.corpus_counts import EncodedCorpus, count_corpus
from cutaway.embeddings.evaluation import answer_analogies, rate_pairs, read_analogies, read_pairs
from cutaway.embeddings.fasttext import FastText
from cutaway.embeddings.glove import GloVe
from cutaway.embeddings.training import Run, RunSettings
from cutaway.embeddings.vectors import WordVectors
from cutaway.embeddings.word2vec import Word2Vec

Sentences = Sequence[Sequence[str]]
CORES = sorted(os.sched_getaffinity(0))[:2]
PASSES = 3
SEEDS = (1, 2, 3)
SPEED = ("vocabulary", "skip-gram", "cbow", "hierarchical", "subwords")
PARTS = (*SPEED, "glove", "quality")
# part: name, our settings, gensim's, threads
ROWS: dict[str, tuple[str, dict[str, Any], dict[str, Any], tuple[int, ...]]] = {
    "skip-gram": ("skip-gram, negatives", {}, {"sg": 1, "negative": 5}, (1, 2)),
    "cbow": ("CBOW, negatives", {"model": "cbow"}, {"sg": 0, "negative": 5}, (1, 2)),
    "hierarchical": (
        "skip-gram, hierarchical softmax",
        {"objective": "hierarchical"},
        {"sg": 1, "hs": 1, "negative": 0},
        (1,),
    ),
}


def reviews(*names: str) -> list[list[str]]:
    files = resolve("imdb").files
    tables = [pq.read_table(files[name], columns=["text"]) for name in names]
    return [split_words(text) for table in tables for text in table["text"].to_pylist()]


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turn(ours: Callable[[], float], peer: Callable[[], float], words: int) -> dict[str, object]:
    pairs = [(ours(), peer()) for _ in range(PASSES)]
    raw, raw_peer = ([pair[side] for pair in pairs] for side in (0, 1))
    mine, theirs = statistics.median(raw), statistics.median(raw_peer)
    return {
        "seconds": mine, "peer_seconds": theirs, "ratio": theirs / mine, "words_per_second": words / mine,
        "peer_words_per_second": words / theirs, "raw_seconds": raw, "raw_peer_seconds": raw_peer,
    }  # fmt: skip


def train_once(settings: Word2Vec, corpus: EncodedCorpus, threads: int) -> float:
    """Return the seconds of one epoch over a corpus that is counted and encoded."""
    job = settings.job(corpus, 1)
    run = Run(job, RunSettings(threads=threads))
    return seconds(lambda: run.go(lambda progress: None, lambda position: None))


def gensim_model(threads: int, settings: dict[str, Any], seed: int = 1) -> Any:
    from gensim.models import Word2Vec as Peer

    return Peer(vector_size=100, window=5, min_count=5, sample=1e-3, workers=threads, seed=seed, **settings)


def gensim_once(sentences: Sentences, threads: int, settings: dict[str, Any]) -> float:
    model = gensim_model(threads, settings)
    model.build_vocab(sentences)
    return seconds(lambda: model.train(sentences, total_examples=len(sentences), epochs=1))


def speed_rows(part: str, sentences: Sentences) -> list[dict[str, object]]:
    """Return what a part about speed measures."""
    words = sum(map(len, sentences))
    if part == "vocabulary":
        return [vocabulary_row(sentences, words)]
    if part == "subwords":
        return [fasttext_row(sentences, words)]
    corpus = count_corpus(sentences, min_count=5)
    name, ours, theirs, numbers = ROWS[part]
    settings = Word2Vec(**ours)
    results: list[dict[str, object]] = []
    for threads in numbers:
        os.sched_setaffinity(0, CORES[:threads])
        train_once(settings, count_corpus(sentences[:50], min_count=1), threads)  # compiled
        measured = in_turn(
            lambda threads=threads: train_once(settings, corpus, threads),  # type: ignore[misc]
            lambda threads=threads: gensim_once(sentences, threads, theirs),  # type: ignore[misc]
            words,
        )
        results.append({"work": f"{name}, {threads} thread(s)", "peer": "gensim", **measured})
    os.sched_setaffinity(0, CORES)
    return results


def vocabulary_row(sentences: Sentences, words: int) -> dict[str, object]:
    os.sched_setaffinity(0, CORES[:1])
    count_corpus(sentences[:50])  # compiled
    measured = in_turn(
        lambda: seconds(lambda: count_corpus(sentences, min_count=5)),
        lambda: seconds(lambda: gensim_model(1, {}).build_vocab(sentences)),
        words,
    )
    os.sched_setaffinity(0, CORES)
    return {"work": "vocabulary and encoding, 1 thread", "peer": "gensim, vocabulary alone", **measured}


def fasttext_row(sentences: Sentences, words: int) -> dict[str, object]:
    """From a file, vocabulary and n-grams included: fastText knows no other way."""
    import fasttext

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reviews.txt"
        path.write_text("".join(" ".join(sentence) + "\n" for sentence in sentences), encoding="utf-8")
        FastText(min_count=1).fit(sentences[:50], epochs=1)
        measured = in_turn(
            lambda: seconds(lambda: FastText().fit(path, epochs=1, threads=2)),
            lambda: seconds(
                lambda: fasttext.train_unsupervised(
                    str(path), model="skipgram", dim=100, ws=5, neg=5, minCount=5, t=1e-3, epoch=1,
                    thread=2, verbose=0,
                )
            ),
            words,
        )  # fmt: skip
    return {"work": "fastText with subwords, from a file, 2 threads", "peer": "fasttext", **measured}


def resident(name: str) -> int:
    """Return a figure of this process's memory in bytes: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def glove_rows(sentences: Sentences) -> list[dict[str, object]]:
    """Return counting with one thread, and AdaGrad's passes with two."""
    corpus = count_corpus(sentences, min_count=5)
    GloVe(dim=100, min_count=1).fit(sentences[:50], epochs=1)  # compiled
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = resident("VmRSS")
    counts, taken = None, []
    for _ in range(PASSES):
        counts = None
        started = time.perf_counter()
        counts = count_cooccurrences(
            corpus.blocks(), len(corpus.words), CountSettings(window=15, threads=1, memory=1 << 28)
        )
        taken.append(time.perf_counter() - started)
    extra = resident("VmHWM") - before
    assert counts is not None
    fit = GloVe(dim=100, threads=2).fit_counts(counts, corpus.words, epochs=PASSES)
    passes = [each.seconds for each in fit.passes]
    return [
        {
            "work": "GloVe: counting, window 15, 1 thread", "words": corpus.read, "cells": counts.cells,
            "seconds": statistics.median(taken), "extra_bytes": extra, "raw_seconds": taken,
        },
        {
            "work": "GloVe: one AdaGrad pass, 100 dimensions, 2 threads", "cells": counts.cells,
            "seconds": statistics.median(passes), "raw_seconds": passes,
        },
    ]  # fmt: skip


def quality_rows(
    sentences: Sentences, done: Collection[tuple[object, object]]
) -> Iterator[dict[str, object]]:
    """Yield how skip-gram vectors of 5 epochs fare, ours and gensim's, seed by seed, but for those done."""
    from gensim.test.utils import datapath

    rated = {"WordSim-353": "wordsim353.tsv", "SimLex-999": "simlex999.txt"}
    pairs = {name: read_pairs(Path(datapath(file))) for name, file in rated.items()}
    questions = read_analogies(Path(datapath("questions-words.txt")))

    def scores(vectors: WordVectors) -> dict[str, float]:
        found = {name: rate_pairs(vectors, rows).spearman for name, rows in pairs.items()}
        return {**found, "analogies": answer_analogies(vectors, questions)[-1].accuracy}

    def two_threads(seed: int) -> WordVectors:
        return Word2Vec(seed=seed, noise="shared").fit(sentences, epochs=5, threads=2)

    def one_thread(seed: int) -> WordVectors:
        return Word2Vec(seed=seed, noise="shared").fit(sentences, epochs=5)

    def own_noise(seed: int) -> WordVectors:
        return Word2Vec(seed=seed, noise="own").fit(sentences, epochs=5)

    def gensim(seed: int) -> WordVectors:
        model = gensim_model(1, {"sg": 1, "negative": 5}, seed)
        model.build_vocab(sentences)
        model.train(sentences, total_examples=len(sentences), epochs=5)
        return WordVectors(model.wv.index_to_key, model.wv.vectors)

    ways = (
        ("cutaway", two_threads, 2),
        ("cutaway, one thread", one_thread, 1),
        ("cutaway, one thread, noise of its own for each pair", own_noise, 1),
        ("gensim", gensim, 1),
    )
    for seed in SEEDS:
        for name, trained, threads in ways:
            work = f"skip-gram, 5 epochs, 75,000 reviews: {name}"
            if (work, seed) in done:
                continue
            started = time.process_time()  # the run may be made to wait, so the clock says little
            vectors = trained(seed)
            taken = time.process_time() - started
            yield {"work": work, "seed": seed, "threads": threads, "processor_seconds": taken} | scores(
                vectors
            )


def main() -> None:
    from record import recorded, use_data_beside, write_record

    use_data_beside()
    odd = [name for name in sys.argv[1:] if name not in (*PARTS, "speed")]
    if odd:
        sys.exit(f"there is no part {odd[0]!r}: choose among {', '.join(PARTS)}, or speed for the first five")
    wanted = [part for name in sys.argv[1:] or PARTS for part in (SPEED if name == "speed" else (name,))]
    some = reviews("train.parquet") if {*SPEED} & {*wanted} else []
    everything = reviews("train.parquet", "unlabelled.parquet") if {"glove", "quality"} & {*wanted} else []
    for part in wanted:
        if part in SPEED:
            write_record("embeddings-training", speed_rows(part, some))
        elif part == "glove":
            write_record("embeddings-training", glove_rows(everything))
        else:
            done = {(row["work"], row.get("seed")) for row in recorded("embeddings-training")}
            for row in quality_rows(everything, done):
                write_record("embeddings-training", [row])


if __name__ == "__main__":
    main()
