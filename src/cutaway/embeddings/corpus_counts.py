"""The vocabulary of a corpus, and the corpus as numbers, in one pass.

`count_corpus` reads sentences once, numbering words as they appear; then the words are sorted by
count, the rare ones are dropped, and the numbers become rows. A generator will do as a corpus: it is
not read again. The fast path is a kernel over bytes; `count_words` is the same with a dictionary.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import IO

import numpy as np

from cutaway.core.errors import DataError, ResourceError, UsageError
from cutaway.embeddings.corpus import Sentence, pieces, split_words
from cutaway.embeddings.numbering import Chunk, Ids, Longs, Numbering

# Longer sentences are cut, so that the room for one sentence is bounded.
LONGEST = 10_000
SENTENCES_AT_A_TIME = 512
WORDS_AT_A_TIME = 1 << 18
# 256 MB of ids stay in memory, the rest goes to a temporary file.
IDS_IN_MEMORY = 1 << 26


@dataclass(frozen=True, kw_only=True)
class EncodedCorpus:
    """A corpus as rows of a vocabulary.

    Attributes:
        words: the vocabulary, the most frequent first, equally frequent ones as they appeared.
        counts: (V,) how often each occurs.
        ids: the row of each word kept, sentence after sentence.
        starts: (S + 1,) where each sentence begins.
        read: words read, rare ones included.
    """

    words: list[str]
    counts: Longs
    ids: Ids
    starts: Longs
    read: int

    def digest(self) -> str:
        """Return a sha256 that tells this corpus from another.

        Returns:
            64 hexadecimal digits over words, ids and sentences.
        """
        found = hashlib.sha256("\n".join(self.words).encode())
        for array in (self.ids, self.starts):
            found.update(np.ascontiguousarray(array).data)
        return found.hexdigest()

    def blocks(self, size: int = 1 << 20) -> Iterator[Ids]:
        """Yield the ids with -1 behind each sentence, in pieces of whole sentences.

        Args:
            size: about how many ids make a piece.

        Yields:
            int32 arrays, as counting co-occurrences takes them.

        Example:
            >>> corpus = count_corpus(["a b", "b c"])
            >>> [block.tolist() for block in corpus.blocks()]
            [[1, 0, -1, 0, 2, -1]]
        """
        at, last = 0, len(self.starts) - 1
        while at < last:
            first = self.starts[at]
            to = max(at + 1, int(np.searchsorted(self.starts, first + size, "right")) - 1)
            yield np.insert(self.ids[first : self.starts[to]], self.starts[at + 1 : to + 1] - first, -1)
            at = to


def count_corpus(
    sentences: Iterable[Sentence], *, min_count: int = 1, max_words: int | None = None
) -> EncodedCorpus:
    """Count and encode a corpus in one pass.

    Args:
        sentences: texts, which the plain splitter divides, or sequences of words.
        min_count: how often a word must occur to be kept.
        max_words: at most so many words are kept, the most frequent.

    Returns:
        The vocabulary and the encoded sentences; of a sentence the rare words are left out.

    Raises:
        DataError: no words at all, or none frequent enough.

    Example:
        >>> corpus = count_corpus(["To be, or not to be", ["be", "there"]], min_count=2)
        >>> corpus.words, corpus.counts.tolist(), corpus.ids.tolist(), corpus.starts.tolist()
        (['be', 'to'], [3, 2], [1, 0, 1, 0, 0], [0, 4, 5])
    """
    numbering, store = Numbering(), IdStore()
    for batch in _batches(sentences):
        store.append(numbering.add(batch))
    counts = numbering.counts()
    if not len(counts):
        raise DataError("the corpus is empty: no sentence has a word")
    order = np.argsort(-counts, kind="stable")
    kept = order[: int((counts >= min_count).sum())][:max_words]
    if not len(kept):
        (first,) = numbering.words(order[:1])
        raise DataError(
            f"no word occurs {min_count} times or more: the most frequent of {len(counts):,} words, "
            f"{first!r}, occurs {counts[order[0]]} times; lower min_count or give more text"
        )
    rows = np.full(len(counts), -1, np.int32)
    rows[kept] = np.arange(len(kept), dtype=np.int32)
    ids, starts = store.finish(rows)
    return EncodedCorpus(
        words=numbering.words(kept),
        counts=counts[kept],
        ids=ids,
        starts=starts,
        read=int(counts.sum()),
    )


def count_words(sentences: Iterable[Sentence]) -> Counter[str]:
    """Return how often each word occurs, with a plain dictionary: the open path of `count_corpus`.

    Args:
        sentences: texts, which the plain splitter divides, or sequences of words.

    Returns:
        Word to count, in order of first appearance.

    Example:
        >>> count_words(["a b a"]).most_common()
        [('a', 2), ('b', 1)]
    """
    found: Counter[str] = Counter()
    for sentence in sentences:
        found.update(split_words(sentence) if isinstance(sentence, str) else sentence)
    return found


class IdStore:
    """Numbered sentences, in memory up to a limit, then in a temporary file that has no name.

    Args:
        in_memory: how many ids may stay in memory.
    """

    def __init__(self, in_memory: int = IDS_IN_MEMORY) -> None:
        self._chunks: list[Chunk] = []
        self._held, self._limit = 0, in_memory
        self._file: IO[bytes] | None = None

    def append(self, chunk: Chunk) -> None:
        """Add sentences behind those that are there.

        Args:
            chunk: their ids, and where each sentence ends.
        """
        self._held += len(chunk.ids)
        if self._held > self._limit:
            with _disk():
                self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115  closed by `finish`
                start = self._file.tell()
                self._file.write(np.ascontiguousarray(chunk.ids).data)
                self._file.flush()
                ids = (
                    np.memmap(self._file, np.int32, "r+", start, len(chunk.ids))
                    if len(chunk.ids)
                    else chunk.ids
                )
            chunk = Chunk(ids, chunk.ends)
        self._chunks.append(chunk)

    def finish(self, rows: Ids) -> tuple[Ids, Longs]:
        """Translate every id, drop those without a row, and cut sentences that are too long.

        Args:
            rows: (M,) the row of each id, -1 for none.

        Returns:
            The rows, all sentences in one array (mapped from a file if they were spilled), and (S + 1,)
            where each sentence that still has words begins.
        """
        from cutaway.embeddings.numbering_kernels import translate_rows

        with _disk():
            out = tempfile.TemporaryFile() if self._file else None  # noqa: SIM115  closed below
        kept: list[Ids] = []
        lengths: list[Longs] = []
        for chunk in self._chunks:
            some, long = np.empty(len(chunk.ids) + 1, np.int32), np.empty(len(chunk.ends), np.int64)
            kept.append(some[: translate_rows(np.asarray(chunk.ids), chunk.ends, rows, some, long)])
            lengths.append(long)
            if out is not None:
                with _disk():
                    out.write(kept.pop().data)
        self._chunks.clear()
        if self._file:
            self._file.close()
        starts = _starts(np.concatenate(lengths))
        if out is None:
            return np.concatenate(kept), starts
        with _disk(), out:  # a map outlives the file that it was made from
            out.flush()
            return np.memmap(out, np.int32, "r", shape=(int(starts[-1]),)), starts


@contextmanager
def _disk() -> Iterator[None]:
    """Say in words what the system's folder for temporary files could not do."""
    try:
        yield
    except OSError as error:
        raise ResourceError(
            f"cannot keep a large corpus in {tempfile.gettempdir()}: {error.strerror}: free space there, or "
            "name another folder in TMPDIR"
        ) from error


def _starts(lengths: Longs) -> Longs:
    """Return where sentences begin, those longer than LONGEST in pieces, empty ones gone."""
    starts = np.append(0, np.cumsum(lengths[lengths > 0]))
    if lengths.max(initial=0) <= LONGEST:
        return starts
    cut = [np.arange(start, end, LONGEST) for start, end in pairwise(starts.tolist())]
    return np.append(np.concatenate(cut), starts[-1])


def _batches(sentences: Iterable[Sentence]) -> Iterator[list[Sentence]]:
    """Yield sentences some at a time, so that neither their number nor their size grows large."""
    if isinstance(sentences, (str, bytes)):
        raise UsageError("a corpus is a sequence of sentences, not one text: read_corpus opens files")
    batch: list[Sentence] = []
    size = 0
    for sentence in sentences:
        for piece in pieces(sentence) if isinstance(sentence, str) else (sentence,):
            batch.append(piece)
            size += len(piece) if hasattr(piece, "__len__") else 1
            if len(batch) == SENTENCES_AT_A_TIME or size > WORDS_AT_A_TIME:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch
