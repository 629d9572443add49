"""Word vectors that are made of n-grams: unknown words are answered from theirs.

Letters: V words, G n-grams that have a row, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cutaway.core.errors import FormatError, ShapeError, UnknownNameError
from cutaway.embeddings.arguments import as_count, as_table
from cutaway.embeddings.similarity import unit_rows
from cutaway.embeddings.subwords import GramSettings, word_buckets
from cutaway.embeddings.vectors import Combine, Neighbor, QueryWords, WordVectors
from cutaway.embeddings.vocabulary import Vocabulary

WORDS_AT_A_TIME = 4096


class SubwordVectors(WordVectors):
    """Word vectors, and the n-grams to make up others from.

    A known word's vector is the mean of its row and those of its n-grams; an unknown one's the mean of
    the n-grams that have a row.

    Args:
        words: V distinct words.
        rows: (V + G, D) float: rows of the words, then of the n-grams.
        buckets: (G,) the bucket of each n-gram's row, rising.
        grams: which n-grams.
        vectors: (V, D) float, the words' vectors where they are known; else they are computed.
        replaced: how many words of the file were not UTF-8 and had to be changed.

    Raises:
        ShapeError: rows, words and buckets do not fit together.

    Example:
        >>> rows = [[1, 0], [0, 1], [0, 3]]
        >>> settings = GramSettings(shortest=3, longest=3)
        >>> known = sorted({int(b) for b in word_buckets("ab", settings)})
        >>> vectors = SubwordVectors(["ab"], rows, np.array(known), settings)
        >>> (3 * vectors["ab"]).round().tolist(), len(vectors)
        ([1.0, 4.0], 1)
    """

    def __init__(
        self,
        words: Iterable[str],
        rows: ArrayLike,
        buckets: NDArray[np.int64],
        grams: GramSettings,
        *,
        vectors: ArrayLike | None = None,
        replaced: int = 0,
    ) -> None:
        known = words if isinstance(words, Vocabulary) else Vocabulary(words)
        self.rows = as_table(rows)
        """(V + G, D) float32, read-only: rows of the words, then of the n-grams."""
        if self.rows.ndim != 2 or len(self.rows) != len(known) + len(buckets):
            raise ShapeError(
                f"{len(known)} words, {len(buckets)} n-grams, rows of shape {self.rows.shape}: "
                "expected one row each"
            )
        if (np.diff(buckets) <= 0).any():
            raise ShapeError("the buckets of the n-grams' rows do not rise")
        self.grams = grams
        """Which n-grams stand for a word."""
        self.buckets = buckets
        """(G,) the buckets that have a row."""
        super().__init__(known, self._means(known) if vectors is None else vectors, replaced=replaced)

    @property
    def gram_rows(self) -> NDArray[np.float32]:
        """The rows of the n-grams, (G, D) float32."""
        return self.rows[len(self.words) :]

    @property
    def word_rows(self) -> NDArray[np.float32]:
        """The words' own rows, (V, D) float32."""
        return self.rows[: len(self.words)]

    def __repr__(self) -> str:
        return f"SubwordVectors({len(self):,} words × {self.dim} dimensions)"

    def __getitem__(self, word: str) -> NDArray[np.float32]:
        """Return the vector of any word that shares an n-gram with a known one, (D,) float32.

        Raises:
            UnknownNameError: none of its n-grams has a row.
            FormatError: one of these rows holds NaN or infinity.
        """
        if self.words.find(word) is not None:
            return super().__getitem__(word)
        asked = word_buckets(word, self.grams)
        places, met = self._places(asked)
        if not met.any():
            raise UnknownNameError(
                f"no vector for {word!r}: none of its {len(asked)} n-grams was met in training"
            )
        vector: NDArray[np.float32] = self.gram_rows[places[met]].mean(axis=0, dtype=np.float64).astype("f4")
        if not np.isfinite(vector).all():
            raise FormatError(f"an n-gram of {word!r} holds NaN or infinity: the file is damaged")
        return vector

    def most_similar(
        self,
        positive: str | Sequence[str] = (),
        negative: str | Sequence[str] = (),
        topn: int = 10,
        *,
        query_words: QueryWords = "exclude",
        combine: Combine = "sum",
    ) -> list[Neighbor]:
        """Return the known words nearest to a sum of words; unknown ones are made up from n-grams.

        Args:
            positive: the word or words to add.
            negative: the word or words to subtract.
            topn: how many neighbors.
            query_words: "exclude" leaves the query words out of the answer.
            combine: "sum", or with known words only "product".

        Returns:
            Neighbors, the nearest first.
        """
        added = (positive,) if isinstance(positive, str) else tuple(positive)
        taken = (negative,) if isinstance(negative, str) else tuple(negative)
        asked = {*added, *taken}
        if combine == "product" or all(word in self.words for word in asked):
            return super().most_similar(added, taken, topn, query_words=query_words, combine=combine)
        count = as_count(topn)
        units = unit_rows(np.stack([self[word] for word in added + taken]))
        signs = np.array([1] * len(added) + [-1] * len(taken))
        found = self.nearest((units * signs[:, None]).mean(axis=0), count + len(asked))
        kept = [near for near in found if query_words == "include" or near.word not in asked]
        return kept[:count]

    def _places(self, asked: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return which row of the n-grams each bucket has, and whether it has one."""
        if not len(self.buckets):
            return np.zeros(len(asked), np.int64), np.zeros(len(asked), bool)
        places = np.minimum(np.searchsorted(self.buckets, asked), len(self.buckets) - 1)
        return places, self.buckets[places] == asked

    def _means(self, words: Vocabulary) -> NDArray[np.float32]:
        """Return each word's mean of its row and its n-grams', a block of words at a time."""
        means = np.empty((len(words), self.rows.shape[1]), np.float32)
        for start in range(0, len(words), WORDS_AT_A_TIME):
            bags = [word_buckets(word, self.grams) for word in words[start : start + WORDS_AT_A_TIME]]
            starts = np.append(0, np.cumsum([1 + len(bag) for bag in bags]))
            places, met = self._places(np.concatenate(bags))
            is_own = np.zeros(starts[-1], bool)
            is_own[starts[:-1]] = True
            rows, counted = np.empty(len(is_own), np.int64), np.ones(len(is_own))
            rows[is_own] = np.arange(start, start + len(bags))
            rows[~is_own], counted[~is_own] = len(words) + np.where(met, places, -len(words)), met
            sums = np.add.reduceat(self.rows[rows] * counted[:, None], starts[:-1], axis=0)
            means[start : start + len(bags)] = sums / np.add.reduceat(counted, starts[:-1])[:, None]
        return means
