"""Training of word vectors measured: words a second, counting, quality; gensim and fastText in the same run.

    python benchmarks/embeddings_training.py [speed] [glove] [quality]

Speed is taken on the 25,000 training reviews of IMDB, one epoch, ours and the peer in turn, the middle one of
three; one thread is pinned to one core. GloVe's counts and the quality are those of all 75,000 training and
unlabelled reviews. 100 dimensions, window 5, 5 negatives, min-count 5, subsampling 1e-3. Needs the data
folder (CUTAWAY_DATA, by default ../shared/data where it is there), gensim and fasttext.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
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
# name, our settings, gensim's, threads
ROWS: tuple[tuple[str, dict[str, Any], dict[str, Any], int], ...] = (
    ("skip-gram, negatives", {}, {"sg": 1, "negative": 5}, 1),
    ("skip-gram, negatives", {}, {"sg": 1, "negative": 5}, 2),
    ("CBOW, negatives", {"model": "cbow"}, {"sg": 0, "negative": 5}, 1),
    ("CBOW, negatives", {"model": "cbow"}, {"sg": 0, "negative": 5}, 2),
    (
        "skip-gram, hierarchical softmax",
        {"objective": "hierarchical"},
        {"sg": 1, "hs": 1, "negative": 0},
        1,
    ),
)


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


def speed_rows(sentences: Sentences) -> list[dict[str, object]]:
    words = sum(map(len, sentences))
    corpus = count_corpus(sentences, min_count=5)
    results: list[dict[str, object]] = [vocabulary_row(sentences, words)]
    for name, ours, theirs, threads in ROWS:
        os.sched_setaffinity(0, CORES[:threads])
        settings = Word2Vec(**ours)
        train_once(settings, count_corpus(sentences[:50], min_count=1), threads)  # compiled
        measured = in_turn(
            lambda settings=settings, threads=threads: train_once(settings, corpus, threads),  # type: ignore[misc]
            lambda theirs=theirs, threads=threads: gensim_once(sentences, threads, theirs),  # type: ignore[misc]
            words,
        )
        results.append({"work": f"{name}, {threads} thread(s)", "peer": "gensim", **measured})
    os.sched_setaffinity(0, CORES)
    return [*results, fasttext_row(sentences, words)]


def vocabulary_row(sentences: Sentences, words: int) -> dict[str, object]:
    os.sched_setaffinity(0, CORES[:1])
    measured = in_turn(
        lambda: seconds(lambda: count_corpus(sentences, min_count=5)),
        lambda: seconds(lambda: gensim_model(1, {}).build_vocab(sentences)),
        words,
    )
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


def quality_rows(sentences: Sentences) -> list[dict[str, object]]:
    """Return how skip-gram vectors of 5 epochs fare, ours and gensim's, seed by seed."""
    from gensim.test.utils import datapath

    rated = {"WordSim-353": "wordsim353.tsv", "SimLex-999": "simlex999.txt"}
    pairs = {name: read_pairs(Path(datapath(file))) for name, file in rated.items()}
    questions = read_analogies(Path(datapath("questions-words.txt")))

    def scores(vectors: WordVectors) -> dict[str, float]:
        found = {name: rate_pairs(vectors, rows).spearman for name, rows in pairs.items()}
        return {**found, "analogies": answer_analogies(vectors, questions)[-1].accuracy}

    def ours(seed: int) -> WordVectors:
        return Word2Vec(seed=seed).fit(sentences, epochs=5, threads=2)

    def gensim(seed: int) -> WordVectors:
        model = gensim_model(2, {"sg": 1, "negative": 5}, seed)
        model.build_vocab(sentences)
        model.train(sentences, total_examples=len(sentences), epochs=5)
        return WordVectors(model.wv.index_to_key, model.wv.vectors)

    results = []
    for seed in SEEDS:
        for name, trained in (("cutaway", ours), ("gensim", gensim)):
            started = time.perf_counter()
            vectors = trained(seed)
            taken = time.perf_counter() - started
            results.append(
                {"work": f"skip-gram, 5 epochs, 75,000 reviews: {name}", "seed": seed, "seconds": taken}
                | scores(vectors)
            )
            print(results[-1], file=sys.stderr, flush=True)
    return results


def main() -> None:
    from record import use_data_beside, write_record

    use_data_beside()
    wanted = sys.argv[1:] or ["speed", "glove", "quality"]
    results: list[dict[str, object]] = []
    if "speed" in wanted:
        results += speed_rows(reviews("train.parquet"))
    if {"glove", "quality"} & set(wanted):
        everything = reviews("train.parquet", "unlabelled.parquet")
        results += glove_rows(everything) if "glove" in wanted else []
        results += quality_rows(everything) if "quality" in wanted else []
    write_record("embeddings-training", results)


if __name__ == "__main__":
    main()
