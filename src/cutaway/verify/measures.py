"""How each claim is measured: one function a claim, named as the claim is.

A measure that lacks its data or its peer raises `NotMeasuredError` with the reason.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from statistics import median
from typing import Any

import numpy as np

from cutaway.core.errors import CutawayError, OfflineError

SENTENCE = "I love learning about LLMs"
SOME_REVIEWS = 2000

Told = Callable[[int, int], None]


class NotMeasuredError(CutawayError, RuntimeError):
    """What a measure needs is not on this machine."""


def _peer(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise NotMeasuredError(f"the peer {module} is not installed") from error


def _reviews(split: str) -> Any:
    from cutaway.finetuning.data import read_labelled

    try:
        return read_labelled("imdb", split=split)  # type: ignore[arg-type]
    except OfflineError as error:
        raise NotMeasuredError("the imdb reviews are not here: name their folder in CUTAWAY_DATA") from error


def import_seconds(told: Told) -> float:
    """Seconds that `import cutaway` adds to a bare Python, the median of nine interleaved pairs."""
    added = []
    for done in range(9):
        bare, ours = (_process(["-c", code])[0] for code in ("pass", "import cutaway"))
        added.append(ours - bare)
        told(done + 1, 9)
    return median(added)


def tour_process_seconds(told: Told) -> float:
    """Seconds of a whole `cutaway tour` process with warm caches, the median of three."""
    return median(_tour_process()[0] for _ in range(3))


def tour_seconds(told: Told) -> float:
    """Seconds of a tour in a process that has imported everything and has its models loaded."""
    from cutaway.tour import tour

    tour(SENTENCE)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        tour(SENTENCE).to_json()
        times.append(time.perf_counter() - started)
    return median(times)


def king_queen(told: Told) -> float:
    """Cosine of king and queen in GloVe 6B 50d."""
    from cutaway.embeddings.vectors import WordVectors

    return WordVectors.load("glove-6b-50d").similarity("king", "queen")


def tokenizer_equal(told: Told) -> float:
    """Training reviews on which our compiled ids equal those of Hugging Face's tokenizers."""
    from cutaway.tokenization.tokenizer import Tokenizer

    theirs, texts = _hugging_face_tokenizer(), list(_reviews("train").texts)
    ours = Tokenizer.load("bert-base-uncased").encode_batch(texts)
    equal = 0
    for start in range(0, len(texts), 1000):
        answers = theirs.encode_batch(texts[start : start + 1000])
        equal += sum(ours[start + at].tolist() == answer.ids for at, answer in enumerate(answers))
        told(start, len(texts))
    return equal


def tokenizer_ratio(told: Told) -> float:
    """Speed of our batch encoding over Hugging Face's, both on every core, the median of five pairs."""
    from cutaway.tokenization.tokenizer import Tokenizer

    theirs, texts = _hugging_face_tokenizer(), list(_reviews("train").texts[:SOME_REVIEWS])
    ours = Tokenizer.load("bert-base-uncased")
    ours.encode_batch(texts[:10])
    ratios = []
    for done in range(5):
        times = []
        for encode in (ours.encode_batch, theirs.encode_batch_fast):
            started = time.perf_counter()
            encode(texts)
            times.append(time.perf_counter() - started)
        ratios.append(times[1] / times[0])
        told(done + 1, 5)
    return median(ratios)


def hidden_states(told: Told) -> float:
    """Largest difference of any hidden number of MiniLM between our encoder and transformers."""
    import torch

    from cutaway.catalog.resolve import resolve
    from cutaway.tokenization.tokenizer import Tokenizer
    from cutaway.transformers.bert import Bert
    from cutaway.transformers.packing import PackedBatch

    peer = _peer("transformers").BertModel.from_pretrained(str(resolve("all-MiniLM-L6-v2").folder)).eval()
    row = np.array(Tokenizer.load("all-MiniLM-L6-v2").encode(SENTENCE).ids)
    with torch.inference_mode():
        theirs = peer(input_ids=torch.from_numpy(row)[None]).last_hidden_state[0]
        ours = Bert.load("all-MiniLM-L6-v2")(PackedBatch.from_rows([row]))
    return float((ours - theirs).abs().max())


def open_equals_fast(told: Told) -> float:
    """Largest difference of any hidden number of MiniLM between the trace and the fast path."""
    import torch

    from cutaway.tokenization.tokenizer import Tokenizer
    from cutaway.transformers.bert import Bert
    from cutaway.transformers.packing import PackedBatch
    from cutaway.transformers.trace import trace_bert

    bert = Bert.load("all-MiniLM-L6-v2")
    row = np.array(Tokenizer.load("all-MiniLM-L6-v2").encode(SENTENCE).ids)
    with torch.inference_mode():
        fast = bert(PackedBatch.from_rows([row])).numpy()
    return float(np.abs(trace_bert(bert, row)["output"][-1] - fast).max())


def sentiment_accuracy(told: Told) -> float:
    """Accuracy of the shipped `sentiment` model on the held-out half of IMDB's test reviews."""
    from cutaway.finetuning.classifier import Classifier
    from cutaway.finetuning.evaluate import evaluate

    reviews = _reviews("test")
    done = [0]

    def count(new: int) -> None:
        done[0] += new
        told(done[0], len(reviews))

    return evaluate(Classifier.load("sentiment"), reviews, told=count)["accuracy"]


def lstm_accuracy(told: Told) -> float:
    """Accuracy of the shipped `lstm-sentiment` model on the same reviews."""
    from cutaway.finetuning.reader import Reader

    reviews = _reviews("test")
    return Reader.load("lstm-sentiment").evaluate(reviews)["accuracy"]


def _hugging_face_tokenizer() -> Any:
    from cutaway.catalog.resolve import resolve

    peer = _peer("tokenizers").Tokenizer.from_file(str(resolve("all-MiniLM-L6-v2").files["tokenizer.json"]))
    peer.no_padding()
    peer.no_truncation()
    return peer


def _process(arguments: list[str]) -> tuple[float, int]:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], check=False, capture_output=True)
    return time.perf_counter() - started, done.returncode


def _tour_process() -> tuple[float, int]:
    seconds, code = _process(["-m", "cutaway", "tour", SENTENCE])
    if code != 0:
        raise NotMeasuredError(f"'cutaway tour' ended with {code}")
    return seconds, code


MEASURES: dict[str, Callable[[Told], float]] = {
    measure.__name__: measure
    for measure in (
        king_queen,
        tokenizer_equal,
        tokenizer_ratio,
        hidden_states,
        open_equals_fast,
        lstm_accuracy,
        sentiment_accuracy,
        import_seconds,
        tour_process_seconds,
        tour_seconds,
    )
}
