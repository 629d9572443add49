"""The bag of n-grams measured: seconds of training and accuracy on IMDB, fastText in the same run.

    python benchmarks/ngram_classifier.py

Settings are those that were best on 5,000 training reviews held out; the test half is scored once for each.
Needs the data folder (CUTAWAY_DATA, by default ../shared/data where it is there); without the package
fasttext the peer is left out.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pyarrow.parquet as pq

from cutaway.catalog.resolve import resolve
from cutaway.core.errors import CutawayError
from cutaway.embeddings.ngram_classifier import BagOfNgrams

PEER = "fasttext-wheel"
WORD = re.compile(r"[\w']+|[^\w\s]")
Predict = Callable[[list[str]], list[str]]
Table = tuple[list[str], list[str]]


def labelled(name: str) -> Table:
    table = pq.read_table(resolve("imdb").files[name], columns=["text", "label"])
    return table["text"].to_pylist(), [str(label) for label in table["label"].to_pylist()]


def ours(texts: list[str], labels: list[str]) -> Predict:
    return BagOfNgrams(threads=2).fit(texts, labels).predict


def fasttext(texts: list[str], labels: list[str]) -> Predict:
    import fasttext as package

    def line(text: str) -> str:
        return " ".join(WORD.findall(text.lower()))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text(
            "".join(f"__label__{label} {line(text)}\n" for text, label in zip(texts, labels, strict=True))
        )
        model = package.train_supervised(str(path), wordNgrams=2, epoch=10, lr=0.5, thread=2, verbose=0)
    # Its own predict asks NumPy for something that NumPy 2 refuses; this is what it calls.
    answers = model.f.predict
    return lambda given: [
        answers(line(text) + "\n", 1, 0.0, "strict")[0][1].removeprefix("__label__") for text in given
    ]


def measured(
    fit: Callable[[list[str], list[str]], Predict], train: object, test: object
) -> tuple[float, float]:
    (texts, labels), (asked, truth) = train, test  # type: ignore[misc]
    started = time.perf_counter()
    predict = fit(texts, labels)
    seconds = time.perf_counter() - started
    right = sum(got == label for got, label in zip(predict(asked), truth, strict=True))
    return seconds, right / len(truth)


def main() -> None:
    from record import use_data_beside, write_record

    use_data_beside()
    train, test = labelled("train.parquet"), labelled("test_half.parquet")
    BagOfNgrams(bits=8, epochs=1).fit(["a b", "c d"], ["x", "y"])  # compiles
    seconds, accuracy = measured(ours, train, test)
    row: dict[str, object] = {
        "work": "IMDB, 25,000 reviews, 2-grams, two threads",
        "seconds": seconds,
        "accuracy": accuracy,
        "cores": len(os.sched_getaffinity(0)),
    }
    try:
        name = f"{PEER} {version(PEER)}"
    except PackageNotFoundError:
        name = ""
    if name:
        peer_seconds, peer_accuracy = measured(fasttext, train, test)
        row |= {
            "peer_seconds": {name: peer_seconds},
            "peer_accuracy": {name: peer_accuracy},
            "ratios": {name: peer_seconds / seconds},
        }
    write_record("ngram-classifier", [row])


if __name__ == "__main__":
    try:
        main()
    except CutawayError as error:
        sys.exit(f"not measured: {error}")
