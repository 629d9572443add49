"""Words laid flat, and how far the flat map may be believed: it keeps two of many directions.

Legend: W words, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.lab.figures.figure import Explainer, Figure, literal
from cutaway.lab.figures.offered import JOB, VECTORS, catalog_names, run_place, trained_folder
from cutaway.lab.figures.why import Parts, products

if TYPE_CHECKING:
    from cutaway.embeddings.vectors import WordVectors

    Floats = NDArray[np.float64]

GLOVE = "glove-6b-50d"
MOST_NEAR = 10
LOADED = 4


@lru_cache(maxsize=LOADED)
def vectors_of(name: str) -> WordVectors:
    """Return a table of vectors, opened once.

    Args:
        name: a catalog name, "job-" and the id of a training, or a run's id; never a path.
    """
    from cutaway.embeddings.vectors import WordVectors

    return WordVectors.load(_source(name))


def load_line(vectors: str) -> str:
    """Return the line of Python that opens a table.

    Args:
        vectors: as for `vectors_of`.
    """
    return f"vectors = cutaway.WordVectors.load({literal(str(_source(vectors)))})"


def _source(name: str) -> str | Path:
    if name.startswith(JOB):
        return trained_folder(name, VECTORS) / VECTORS
    return name if name in catalog_names("vectors") else run_place(name, "vectors")


def word_map(words: Sequence[str], *, vectors: str = GLOVE) -> Figure:
    """Lay words flat, and count how many true neighbors each keeps.

    Args:
        words: of the reader's text; the second of two equal ones is left out.
        vectors: whose table.

    Returns:
        `map`, `points`, `truth` and `kept` of `lay_flat`; `more` says which words the table does not have.

    Raises:
        UsageError: the table has fewer than four of the words.
    """
    table = vectors_of(vectors)
    asked = list(dict.fromkeys(words))
    known = [word for word in asked if word in table]
    missing = [word for word in asked if word not in table]
    if len(known) < 4:
        raise UsageError(
            f"{vectors} has {len(known)} of these words: give four or more that it knows, "
            "for neighbors to be kept or lost"
        )
    rec = Recorder(f"{len(known)} words of {vectors}")
    rows = np.stack([table[word].astype(np.float64) for word in known])  # (W, D)
    near = max(1, min(MOST_NEAR, (len(known) - 1) // 4))
    lay_flat(rec, known, rows, near=near)
    lines = ("import cutaway", "import numpy as np", load_line(vectors))
    python = "\n".join(
        (
            *lines,
            f"rows = np.stack([vectors[word] for word in {literal(known)}]).astype(float)",
            "units = rows / np.linalg.norm(rows, axis=1, keepdims=True)",
            "units @ units.T  # true cosines; the map keeps two directions of them",
        )
    )
    trace = rec.finish()
    return Figure(
        trace=trace,
        python=python,
        whys=whys_of_map(trace),
        more={"missing": missing, "near": near},
    )


def lay_flat(rec: Recorder, words: Sequence[str], rows: Floats, *, near: int) -> None:
    """Record words on a plane, their true cosines, and the share of true neighbors that the plane keeps.

    Args:
        rec: takes `points` (W, D), `map` (W, 2), `truth` (W, W), `kept` (W,).
        words: W names.
        rows: (W, D) float, their vectors.
        near: how many neighbors are counted.
    """
    rec.label("point", list(words))
    rec.label("other", list(words))
    units = rows / np.sqrt((rows**2).sum(axis=1, keepdims=True))  # (W, D)
    centered = units - units.mean(axis=0)  # (W, D)
    _, _, axes = np.linalg.svd(centered, full_matrices=False)
    rec.keep("points", units, axes=("point", "dimension"), formula="u = v / |v|")
    flat = rec.keep(
        "map",
        centered @ axes[:2].T,
        axes=("point", "axis"),
        formula="X = U S Vᵀ of centered unit vectors; U S [:, :2]",
        inputs=("points",),
    )
    truth = rec.keep(
        "truth", units @ units.T, axes=("point", "other"), formula="cos = uᵀ u", inputs=("points",)
    )
    rec.keep(
        "kept",
        kept_near(truth, flat, near),
        axes=("point",),
        formula=f"share of the {near} nearest in all dimensions among the {near} nearest on the map",
        inputs=("truth", "map"),
    )


def kept_near(truth: Floats, flat: Floats, near: int) -> Floats:
    """Return, for each word, the share of its true nearest that are its nearest on the map too.

    Args:
        truth: (W, W) float, cosines.
        flat: (W, 2) float, places.
        near: how many neighbors are counted.
    """
    apart = np.sqrt(((flat[:, None] - flat[None]) ** 2).sum(axis=2))  # (W, W)
    true, drawn = -np.asarray(truth, np.float64), apart
    for measure in (true, drawn):
        np.fill_diagonal(measure, np.inf)
    nearest = [np.argsort(measure, axis=1, kind="stable")[:, :near] for measure in (true, drawn)]
    shares = [len(set(a) & set(b)) / near for a, b in zip(*(each.tolist() for each in nearest), strict=True)]
    return np.array(shares)


def whys_of_map(trace: Trace) -> dict[str, Explainer]:
    """Return the answers of a map: a cosine is a sum over the dimensions.

    Args:
        trace: with `points`.
    """
    units = trace["points"]

    def cosine(at: tuple[int, ...]) -> Parts:
        names = [f"dimension {number}" for number in range(units.shape[1])]
        return Parts(terms=products(names, ("a", "b"), units[at[0]], units[at[1]]))

    return {"truth": cosine}
