"""Room 5's quality: baselines on IMDB, trained on all 25,000 reviews, scored once on the test half.

    python benchmarks/quality.py              every part
    python benchmarks/quality.py tfidf nb     some of them; the others' rows stay in the day's record

Every setting was chosen on 5,000 training reviews held out. The frozen encoder and the LSTM read 5,000
training reviews, the LSTM's best epoch chosen on a tenth of them, and 2,000 of the test half.
Needs the data folder (CUTAWAY_DATA, by default ../shared/data where it is there).
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict

from cutaway.core.errors import CutawayError
from cutaway.finetuning.baselines.bag import Bag
from cutaway.finetuning.baselines.baseline import Baseline
from cutaway.finetuning.baselines.compare import compare
from cutaway.finetuning.baselines.frozen import Frozen
from cutaway.finetuning.baselines.lstm import Lstm
from cutaway.finetuning.baselines.naive_bayes import NaiveBayes
from cutaway.finetuning.baselines.tfidf import TfIdf
from cutaway.finetuning.data import draw, read_labelled
from cutaway.finetuning.inputs import InputSettings

FEWER = ("frozen", "lstm")
FEWER_ROWS, FEWER_ASKED = 5000, 2000
HEAD = InputSettings(max_tokens=128, truncation="head")
PARTS: dict[str, list[tuple[str, Baseline]]] = {
    "tfidf": [("TF-IDF, 25,000 reviews", TfIdf())],
    "nb": [("naive Bayes weights, 25,000 reviews", NaiveBayes())],
    "bag": [("bag of n-grams, 25,000 reviews, two threads", Bag())],
    "frozen": [
        ("frozen all-MiniLM-L6-v2, first 128 tokens", Frozen(inputs=HEAD)),
        ("frozen all-MiniLM-L6-v2, first and last 64 tokens", Frozen(inputs=InputSettings(max_tokens=128))),
    ],
    "lstm": [("LSTM over glove-6b-50d, 5,000 reviews", Lstm())],
}  # fmt: skip


def measured(part: str, work: str, baseline: Baseline) -> dict[str, object]:
    training, test = read_labelled("imdb"), read_labelled("imdb", split="test")
    if part in FEWER:
        training, test = draw(training, FEWER_ROWS, seed=0), draw(test, FEWER_ASKED, seed=0)
    if part in ("bag", "nb"):
        baseline.fit(["so good", "so bad"] * 5, ["yes", "no"] * 5)  # compiles
    (found,) = compare({part: baseline}, training, test)
    told = {name: value for name, value in asdict(found).items() if name not in ("name", "title")}
    return {
        "work": work,
        "part": part,
        **told,
        "test_reviews": len(test),
        "cores": len(os.sched_getaffinity(0)),
    }


def main() -> None:
    from record import use_data_beside, write_record

    use_data_beside()
    odd = [name for name in sys.argv[1:] if name not in PARTS]
    if odd:
        sys.exit(f"there is no part {odd[0]!r}: choose among {', '.join(PARTS)}")
    for part in sys.argv[1:] or PARTS:
        for work, baseline in PARTS[part]:
            write_record("quality", [measured(part, work, baseline)])


if __name__ == "__main__":
    try:
        main()
    except CutawayError as error:
        sys.exit(f"not measured: {error}")
