"""Approximate neighbors for tables of millions of rows: a graph that is walked, not a table that is read.

Each row is linked to rows near it, in layers that thin out upwards. A search walks from the top, always
to the neighbor that lies nearest to the query, and looks at a few thousand rows instead of all. It may
miss a neighbor; the cosines of those that it finds are exact. The graph is usearch's.

Letters: V rows of the table, D dimensions, Q queries, K candidates.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import ChecksumError, FormatError, ResourceError, UsageError
from cutaway.core.files import whole_file
from cutaway.embeddings.neighbors import ranking
from cutaway.embeddings.similarity import ROWS_AT_A_TIME, lengths, unit_rows

Numbers = Literal["float32", "float16", "int8"]
IN_USEARCH = {"float32": "f32", "float16": "f16", "int8": "i8"}
# Rounded numbers order near rows wrongly: so many more are asked for and settled in float64.
SPARE = 1.5
ROWS_TO_RECOGNIZE = 1024


@dataclass(frozen=True, kw_only=True)
class IndexSettings:
    """How a graph is built and searched; more of anything finds more and takes longer.

    Attributes:
        links: links of a row in each layer.
        build_width: candidates that are kept in view while a row is linked.
        search_width: candidates that are kept in view while a query is answered.
        numbers: how rows are stored in the graph; answers are settled from the table itself.
        threads: for building, all cores if None; with one, the same rows give the same graph.

    Raises:
        UsageError: a value outside its range.
    """

    links: int = 16
    build_width: int = 128
    search_width: int = 128
    numbers: Numbers = "float16"
    threads: int | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.links <= 512:
            raise UsageError(f"links is {self.links}: expected 2 to 512")
        if min(self.build_width, self.search_width) < 1:
            raise UsageError(f"widths are {self.build_width} and {self.search_width}: expected at least 1")
        if self.numbers not in get_args(Numbers):
            raise UsageError(f"numbers is {self.numbers!r}: expected one of {', '.join(get_args(Numbers))}")
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"threads is {self.threads}: expected at least 1, or None for all cores")


class ApproximateSearch:
    """Neighbors by a graph; answers as `ExactSearch` does, most of them the same.

    Args:
        vectors: (V, D) float32, finite.
        graph: usearch's index over the rows that are not zero.

    Source:
        Malkov and Yashunin 2018, Efficient and robust approximate nearest neighbor search using
        hierarchical navigable small world graphs, arXiv:1603.09320.
    """

    def __init__(self, vectors: NDArray[np.float32], graph: Any) -> None:
        self._vectors, self._graph = vectors, graph

    @classmethod
    def build(cls, vectors: NDArray[np.float32], settings: IndexSettings) -> ApproximateSearch:
        """Link the rows.

        Args:
            vectors: (V, D) float32, finite.
            settings: how.

        Returns:
            A search over them; rows that are zero are left out.
        """
        graph = _usearch().Index(
            ndim=vectors.shape[1],
            metric="cos",
            dtype=IN_USEARCH[settings.numbers],
            connectivity=settings.links,
            expansion_add=settings.build_width,
            expansion_search=settings.search_width,
        )
        for start in range(0, len(vectors), ROWS_AT_A_TIME):
            # At length 1, so that no number is beyond float16.
            units = unit_rows(vectors[start : start + ROWS_AT_A_TIME]).astype(np.float32)
            some = np.flatnonzero(units.any(axis=1))
            if len(some):
                graph.add((start + some).astype(np.uint64), units[some], threads=settings.threads or 0)
        return cls(vectors, graph)

    @cached_property
    def lengths(self) -> NDArray[np.float64]:
        """(V,) float64, the Euclidean length of each row."""
        return lengths(self._vectors)

    def nearest(
        self, query: NDArray[np.float64], count: int, excluded: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return rows whose cosine with `query` is among the highest, equal ones in row order.

        Args:
            query: (D,) float64 of length 1.
            count: how many rows, at least 1.
            excluded: rows that are not to be returned.

        Returns:
            Up to `count` row numbers, int64, and their cosines, float64, the highest first.
        """
        [found] = self.nearest_batch(query[None], count, None if excluded is None else [excluded])
        return found

    def nearest_batch(
        self, queries: NDArray[np.float64], count: int, excluded: Sequence[NDArray[np.int64]] | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Yield what `nearest` returns, for one query after the other.

        Args:
            queries: (Q, D) float64, each of length 1.
            count: how many rows for each.
            excluded: for each query, the rows that are not to be returned.

        Yields:
            Row numbers and cosines, as `nearest` returns them.
        """
        most = max((len(rows) for rows in excluded), default=0) if excluded is not None else 0
        asked = min(int((count + most) * SPARE) + 4, len(self._graph))
        if not asked or not len(queries):
            yield from [(np.empty(0, np.int64), np.empty(0))] * len(queries)
            return
        found = self._graph.search(queries.astype(np.float32), asked)
        keys, counts = np.atleast_2d(found.keys), np.atleast_1d(getattr(found, "counts", asked))
        for at, query in enumerate(queries):
            rows = np.sort(keys[at, : counts[at]].astype(np.int64))
            yield self._settled(rows, query, count, excluded[at] if excluded is not None else None)

    def _settled(
        self,
        rows: NDArray[np.int64],
        query: NDArray[np.float64],
        count: int,
        excluded: NDArray[np.int64] | None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Score candidates, in rising order, by the table itself and return the best."""
        if excluded is not None:
            rows = rows[~np.isin(rows, excluded)]
        cosines = np.clip((unit_rows(self._vectors[rows]) * query).sum(axis=1), -1.0, 1.0)
        if not np.isfinite(cosines).all():
            raise FormatError(
                f"row {rows[~np.isfinite(cosines)][0]} holds NaN or infinity: the file is damaged"
            )
        best = ranking(cosines)[:count]
        return rows[best], cosines[best]

    def save(self, path: Path) -> None:
        """Write the graph as a whole file or none; it is of use with the same table only.

        Args:
            path: the file to write.
        """
        from safetensors.numpy import save_file

        graph = np.frombuffer(self._graph.save(), np.uint8)
        metadata = {
            "kind": "graph of near word vectors",
            "table": recognized(self._vectors),
            "graph_sha256": hashlib.sha256(graph.data).hexdigest(),
        }
        with whole_file(path) as part:
            save_file({"graph": graph}, part, metadata)

    @classmethod
    def load(cls, path: Path, vectors: NDArray[np.float32]) -> ApproximateSearch:
        """Read a graph that `save` wrote.

        Args:
            path: the file.
            vectors: the table that it was built from.

        Returns:
            The search.

        Raises:
            FormatError: the file holds no graph, or one of another table.
            ChecksumError: the file is damaged.
        """
        from cutaway.embeddings.formats.safetensors_file import map_tensors

        tensors, metadata = map_tensors(path, ("graph",))
        graph = tensors["graph"]
        if hashlib.sha256(graph.data).hexdigest() != metadata.get("graph_sha256"):
            raise ChecksumError(f"{path}: the graph is not the one that was written: build it again")
        if metadata.get("table") != recognized(vectors):
            raise FormatError(f"{path}: the graph of another table: build it again for this one")
        # Copied: a graph that is only viewed would not keep the mapped file open.
        return cls(vectors, _usearch().Index.restore(graph.tobytes(), view=False))


def search_by_graph(
    vectors: NDArray[np.float32], index: str | Path | IndexSettings | None
) -> ApproximateSearch:
    """Build a graph, or open one.

    Args:
        vectors: (V, D) float32, finite.
        index: how to build it, or a file that `ApproximateSearch.save` wrote.

    Returns:
        The search.
    """
    if isinstance(index, str | Path):
        return ApproximateSearch.load(Path(index).expanduser(), vectors)
    return ApproximateSearch.build(vectors, index or IndexSettings())


def recognized(vectors: NDArray[np.float32]) -> str:
    """Return what tells a table from others: a sha256 over its shape and a thousand of its rows.

    Args:
        vectors: (V, D) float32.

    Returns:
        64 hex digits.
    """
    some = np.linspace(0, len(vectors) - 1, min(len(vectors), ROWS_TO_RECOGNIZE)).astype(np.int64)
    digest = hashlib.sha256(json.dumps(vectors.shape).encode())
    digest.update(np.ascontiguousarray(vectors[some], dtype="<f4").data)
    return digest.hexdigest()


def _usearch() -> Any:
    try:
        return importlib.import_module("usearch.index")
    except ImportError as error:
        raise ResourceError(
            "approximate search needs usearch: pip install 'cutaway[index]', or search exactly"
        ) from error
