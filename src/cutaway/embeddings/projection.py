"""Word vectors laid flat: PCA, t-SNE and UMAP, and the true neighbors that a picture cannot keep.

    X = U S Vᵀ of the centered unit vectors,   points = U S [:, :k]                          (PCA)

A picture of 300 dimensions in two lies: words that touch may be far apart. So each word brings its true
neighbors, found by cosine over the whole table, and a picture shows those.

Source: Pearson 1901 and Hotelling 1933 (PCA); van der Maaten and Hinton 2008 (t-SNE); McInnes, Healy and
Melville 2018, arXiv:1802.03426 (UMAP).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import ResourceError, UsageError
from cutaway.embeddings.similarity import unit_rows
from cutaway.embeddings.vectors import Neighbor, WordVectors

Method = Literal["pca", "tsne", "umap"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)
NEIGHBORS: Final = 8
_LEAST_WORDS: Final = 4
_USUAL_PERPLEXITY: Final = 30.0
_USUAL_NEIGHBORS: Final = 15


@dataclass(frozen=True, kw_only=True)
class Projection:
    """Words as points.

    Attributes:
        words: W of them.
        points: (W, k) float64, k is 2 or 3.
        method: how they were laid.
        neighbors: of each word, its true neighbors in the whole table, nearest first.
        explained: the share of the variance that each axis of a PCA keeps; empty for other methods.
    """

    words: tuple[str, ...]
    points: NDArray[np.float64]
    method: Method
    neighbors: tuple[tuple[Neighbor, ...], ...]
    explained: tuple[float, ...] = ()


def project(
    vectors: WordVectors,
    words: Sequence[str],
    *,
    method: Method = "pca",
    dimensions: int = 2,
    seed: int = 0,
) -> Projection:
    """Lay words out as points, by their directions.

    Args:
        vectors: the table.
        words: which of its words; each counts once.
        method: "pca"; "tsne" by openTSNE or scikit-learn and "umap" by umap-learn, where they are installed.
        dimensions: 2 or 3.
        seed: of t-SNE and UMAP.

    Returns:
        Points, and the true neighbors of each word.

    Raises:
        UsageError: fewer than 4 words, or a method or a number of dimensions that there is not.

    Example:
        >>> table = WordVectors(["a", "b", "c", "d"], [[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]])
        >>> found = project(table, ["a", "b", "c", "d"])
        >>> found.points.shape, found.neighbors[0][0].word
        ((4, 2), 'b')
    """
    chosen = tuple(dict.fromkeys(words))
    if method not in METHODS:
        raise UsageError(f"method is {method!r}: it must be one of {', '.join(METHODS)}")
    if dimensions not in (2, 3):
        raise UsageError(f"dimensions is {dimensions!r}: it must be 2 or 3")
    if len(chosen) < _LEAST_WORDS:
        raise UsageError(f"{len(chosen)} words cannot be laid out: give at least {_LEAST_WORDS}")
    rows = np.stack([vectors[word] for word in chosen])
    units = unit_rows(rows)
    explained: tuple[float, ...] = ()
    if method == "pca":
        points, shares = principal_components(units, dimensions)
        explained = tuple(shares.tolist())
    else:
        points = (_tsne if method == "tsne" else _umap)(units, dimensions, seed)
    # A zero vector has no neighbors by cosine.
    known = np.flatnonzero(np.any(rows != 0, axis=1)).tolist()
    found = vectors.nearest_batch(rows[known], NEIGHBORS + 1)
    near: dict[int, tuple[Neighbor, ...]] = {
        at: tuple(one for one in row if one.word != chosen[at])[:NEIGHBORS]
        for at, row in zip(known, found, strict=True)
    }
    return Projection(
        words=chosen,
        points=points,
        method=method,
        neighbors=tuple(near.get(at, ()) for at in range(len(chosen))),
        explained=explained,
    )


def principal_components(
    rows: NDArray[np.float64], dimensions: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points along the directions of the largest variance, and the share of it that each keeps.

    Args:
        rows: (W, D).
        dimensions: k; where there are fewer, the last columns are 0.

    Returns:
        (W, k) points, each axis turned so that its largest number is positive; (k,) shares.

    Source:
        Pearson 1901, On lines and planes of closest fit to systems of points in space.
    """
    centered = rows - rows.mean(axis=0)
    left, lengths, _ = np.linalg.svd(centered, full_matrices=False)
    points = np.zeros((len(rows), dimensions))
    shares = np.zeros(dimensions)
    kept = min(dimensions, len(lengths))
    points[:, :kept] = left[:, :kept] * lengths[:kept]
    points *= np.where(points[np.abs(points).argmax(axis=0), range(dimensions)] < 0, -1.0, 1.0)
    total = float(lengths @ lengths)
    shares[:kept] = lengths[:kept] ** 2 / total if total else 0.0
    return points, shares


def _tsne(units: NDArray[np.float64], dimensions: int, seed: int) -> NDArray[np.float64]:
    perplexity = min(_USUAL_PERPLEXITY, (len(units) - 1) / 3)
    options: dict[str, Any] = {"perplexity": perplexity, "random_state": seed}
    if dimensions == 2:
        try:
            from openTSNE import TSNE as Fast  # noqa: N811
        except ImportError:
            pass
        else:
            return np.asarray(Fast(metric="cosine", **options).fit(units), np.float64)
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise ResourceError("t-SNE needs openTSNE or scikit-learn: install one, or take pca") from error
    fitted = TSNE(n_components=dimensions, init="pca", **options).fit_transform(units)
    return np.asarray(fitted, np.float64)


def _umap(units: NDArray[np.float64], dimensions: int, seed: int) -> NDArray[np.float64]:
    try:
        from umap import UMAP
    except ImportError as error:
        raise ResourceError("UMAP needs umap-learn: install it, or take pca or tsne") from error
    neighbors = min(_USUAL_NEIGHBORS, len(units) - 1)
    init = "random" if len(units) <= dimensions + 2 else "spectral"
    fitted = UMAP(
        n_components=dimensions,
        n_neighbors=neighbors,
        metric="cosine",
        random_state=seed,
        n_jobs=1,
        init=init,
    ).fit_transform(units.astype(np.float32))
    return np.asarray(fitted, np.float64)
