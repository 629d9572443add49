"""Word vectors that are made of n-grams: unknown words are answered from theirs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cutaway.core.errors import UnknownNameError
from cutaway.embeddings.subwords import GramSettings, pieces_of, word_buckets
from cutaway.embeddings.vectors import Combine, Neighbor, QueryWords, WordVectors


class SubwordVectors(WordVectors):
    """Word vectors, and the n-grams to make up others from.

    A known word's vector is the mean of its row and those of its n-grams; an unknown one's the mean of
    the n-grams that training met.

    Args:
        words: V distinct words.
        rows: (V + G, D) float: rows of the words, then of the n-grams.
        buckets: (G,) the bucket of each n-gram's row, rising.
        grams: which n-grams.

    Example:
        >>> rows = [[1, 0], [0, 1], [0, 3]]
        >>> settings = GramSettings(shortest=3, longest=3)
        >>> known = sorted({int(b) for b in word_buckets("ab", settings)})
        >>> vectors = SubwordVectors(["ab"], rows, np.array(known), settings)
        >>> (3 * vectors["ab"]).round().tolist(), len(vectors)
        ([1.0, 4.0], 1)
    """

    def __init__(
        self, words: Iterable[str], rows: ArrayLike, buckets: NDArray[np.int64], grams: GramSettings
    ) -> None:
        table = np.asarray(rows, np.float32)
        names = list(words)
        pieces = pieces_of(names, grams)
        places = np.searchsorted(buckets, pieces.buckets)
        at = np.where(pieces.rows < len(names), pieces.rows, 0)
        grown = pieces.rows >= len(names)
        at[grown] = len(names) + places[pieces.rows[grown] - len(names)]
        lengths = np.diff(pieces.starts)
        sums = np.add.reduceat(table[at], pieces.starts[:-1], axis=0, dtype=np.float64)
        super().__init__(words, sums / lengths[:, None])
        self.grams = grams
        """Which n-grams stand for a word."""
        self.buckets = buckets
        """(G,) the buckets that have a row."""
        self.gram_rows: NDArray[np.float32] = table[len(names) :].copy()
        """(G, D) float32, the rows of the n-grams."""
        self.word_rows: NDArray[np.float32] = table[: len(names)].copy()
        """(V, D) float32, the words' own rows."""

    def __repr__(self) -> str:
        return f"SubwordVectors({len(self):,} words × {self.dim} dimensions)"

    def __getitem__(self, word: str) -> NDArray[np.float32]:
        """Return the vector of any word that shares an n-gram with a known one, (D,) float32.

        Raises:
            UnknownNameError: none of its n-grams was ever met.
        """
        if self.words.find(word) is not None:
            return super().__getitem__(word)
        asked = word_buckets(word, self.grams)
        places = np.minimum(np.searchsorted(self.buckets, asked), len(self.buckets) - 1)
        met = places[self.buckets[places] == asked] if len(self.buckets) else places[:0]
        if not len(met):
            raise UnknownNameError(
                f"no vector for {word!r}: none of its {len(asked)} n-grams was met in training"
            )
        vector: NDArray[np.float32] = self.gram_rows[met].mean(axis=0, dtype=np.float64).astype(np.float32)
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
        units = [
            (sign, self[word].astype(np.float64)) for sign, some in ((1, added), (-1, taken)) for word in some
        ]
        total = sum(sign * vector / max(float(np.linalg.norm(vector)), 1e-30) for sign, vector in units)
        found = self.nearest(total, topn + len(asked))
        kept = [near for near in found if query_words == "include" or near.word not in asked]
        return kept[:topn]
