"""Cosine similarity: how far two vectors point the same way, whatever their lengths.

Vectors are float32; sums are float64, so that a similarity is good to more digits than a vector is.
The zero vector points nowhere: its similarity to anything is 0 by definition here, never NaN.

Letters: V rows of the table, D dimensions of a vector.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cutaway.core.trace import Recorder, Trace

ROWS_AT_A_TIME = 8192


def cosine(u: NDArray[np.float32], v: NDArray[np.float32]) -> float:
    """Return the cosine of the angle between two vectors.

        cos(u, v) = Σ uᵢ vᵢ / (|u| |v|)                                                    (1)

    Args:
        u: (D,) float, finite.
        v: (D,) float, finite.

    Returns:
        The cosine, from -1 to 1; 0 if either vector is zero.

    Source:
        Salton, Wong and Yang 1975, A vector space model for automatic indexing, CACM 18(11).

    Example:
        >>> cosine(np.array([1, 2, 2]), np.array([2, 4, 4])), cosine(np.zeros(2), np.ones(2))
        (1.0, 0.0)
    """
    a = u.astype(np.float64)  # (D,)
    b = v.astype(np.float64)  # (D,)
    length_a, length_b = math.sqrt((a * a).sum()), math.sqrt((b * b).sum())
    if length_a == 0 or length_b == 0:
        return 0.0
    return within_one(float(((a / length_a) * (b / length_b)).sum()))


def within_one(value: float) -> float:
    """Undo what rounding adds beyond -1 and 1.

    Args:
        value: a cosine as floats give it.

    Returns:
        The same, or -1 or 1 where it lies beyond.
    """
    return min(1.0, max(-1.0, value))


def lengths(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the Euclidean length of every row.

        |v| = √(Σ vᵢ²)                                                                     (2)

    Args:
        vectors: (V, D) float, in either memory order; read a block of rows at a time.

    Returns:
        (V,) float64; NaN or infinite where a row holds such a value.

    Example:
        >>> lengths(np.array([[3, 4], [0, 0]], dtype=np.float32)).tolist()
        [5.0, 0.0]
    """
    squares = np.zeros(len(vectors))  # (V,)
    for start in range(0, len(vectors), ROWS_AT_A_TIME):
        block = vectors[start : start + ROWS_AT_A_TIME]
        total = squares[start : start + ROWS_AT_A_TIME]
        # Column by column: one sum for each row in the same order, so equal rows get equal lengths.
        for column in block.T:
            total += np.square(column, dtype=np.float64)
    return np.sqrt(squares)


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return every row divided by its length; a zero row stays zero.

    Args:
        vectors: (V, D) float.

    Returns:
        (V, D) float64.

    Example:
        >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6, 0.8], [0.0, 0.0]]
    """
    rows = vectors.astype(np.float64)  # (V, D)
    length = np.sqrt((rows**2).sum(axis=1, keepdims=True))  # (V, 1)
    units: NDArray[np.float64] = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return units


def trace_similarity(u: NDArray[np.float32], v: NDArray[np.float32], words: tuple[str, str]) -> Trace:
    """Return equation (1) step by step: products by dimension, dot product, lengths, cosine.

    Args:
        u: (D,) float, the first word's vector.
        v: (D,) float, the second word's vector.
        words: the two words.

    Returns:
        A trace with the arrays `vectors`, `products`, `dot`, `lengths`, `shares` and `cosine`;
        `shares` are what each dimension adds to the cosine.

    Source:
        Salton, Wong and Yang 1975, A vector space model for automatic indexing, CACM 18(11).

    Example:
        >>> trace = trace_similarity(np.array([3.0, 4.0]), np.array([4.0, 3.0]), ("a", "b"))
        >>> trace["products"].tolist(), float(trace["dot"]), round(float(trace["cosine"]), 4)
        ([12.0, 12.0], 24.0, 0.96)
    """
    rec = Recorder(f"similarity of {words[0]!r} and {words[1]!r}")
    rec.label("word", words)
    both = np.stack([u, v]).astype(np.float64)
    rec.keep("vectors", both, axes=("word", "dimension"), formula="u, v: the two rows of the table")
    a, b = both
    products = rec.keep("products", a * b, axes=("dimension",), formula="pᵢ = uᵢ vᵢ", inputs=("vectors",))
    dot = rec.keep("dot", products.sum(), axes=(), formula="dot = Σ pᵢ", inputs=("products",))
    length = rec.keep(
        "lengths",
        np.sqrt((both**2).sum(axis=1)),
        axes=("word",),
        formula="|u| = √(Σ uᵢ²)",
        inputs=("vectors",),
    )
    scale = length[0] * length[1]
    rec.keep(
        "shares",
        products / scale if scale > 0 else np.zeros_like(products),
        axes=("dimension",),
        formula="sᵢ = pᵢ / (|u| |v|)",
        inputs=("products", "lengths"),
    )
    cos = rec.keep(
        "cosine",
        within_one(dot / scale) if scale > 0 else 0.0,
        axes=(),
        formula="cos = dot / (|u| |v|), and 0 where a length is 0",
        inputs=("dot", "lengths"),
    )
    rec.fact("cosine", float(cos))
    return rec.finish()
