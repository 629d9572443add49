"""fastText's `.bin`: settings, dictionary, rows of words and of n-grams, rows of outputs.

    magic, version; 12 settings, one float64; 3 sizes, 2 long ones; for each entry its bytes, a zero,
    its count, its type; one byte; rows, columns, float32 ...; and the same once more for the outputs

The format is fastText's own and has no description but its program (Bojanowski et al. 2017,
github.com/facebookresearch/fastText, version 12 of the file).

Letters: V words, B buckets, D dimensions.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, FormatError
from cutaway.core.files import whole_file
from cutaway.core.text import Undecodable
from cutaway.embeddings.vocabulary import first_of_equals

if TYPE_CHECKING:
    from cutaway.embeddings.vectors import WordVectors

MAGIC, VERSION = 793712314, 12
SETTINGS = struct.Struct("<2i12id")
SIZES = struct.Struct("<3i2q")
ENTRY = struct.Struct("<qb")
MATRIX = struct.Struct("<?2q")
LONGEST_WORD = 4096
ROWS_AT_A_TIME = 8192
WORD, LABEL = 0, 1
SKIP_GRAM, NEGATIVES = 2, 2


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the file says before its dictionary, and where that begins."""

    dim: int
    buckets: int
    shortest: int
    longest: int
    entries: int
    words: int
    at: int


def looks_like_fasttext(head: bytes) -> bool:
    """Tell fastText's binary format by its first four bytes.

    Args:
        head: the file's first bytes.

    Returns:
        True if they are fastText's.
    """
    return head[:4] == MAGIC.to_bytes(4, "little")


def read_fasttext(path: Path, *, undecodable: Undecodable = "strict") -> WordVectors:
    """Read a model that fastText or gensim wrote, of words alone or with n-grams.

    Args:
        path: the `.bin` file.
        undecodable: what to do with words that are not UTF-8: "strict" raises, "replace" puts U+FFFD
            for what cannot be decoded, and of words that become the same keeps the first.

    Returns:
        Word vectors; with n-grams they answer for unknown words too. Labels are left out.

    Raises:
        FormatError: truncated, compressed, of another version, or damaged.
    """
    from cutaway.embeddings.subword_vectors import SubwordVectors
    from cutaway.embeddings.subwords import GramSettings
    from cutaway.embeddings.vectors import WordVectors

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            header = _read_header(path, data)
            words, replaced, at = _read_words(path, data, header, undecodable)
            compressed, rows, dim = MATRIX.unpack_from(data, at)
        except struct.error as error:
            raise FormatError(
                f"{path}: ends within its header or dictionary: the file is truncated"
            ) from error
        at += MATRIX.size
        if compressed:
            raise FormatError(
                f"{path}: compressed by fastText (.ftz): its rows are codes; give the model before"
            )
        if dim != header.dim or rows != header.words + header.buckets:
            raise FormatError(
                f"{path}: {rows:,} rows of {dim} numbers, but its header has {header.words:,} words, "
                f"{header.buckets:,} buckets and {header.dim} dimensions: the file is damaged"
            )
        if at + 4 * rows * dim > len(data):
            raise FormatError(
                f"{path}: {rows:,} rows of {dim} numbers do not fit into {len(data):,} bytes: it is truncated"
            )
    table = np.memmap(path, "<f4", "r", offset=at, shape=(rows, dim)).view(np.ndarray)
    _check_finite(path, table)
    if replaced:
        kept = first_of_equals(words)
        table = np.concatenate([table[kept], table[header.words :]])
        words = [words[row] for row in kept]
    try:
        if header.longest == 0 or header.buckets == 0:
            return WordVectors(words, np.array(table[: len(words)]), replaced=replaced)
        grams = GramSettings(shortest=max(1, header.shortest), longest=header.longest, buckets=header.buckets)
        buckets = np.arange(header.buckets, dtype=np.int64)
        return SubwordVectors(words, table, buckets, grams, replaced=replaced)
    except DataError as error:  # a word twice
        raise FormatError(f"{path}: {error}") from error


