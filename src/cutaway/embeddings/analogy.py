"""Sums and differences of words: "king - man + woman" as a direction, and what lies in it.

Each word counts by its direction alone (its vector divided by its length), so that a frequent word
with a long vector does not drown the others. The query words themselves are left out of the answer:
they nearly always lie nearest to their own sum, which the trace shows.

Letters: W query words, D dimensions, V rows of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import UsageError
from cutaway.core.trace import Cell, Recorder, Trace
from cutaway.embeddings.neighbors import ranking
from cutaway.embeddings.similarity import ROWS_AT_A_TIME, unit_rows
from cutaway.embeddings.vocabulary import Vocabulary

# A sum this short is the rounding that is left when the words cancel each other.
SHORTEST_SUM = 1e-9
# Keeps a product over words taken away from being zero.
EPSILON = 1e-3
# Products reach 1/ε, so rounding reaches further up than in a cosine.
PRODUCT_DECIMALS = 9


@dataclass(frozen=True, kw_only=True)
class WordSum:
    """Words that are added and subtracted, and the rows they stand in."""

    words: tuple[str, ...]
    rows: tuple[int, ...]
    signs: tuple[int, ...]

    def __str__(self) -> str:
        text = " ".join(f"{'+' if s > 0 else '−'} {w}" for w, s in zip(self.words, self.signs, strict=True))
        return text.removeprefix("+ ")


def word_sum(vocabulary: Vocabulary, positive: str | Sequence[str], negative: str | Sequence[str]) -> WordSum:
    """Look up words that are to be added and subtracted.

    Args:
        vocabulary: the words of a table.
        positive: the word or words to add.
        negative: the word or words to subtract.

    Returns:
        The words with their rows and signs.

    Raises:
        UsageError: no words at all.
    """
    added = (positive,) if isinstance(positive, str) else tuple(positive)
    taken = (negative,) if isinstance(negative, str) else tuple(negative)
    words = added + taken
    if not words:
        raise UsageError("no words to search with: give at least one in positive or negative")
    rows = tuple(vocabulary.row(word) for word in words)
    return WordSum(words=words, rows=rows, signs=(1,) * len(added) + (-1,) * len(taken))


def direction(vectors: NDArray[np.float32], words: WordSum) -> NDArray[np.float64]:
    """Return the direction of a sum of words.

        q = Σ sᵂ vᵂ/|vᵂ| / W,   then  q / |q|                                              (1)

    Args:
        vectors: (V, D) float32, the whole table.
        words: what is added and subtracted.

    Returns:
        (D,) float64 of length 1.

    Raises:
        UsageError: the words cancel each other, or have zero vectors: there is no direction.

    Source:
        Mikolov, Yih and Zweig 2013, Linguistic regularities in continuous space word
        representations, NAACL-HLT, section 4.
    """
    units = unit_rows(vectors[list(words.rows)])  # (W, D)
    total = (units * np.array(words.signs)[:, None]).mean(axis=0)  # (D,)
    size = np.sqrt((total**2).sum())
    if size < SHORTEST_SUM:
        raise UsageError(f"{words} adds up to zero, which has no direction: ask with other words")
    return np.asarray(total / size)


def product_scores(
    vectors: NDArray[np.float32], lengths: NDArray[np.float64], words: WordSum
) -> NDArray[np.float64]:
    """Score every row by products of similarities instead of their sum (3CosMul).

        score(v) = Π cos⁺(v, a) / (Π cos⁺(v, b) + ε),   cos⁺ = (1 + cos) / 2               (2)

    over the words `a` that are added and the words `b` that are taken away. A sum lets one large
    term decide; in a product each word has its say.

    Args:
        vectors: (V, D) float32, the whole table.
        lengths: (V,) float64, the length of each row.
        words: what is added and subtracted.

    Returns:
        (V,) float64, at least 0; above 1 where little speaks for the words taken away.

    Source:
        Levy and Goldberg 2014, Linguistic regularities in sparse and explicit word representations,
        CoNLL, section 6, equation 4; cos⁺ as there, for vectors with negative numbers.
    """
    rows = vectors[list(words.rows)].astype(np.float64)  # (W, D)
    scores = np.ones(len(vectors))
    added = np.array(words.signs) > 0
    for start in range(0, len(vectors), ROWS_AT_A_TIME):
        block = vectors[start : start + ROWS_AT_A_TIME].astype(np.float64, order="C")
        scale = np.outer(lengths[start : start + len(block)], lengths[list(words.rows)])
        dots = np.stack([(block * row).sum(axis=1) for row in rows], axis=1)
        cosines = np.divide(dots, scale, out=np.zeros_like(dots), where=scale > 0)
        shifted = (1 + np.clip(cosines, -1.0, 1.0)) / 2
        against = shifted[:, ~added].prod(axis=1) + (EPSILON if not added.all() else 0.0)
        scores[start : start + len(block)] = shifted[:, added].prod(axis=1) / against
    return scores


def trace_sum(vectors: NDArray[np.float32], words: WordSum, vocabulary: Sequence[str], count: int) -> Trace:
    """Return a search for the neighbors of a sum of words, step by step, in float64 throughout.

    Args:
        vectors: (V, D) float32, the whole table.
        words: what is added and subtracted.
        vocabulary: the word of each row.
        count: how many neighbors to show.

    Returns:
        A trace with the arrays `vectors`, `units`, `sum` and `query`, and the tables `all` (every
        word takes part) and `neighbors` (the query words are left out).

    Raises:
        UsageError: the words cancel each other: there is no direction.

    Source:
        Mikolov, Yih and Zweig 2013, Linguistic regularities in continuous space word
        representations, NAACL-HLT, section 4.
    """
    rec = Recorder(f"neighbors of {words}")
    rec.label("word", words.words)
    total = _trace_total(rec, vectors, words)  # (D,)
    size = np.sqrt((total**2).sum())
    if size < SHORTEST_SUM:
        raise UsageError(f"{words} adds up to zero, which has no direction: ask with other words")
    query = rec.keep("query", total / size, axes=("dimension",), formula="q = m / |m|", inputs=("sum",))
    scores = np.zeros(len(vectors))  # (V,)
    for start in range(0, len(vectors), ROWS_AT_A_TIME):
        block = vectors[start : start + ROWS_AT_A_TIME].astype(np.float64, order="C")
        length = np.sqrt((block**2).sum(axis=1))
        dots = (block * query).sum(axis=1)
        np.divide(dots, length, out=scores[start : start + len(block)], where=length > 0)
    scores = np.clip(scores, -1.0, 1.0)  # (V,)
    order = ranking(scores)  # (V,)
    asked = set(words.rows)
    everything = order[: count + len(asked)]
    others = [row for row in everything.tolist() if row not in asked][:count]
    rec.table(
        "all",
        ("rank", "word", "cosine", "asked for"),
        [(*_cells(rank, row, vocabulary, scores), row in asked) for rank, row in enumerate(everything, 1)],
        formula="cos(v, q) = v·q / |v| for every row v, the highest first",
        inputs=("query",),
    )
    rec.table(
        "neighbors",
        ("rank", "word", "cosine"),
        [_cells(rank, row, vocabulary, scores) for rank, row in enumerate(others, 1)],
        formula="the same without the query words",
        inputs=("all",),
    )
    return rec.finish()


def _trace_total(rec: Recorder, vectors: NDArray[np.float32], words: WordSum) -> NDArray[np.float64]:
    signs = np.array(words.signs, dtype=np.float64)  # (W,)
    axes = ("word", "dimension")
    rows = vectors[list(words.rows)].astype(np.float64)  # (W, D)
    rec.keep("vectors", rows, axes=axes, formula="v: the rows of the query words")
    length = np.sqrt((rows**2).sum(axis=1, keepdims=True))  # (W, 1)
    length[length == 0] = 1.0
    units = rec.keep("units", rows / length, axes=axes, formula="u = v / |v|", inputs=("vectors",))
    return rec.keep(
        "sum",
        (signs[:, None] * units).mean(axis=0),
        axes=("dimension",),
        formula=f"m = ({words}) / {len(signs)}, each word as its u",
        inputs=("units",),
    )


def _cells(rank: int, row: int, vocabulary: Sequence[str], scores: NDArray[np.float64]) -> tuple[Cell, ...]:
    return rank, vocabulary[int(row)], float(scores[row])
