"""Two figures of room 2: one training step as a tug of war, and an analogy with its true cosines.

Legend: C inputs, S outputs, D dimensions, W words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cutaway.core.errors import DataError, UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.lab.figures.figure import Explainer, Figure, literal
from cutaway.lab.figures.flat_map import GLOVE, lay_flat, load_line, vectors_of, whys_of_map
from cutaway.lab.figures.why import Parts, products, sigma, single

if TYPE_CHECKING:
    from cutaway.embeddings.word2vec import Word2Vec

TIMES = 24
EPOCHS = 40
MOST_CHARACTERS = 20_000
# Neighbors of an analogy's word that its map may keep.
NEAR = 3


def tug(corpus: str, sentence: Sequence[str], *, center: int, negatives: Sequence[str]) -> list[Figure]:
    """Train on a small text, and trace the same step again and again while the vectors move.

    Args:
        corpus: the text, a sentence a line.
        sentence: words of it.
        center: the place of the center in the sentence, from 0.
        negatives: the noise words of the step.

    Returns:
        One figure a snapshot, in the order of the training.

    Raises:
        DataError: the corpus is too long or too short, or a word is not in it.
        UsageError: the center is not in the sentence.
    """
    from cutaway.embeddings.trained import Snapshots

    lines = [line.lower().split() for line in corpus[:MOST_CHARACTERS].splitlines() if line.strip()]
    known = {word for line in lines for word in line}
    missing = [word for word in (*sentence, *negatives) if word not in known]
    if len(lines) < 2 or missing:
        what = f"does not hold {', '.join(missing[:5])}" if missing else f"has {len(lines)} lines"
        raise DataError(
            f"the text to learn from {what}: give at least two lines, and words that stand in them"
        )
    seen = Snapshots(list(sentence), center, list(negatives), times=TIMES)
    _model().fit(lines, epochs=EPOCHS, listen=seen)
    python = _python_tug(lines, sentence, center, negatives)
    return [Figure(trace=trace, python=python, whys=_whys_of_step(trace)) for trace in seen.traces]


def _model() -> Word2Vec:
    from cutaway.embeddings.word2vec import Word2Vec

    return Word2Vec(dim=16, min_count=1, subsample=0.0, rate=0.05)


def _whys_of_step(trace: Trace) -> dict[str, Explainer]:
    v, u, s, p = (trace[name] for name in ("v", "u", "scores", "probabilities"))
    y, w, g = (trace[name] for name in ("labels", "weights", "errors"))
    rate = float(trace.facts["rate"] or 0.0)
    names, outputs = [f"dimension {at}" for at in range(v.shape[1])], trace.labels["output"]

    def score(at: tuple[int, ...]) -> Parts:
        return Parts(terms=products(names, ("v", "u"), v[at[0]], u[at[1]]))

    def probability(at: tuple[int, ...]) -> Parts:
        return Parts(terms=[single("s", s[at])], then="σ of it", last=sigma)

    def error(at: tuple[int, ...]) -> Parts:
        terms = [single("rate", rate), single("w", w[at[1]]), single("y − p", y[at[1]] - p[at])]
        return Parts(terms=terms, join="product")

    def arrow(at: tuple[int, ...]) -> Parts:
        length = float(np.sqrt((u[at[1]] ** 2).sum()))
        size = abs(float(p[at]) - float(y[at[1]]))
        terms = [single("rate", rate), single("w", w[at[1]]), single("|p − y|", size), single("‖u‖", length)]
        return Parts(terms=terms, join="product")

    def move(at: tuple[int, ...]) -> Parts:
        return Parts(terms=products(outputs, ("g", "u"), g[at[0]], u[:, at[1]]))

    return {"scores": score, "probabilities": probability, "errors": error, "arrows": arrow, "moves_v": move}


def _python_tug(
    lines: Sequence[Sequence[str]], sentence: Sequence[str], center: int, negatives: Sequence[str]
) -> str:
    step = f"{literal(list(sentence))}, {center}, {literal(list(negatives))}"
    return "\n".join(
        (
            "from cutaway.embeddings.trained import Snapshots",
            "from cutaway.embeddings.word2vec import Word2Vec",
            f"lines = {[' '.join(line) for line in lines]!r}",
            f"seen = Snapshots({step}, times={TIMES})",
            "model = Word2Vec(dim=16, min_count=1, subsample=0.0, rate=0.05)",
            f"model.fit([line.split() for line in lines], epochs={EPOCHS}, listen=seen)",
            'seen.traces[-1]["arrows"]',
        )
    )


def analogy(
    positive: Sequence[str], negative: Sequence[str], *, count: int = 8, vectors: str = GLOVE
) -> Figure:
    """Trace an analogy, and lay its words flat beside the true cosines.

    Args:
        positive: words that are added.
        negative: words that are subtracted.
        count: how many neighbors.
        vectors: whose table.

    Returns:
        The trace of `WordVectors.trace_most_similar`, and of `lay_flat` for the query words, the neighbors
        and the sum.

    Raises:
        UsageError: fewer than 1 or more than 6 words were given.
    """
    if not 1 <= len(positive) + len(negative) <= 6 or not positive:
        raise UsageError(
            f"{len(positive)} words to add and {len(negative)} to subtract: give 1 to 6, one of them added"
        )
    table = vectors_of(vectors)
    inner = table.trace_most_similar(list(positive), list(negative), topn=count)
    found = [str(word) for word in inner.table("neighbors").column("word")]
    words = list(dict.fromkeys([*positive, *negative, *found]))
    rec = Recorder(inner.title)
    rec.include(inner)
    rows = np.stack([*(table[word].astype(np.float64) for word in words), inner["query"]])  # (W, D)
    lay_flat(rec, [*words, "the sum"], rows, near=min(NEAR, len(words)))
    trace = rec.finish()
    return Figure(
        trace=trace,
        python=_python_analogy(positive, negative, count, vectors),
        whys=whys_of_map(trace),
    )


def _python_analogy(positive: Sequence[str], negative: Sequence[str], count: int, vectors: str) -> str:
    words = f"{literal(list(positive))}, {literal(list(negative))}"
    return "\n".join(
        (
            "import cutaway",
            load_line(vectors),
            f"trace = vectors.trace_most_similar({words}, topn={count})",
            'trace.table("neighbors").rows',
        )
    )
