"""Word vectors: a table of words and what can be asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cutaway.core.errors import FormatError, ShapeError, UsageError
from cutaway.core.text import Undecodable
from cutaway.core.trace import Trace
from cutaway.embeddings.analogy import (
    PRODUCT_DECIMALS,
    WordSum,
    direction,
    product_scores,
    trace_sum,
    word_sum,
)
from cutaway.embeddings.arguments import as_count, as_directions, as_floats, as_table, finite_lengths
from cutaway.embeddings.neighbors import ExactSearch, highest
from cutaway.embeddings.similarity import cosine, trace_similarity, unit_rows
from cutaway.embeddings.vocabulary import Vocabulary

if TYPE_CHECKING:
    from cutaway.embeddings.approximate import ApproximateSearch, IndexSettings
    from cutaway.embeddings.formats.safetensors_file import Storage
    from cutaway.embeddings.formats.saving import Layout

QueryWords = Literal["exclude", "include"]
Combine = Literal["sum", "product"]


class Neighbor(NamedTuple):
    """A word and the cosine of its vector with the one asked for."""

    word: str
    similarity: float


class WordVectors:
    """An immutable table of words and their vectors.

    Look-ups and similarities touch only the rows they need; the first search for neighbors reads the
    whole table once, for the lengths of its rows.

    Args:
        words: the distinct words, one for each row.
        vectors: (V, D) float; kept without a copy if it is read-only float32.
        replaced: how many words of the file were not UTF-8 and had to be changed.

    Raises:
        ShapeError: `vectors` is not a matrix with one row for each word.
        DataError: a vector holds NaN, or a number beyond float32.

    Example:
        >>> v = WordVectors(["east", "north", "northeast"], [[1, 0], [0, 1], [1, 1]])
        >>> round(v.similarity("east", "northeast"), 4)
        0.7071
        >>> [near.word for near in v.most_similar(["northeast"], ["north"])]
        ['east']
    """

    def __init__(self, words: Iterable[str], vectors: ArrayLike, *, replaced: int = 0) -> None:
        self.replaced = replaced
        """How many words of the file were not UTF-8 and had to be changed."""
        self.words = words if isinstance(words, Vocabulary) else Vocabulary(words)
        """The words in row order, a sequence."""
        self.vectors = as_table(vectors)
        """The whole table, (V, D) float32, read-only."""
        shape = self.vectors.shape
        if len(shape) != 2 or shape[0] != len(self.words) or 0 in shape:
            raise ShapeError(f"{len(self.words)} words, vectors of shape {shape}: expected one row a word")

    @classmethod
    def load(cls, source: str | Path, *, undecodable: Undecodable = "strict") -> WordVectors:
        """Open vectors by catalog name or by path, whatever the format.

        Args:
            source: a catalog name ("glove-6b-50d") or a path: safetensors, GloVe or word2vec text
                (gzipped or not), word2vec or fastText binary, a folder with one `.npy` and one
                `.parquet` file. A path that exists is preferred.
            undecodable: words that are not UTF-8: "strict" raises, "replace" puts U+FFFD in them, of
                words that become the same keeps the first, and counts in `replaced`.

        Returns:
            The table; mapped from the file, not read, where the format allows it.
        """
        from cutaway.embeddings.formats.opening import open_vectors

        return open_vectors(source, undecodable=undecodable)

    def save(self, path: str | Path, *, layout: Layout | None = None, storage: Storage = "float32") -> None:
        """Write the table as a whole file or none; its ending chooses the format.

        Args:
            path: `.safetensors` opens fastest; `.txt` is GloVe text, `.vec` word2vec and fastText
                text, `.bin` word2vec binary.
            layout: the format, where the ending does not say; "fasttext-binary" is fastText's `.bin`,
                with n-grams where the vectors have them.
            storage: "float16" halves a safetensors file, "int8" quarters it; both round.
        """
        from cutaway.embeddings.formats.saving import layout_of, write_vectors

        target = Path(path).expanduser()
        write_vectors(target, self, layout or layout_of(target), storage)

    @property
    def dim(self) -> int:
        """How many dimensions a vector has."""
        return int(self.vectors.shape[1])

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.words

    def __repr__(self) -> str:
        return f"WordVectors({len(self):,} words × {self.dim} dimensions)"

    def __getitem__(self, word: str) -> NDArray[np.float32]:
        """Return the vector of `word`, (D,) float32, a read-only view of the table.

        Raises:
            FormatError: the vector holds NaN or infinity.
        """
        vector: NDArray[np.float32] = self.vectors[self.words.row(word)]
        if not np.isfinite(vector).all():
            raise FormatError(f"the vector of {word!r} holds NaN or infinity: the file is damaged")
        return vector

    def similarity(self, a: str, b: str) -> float:
        """Return the cosine of two words' vectors, from -1 to 1.

        Args:
            a: a word.
            b: another.

        Returns:
            The cosine; 0 if either vector is zero.
        """
        return cosine(self[a], self[b])

    def most_similar(
        self,
        positive: str | Sequence[str] = (),
        negative: str | Sequence[str] = (),
        topn: int = 10,
        *,
        query_words: QueryWords = "exclude",
        combine: Combine = "sum",
    ) -> list[Neighbor]:
        """Return the words nearest to a sum of words, each counted by its direction alone.

        Args:
            positive: the word or words to add.
            negative: the word or words to subtract.
            topn: how many neighbors; all words, if there are fewer.
            query_words: "exclude" leaves the query words themselves out of the answer.
            combine: "sum" ranks by the cosine with the sum (3CosAdd); "product" by products of
                cosines (3CosMul, equation 2 of `embeddings.analogy`), whose scores may exceed 1.

        Returns:
            Neighbors, the nearest first, equally near ones in row order.
        """
        words, count = self._sum(positive, negative), as_count(topn)
        excluded = np.array(words.rows) if query_words == "exclude" else None
        if combine == "sum":
            rows, scores = self._search.nearest(direction(self.vectors, words), count, excluded)
            return self._neighbors(rows, scores)
        scores = product_scores(self.vectors, self._search.lengths, words)
        if excluded is not None:
            scores[excluded] = -np.inf
        rows = highest(scores, count, PRODUCT_DECIMALS)
        return self._neighbors(rows, scores[rows])

    def analogy(self, a: str, b: str, c: str, topn: int = 10, *, combine: Combine = "sum") -> list[Neighbor]:
        """Return what is to `c` as `a` is to `b`: the words nearest to a - b + c.

        Args:
            a: "king", in "king - man + woman".
            b: "man".
            c: "woman".
            topn: how many answers.
            combine: "sum" (3CosAdd) or "product" (3CosMul).

        Returns:
            Neighbors, the nearest first, without the three words.
        """
        return self.most_similar([a, c], [b], topn, combine=combine)

    def similarities(self, words: Sequence[str], others: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Return the cosine of each of some words with each of others.

        Args:
            words: W words.
            others: O words; the same ones, if none are given.

        Returns:
            (W, O) float64, from -1 to 1; 1 - this is the matrix of cosine distances.
        """
        units = unit_rows(np.stack([self[word] for word in words]))
        across = units if others is None else unit_rows(np.stack([self[word] for word in others]))
        return np.clip(units @ across.T, -1.0, 1.0)

    def doesnt_match(self, words: Sequence[str]) -> str:
        """Return the word that lies farthest from the middle of the others and itself.

        Args:
            words: at least three words.

        Returns:
            The word with the lowest cosine with the mean of all their directions.

        Raises:
            UsageError: fewer than three words.

        Example:
            >>> WordVectors("abc", [[1, 0], [1, 0.1], [0, 1]]).doesnt_match(["a", "b", "c"])
            'c'
        """
        if len(words) < 3 or isinstance(words, str):
            raise UsageError(f"{words!r}: give at least three words, of which one does not match")
        units = unit_rows(np.stack([self[word] for word in words]))
        return words[int(np.argmin(np.round(units @ units.mean(axis=0), 12)))]

    def nearest(self, vector: ArrayLike, topn: int = 10) -> list[Neighbor]:
        """Return the words nearest to a vector of any length.

        Args:
            vector: (D,) float, finite and not zero.
            topn: how many neighbors; all words, if there are fewer.

        Returns:
            Neighbors, the nearest first, equally near ones in row order.

        Raises:
            ShapeError: the vector has another number of dimensions than the table.
        """
        query = as_floats(vector)
        if query.shape != (self.dim,):
            raise ShapeError(f"a vector of shape {query.shape}: this table has {self.dim} dimensions")
        return self._neighbors(*self._search.nearest(as_directions(query[None])[0], as_count(topn)))

    def nearest_batch(self, vectors: ArrayLike, topn: int = 10) -> list[list[Neighbor]]:
        """Return `nearest` for many vectors, at a fraction of the time for each.

        Args:
            vectors: (Q, D) float, each finite and not zero.
            topn: how many neighbors of each.

        Returns:
            For each vector its neighbors, the nearest first.

        Raises:
            ShapeError: the vectors are no matrix with the table's number of dimensions.
        """
        queries = as_floats(vectors)
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise ShapeError(f"vectors of shape {queries.shape}: expected (queries, {self.dim})")
        found = self._search.nearest_batch(as_directions(queries), as_count(topn))
        return [self._neighbors(rows, cosines) for rows, cosines in found]

    def approximate(self, index: str | Path | IndexSettings | None = None) -> Self:
        """Return the same table, searched by a graph of near rows: for millions of rows.

        A search may miss a neighbor; cosines are exact. "product" and traces read the whole table.

        Args:
            index: how to build the graph, or a file that `save_index` wrote.

        Returns:
            The same words and vectors.
        """
        from cutaway.embeddings.approximate import search_by_graph

        finite_lengths(self.vectors, self.words)
        table = copy(self)
        table.__dict__["_search"] = search_by_graph(self.vectors, index)
        return table

    def save_index(self, path: str | Path) -> None:
        """Write the graph of a table that `approximate` returned, to open it without building.

        Args:
            path: the file to write.

        Raises:
            UsageError: this table is searched exactly and has no graph.
        """
        from cutaway.embeddings.approximate import ApproximateSearch

        if not isinstance(search := self.__dict__.get("_search"), ApproximateSearch):
            raise UsageError("this table has no index: save that of approximate()")
        search.save(Path(path).expanduser())

    def trace_similarity(self, a: str, b: str) -> Trace:
        """Return `similarity(a, b)` step by step: products by dimension, dot product, lengths, cosine.

        Args:
            a: a word.
            b: another.

        Returns:
            As `embeddings.similarity.trace_similarity`.
        """
        return trace_similarity(self[a], self[b], (a, b))

    def trace_most_similar(
        self, positive: str | Sequence[str] = (), negative: str | Sequence[str] = (), topn: int = 10
    ) -> Trace:
        """Return `most_similar` step by step, with and without the query words in the answer.

        Args:
            positive: the word or words to add.
            negative: the word or words to subtract.
            topn: how many neighbors to show.

        Returns:
            The trace of `embeddings.analogy.trace_sum`.
        """
        finite_lengths(self.vectors, self.words)
        return trace_sum(self.vectors, self._sum(positive, negative), self.words, as_count(topn))

    @cached_property
    def _search(self) -> ExactSearch | ApproximateSearch:
        return ExactSearch(self.vectors, finite_lengths(self.vectors, self.words))

    def _sum(self, positive: str | Sequence[str], negative: str | Sequence[str]) -> WordSum:
        words = word_sum(self.words, positive, negative)
        for word in words.words:
            self[word]  # refuses a damaged vector
        return words

    def _neighbors(self, rows: NDArray[np.int64], scores: NDArray[np.float64]) -> list[Neighbor]:
        return [Neighbor(self.words[int(row)], float(s)) for row, s in zip(rows, scores, strict=True)]
