"""What GloVe fits: how often words meet, and what the vectors make of it.

Legend: W words, D dimensions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cutaway.core.errors import DataError
from cutaway.core.trace import Recorder, Trace
from cutaway.lab.figures.embeddings import MOST_CHARACTERS
from cutaway.lab.figures.figure import Explainer, Figure
from cutaway.lab.figures.why import Parts, products, single

if TYPE_CHECKING:
    from cutaway.embeddings.glove import GloVeFit

SHOWN = 16
DIM = 8
EPOCHS = 100
WINDOW = 4


def counting(corpus: str) -> Figure:
    """Fit GloVe to a small text, and lay the counts it was fitted to beside what it gives back.

        fitted_ij = exp(wᵢ · w̃ⱼ + bᵢ + b̃ⱼ)

    Args:
        corpus: the text, a sentence a line.

    Returns:
        `counts` and `fitted` (W, W), of the 16 most frequent words; where two words never meet the count is 0
        and nothing was fitted. `words` (W, D + 1) and `contexts`, the vectors with their biases.

    Raises:
        DataError: the text has fewer than two lines.
    """
    from cutaway.embeddings.glove import CONTEXT, VECTOR

    lines = [line.lower().split() for line in corpus[:MOST_CHARACTERS].splitlines() if line.strip()]
    if len(lines) < 2:
        raise DataError(f"the text to learn from has {len(lines)} lines: give at least two")
    fit = _fit(lines)
    names = list(fit.words)
    shown = min(SHOWN, len(names))
    table = fit.table[:shown].astype(np.float64)
    rec = Recorder(f"GloVe's fit of {len(names)} words that meet within {WINDOW}")
    for axis in ("word", "context"):
        rec.label(axis, names[:shown])
    counts = rec.keep(
        "counts",
        np.array([[fit.counts.count(i, j) for j in range(shown)] for i in range(shown)]),
        axes=("word", "context"),
        formula="X_ij = Σ 1 / distance, over every time they meet",
    )
    words = rec.keep(
        "words",
        np.column_stack([table[:, VECTOR, :DIM], table[:, VECTOR, DIM]]),
        axes=("word", "dimension"),
        formula="wᵢ, and behind it bᵢ",
    )
    contexts = rec.keep(
        "contexts",
        np.column_stack([table[:, CONTEXT, :DIM], table[:, CONTEXT, DIM + 1]]),
        axes=("context", "dimension"),
        formula="w̃ⱼ, and behind it b̃ⱼ",
    )
    logarithms = words[:, :DIM] @ contexts[:, :DIM].T + words[:, DIM:] + contexts[:, DIM]
    rec.keep(
        "fitted",
        np.where(counts > 0, np.exp(logarithms), 0.0),
        axes=("word", "context"),
        formula="exp(wᵢ · w̃ⱼ + bᵢ + b̃ⱼ), fitted where X_ij > 0",
        inputs=("words", "contexts", "counts"),
    )
    trace = rec.finish()
    python = _python([" ".join(line) for line in lines])
    return Figure(trace=trace, python=python, whys={"fitted": _why(trace)}, drawn=("counts", "fitted"))


def _fit(lines: list[list[str]]) -> GloVeFit:
    """Count who meets whom, and fit the vectors to it."""
    from cutaway.embeddings.cooccurrence import CountSettings, count_cooccurrences
    from cutaway.embeddings.corpus_counts import count_corpus
    from cutaway.embeddings.glove import GloVe

    corpus = count_corpus(lines, min_count=1, max_words=None)
    met = count_cooccurrences(corpus.blocks(), len(corpus.words), CountSettings(window=WINDOW))
    if not len(met.columns):
        raise DataError("no two words of the text stand near each other: give sentences of two words or more")
    model = GloVe(dim=DIM, min_count=1, window=WINDOW, x_max=5.0)
    return model.fit_counts(met, corpus.words, epochs=EPOCHS)


def _why(trace: Trace) -> Explainer:
    words, contexts, counts = trace["words"], trace["contexts"], trace["counts"]

    def fitted(at: tuple[int, ...]) -> Parts:
        if counts[at] == 0:
            return Parts(terms=[single("they never meet: nothing is fitted", 0.0)])
        names = [f"dimension {dimension}" for dimension in range(DIM)]
        terms = products(names, ("w", "c"), words[at[0], :DIM], contexts[at[1], :DIM])
        biases = [
            single("b of the word", words[at[0], DIM]),
            single("b of the context", contexts[at[1], DIM]),
        ]
        return Parts(terms=[*terms, *biases], then="e to the power of it", last=math.exp)

    return fitted


def _python(lines: list[str]) -> str:
    return "\n".join(
        (
            "from cutaway.embeddings.cooccurrence import CountSettings, count_cooccurrences",
            "from cutaway.embeddings.corpus_counts import count_corpus",
            "from cutaway.embeddings.glove import GloVe",
            f"lines = {lines!r}",
            "corpus = count_corpus([line.split() for line in lines], min_count=1, max_words=None)",
            f"settings = CountSettings(window={WINDOW})",
            "met = count_cooccurrences(corpus.blocks(), len(corpus.words), settings)",
            f"model = GloVe(dim={DIM}, min_count=1, window={WINDOW}, x_max=5.0)",
            f"fit = model.fit_counts(met, corpus.words, epochs={EPOCHS})",
            "met.count(0, 1)  # fit.trace(word, context) has the same pair step by step",
        )
    )