def write_fasttext(path: Path, vectors: WordVectors) -> None:
    """Write fastText's binary format as a whole file or none; what training needs besides is zero.

    Args:
        path: the file to write.
        vectors: with n-grams, if they have them.

    Raises:
        DataError: a word has a zero in it, or is longer than the format allows.
    """
    for word in vectors.words:
        if "\0" in word or len(word.encode()) >= LONGEST_WORD:
            raise DataError(
                f"{path}: fasttext-binary cannot hold the word {word[:40]!r}: save as .safetensors"
            )
    from cutaway.embeddings.subword_vectors import SubwordVectors

    shortest = longest = buckets = 0
    own: NDArray[np.float32] = vectors.vectors
    if isinstance(vectors, SubwordVectors):
        own = vectors.word_rows
        shortest, longest, buckets = vectors.grams.shortest, vectors.grams.longest, vectors.grams.buckets
    count, dim = own.shape
    settings = (dim, 5, 1, 1, 5, 1, NEGATIVES, SKIP_GRAM, buckets, shortest, longest, 100, 1e-4)
    with whole_file(path) as part, part.open("wb") as file:
        file.write(SETTINGS.pack(MAGIC, VERSION, *settings))
        file.write(SIZES.pack(count, count, 0, count * (count + 1) // 2, -1))
        for row, word in enumerate(vectors.words):
            file.write(word.encode() + b"\0" + ENTRY.pack(count - row, WORD))
        file.write(MATRIX.pack(False, count + buckets, dim))
        file.write(own.astype("<f4", order="C").data)
        start = file.tell()
        if isinstance(vectors, SubwordVectors):
            for bucket, row in zip(vectors.buckets.tolist(), vectors.gram_rows.astype("<f4"), strict=True):
                file.seek(start + 4 * dim * bucket)
                file.write(row.tobytes())
        # What is never written reads as zero: buckets without a row, and the outputs.
        file.seek(start + 4 * dim * buckets)
        file.write(MATRIX.pack(False, count, dim))
        file.truncate(file.tell() + 4 * count * dim)


def _check_finite(path: Path, table: NDArray[np.float32]) -> None:
    for start in range(0, len(table), ROWS_AT_A_TIME):
        finite = np.isfinite(table[start : start + ROWS_AT_A_TIME]).all(axis=1)
        if not finite.all():
            row = start + int(np.flatnonzero(~finite)[0])
            raise FormatError(f"{path}: row {row:,} of {len(table):,} holds NaN or infinity")


def _read_header(path: Path, data: mmap.mmap) -> Header:
    magic, version, *settings = SETTINGS.unpack_from(data, 0)
    dim, _, _, _, _, _, _, _, buckets, shortest, longest, _, _ = settings
    if magic != MAGIC or version not in (11, VERSION):
        raise FormatError(f"{path}: fastText file of version {version}: 11 and 12 are read")
    entries, words, labels, _, pruned = SIZES.unpack_from(data, SETTINGS.size)
    if min(dim, words) < 1 or labels < 0 or entries != words + labels or not 0 <= buckets <= 1 << 30:
        raise FormatError(
            f"{path}: {dim} dimensions, {words} words and {labels} labels of {entries} entries, {buckets} "
            "buckets: the header is damaged"
        )
    if pruned >= 0:
        raise FormatError(f"{path}: pruned by fastText (.ftz): give the model as it was before")
    if not 0 <= shortest <= longest <= 100 and longest:
        raise FormatError(f"{path}: n-grams of {shortest} to {longest} letters: the header is damaged")
    return Header(
        dim=dim, buckets=buckets, shortest=shortest, longest=longest,
        entries=entries, words=words, at=SETTINGS.size + SIZES.size,
    )  # fmt: skip


def _read_words(
    path: Path, data: mmap.mmap, header: Header, undecodable: Undecodable
) -> tuple[list[str], int, int]:
    """Return the words, labels left out; how many were replaced; where the dictionary ends."""
    at, words, replaced = header.at, [], 0
    for entry in range(header.entries):
        end = data.find(b"\0", at, at + LONGEST_WORD)
        if end < 0:
            raise FormatError(
                f"{path}: entry {entry} of {header.entries:,} is cut off or damaged at byte {at}"
            )
        try:
            word = data[at:end].decode("utf-8")
        except UnicodeDecodeError as error:
            if undecodable == "strict":
                raise FormatError(
                    f"{path}: entry {entry}: the word at byte {at} is not valid UTF-8: "
                    f"{data[at:end][:40]!r}; or ask for replacement"
                ) from error
            word = data[at:end].decode("utf-8", errors="replace")
            replaced += 1
        _, kind = ENTRY.unpack_from(data, end + 1)
        if kind == WORD:
            words.append(word)
        at = end + 1 + ENTRY.size
    if len(words) != header.words:
        raise FormatError(
            f"{path}: {len(words):,} words, its header has {header.words:,}: the file is damaged"
        )
    return words, replaced, at
