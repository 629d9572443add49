"""The words of one sentence as vectors: how near they lie to each other, and what lies near each.

Letters: W words, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cutaway.core.trace import Recorder, Trace
from cutaway.embeddings.vectors import WordVectors


def trace_words(vectors: WordVectors, words: Sequence[str], *, topn: int = 5) -> Trace:
    """Look up words, compare each with each, and list each one's neighbors.

        cos(u, v) = u·v / (|u| |v|)                                         (1)

    Args:
        vectors: the table.
        words: distinct words of the table, at least one.
        topn: how many neighbors of each.

    Returns:
        A trace with the arrays `vectors` and `units` (W, D) and `cosines` (W, W), and the table
        `neighbors` (word, rank, neighbor, cosine).

    Source:
        Mikolov et al. 2013, arXiv:1301.3781, section 4; Pennington, Socher and Manning 2014.
    """
    rec = Recorder("the words of a sentence")
    rec.label("word", words)
    rows = np.stack([vectors[word] for word in words]).astype(np.float64)  # (W, D)
    rec.keep("vectors", rows, axes=("word", "dimension"), formula="v: the words' rows of the table")
    length = np.sqrt((rows**2).sum(axis=1, keepdims=True))  # (W, 1)
    length[length == 0] = 1.0
    units = rec.keep(
        "units", rows / length, axes=("word", "dimension"), formula="u = v / |v|", inputs=("vectors",)
    )
    rec.keep(
        "cosines",
        np.clip(units @ units.T, -1.0, 1.0),
        axes=("word", "other"),
        formula="cos(a, b) = uₐ · u_b",
        inputs=("units",),
    )
    near = [(word, vectors.most_similar(word, topn=topn)) for word in words]
    rec.table(
        "neighbors",
        ("word", "rank", "neighbor", "cosine"),
        [(word, rank, n.word, n.similarity) for word, found in near for rank, n in enumerate(found, 1)],
        formula="the highest cos(v, u) over every row v but the word's own",
        inputs=("units",),
    )
    return rec.finish()
