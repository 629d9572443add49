"""Vectors in word2vec's binary format: a line "count dimensions", then word, space, raw float32.

word2vec.c ends each row with a line feed and gensim does not, so a line feed before a word is dropped.
"""

from __future__ import annotations

import codecs
import mmap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, FormatError
from cutaway.core.files import whole_file
from cutaway.core.text import Undecodable
from cutaway.embeddings.vocabulary import Vocabulary, first_of_equals

LONGEST_WORD = 4096
LONGEST_HEADER = 64


def looks_binary(path: Path, head: bytes) -> bool:
    """Tell word2vec's binary format from its text format, which begin with the same line.

    Args:
        path: the file; its ending counts only where its bytes leave it open.
        head: its first bytes, hundreds at least.

    Returns:
        True if a line of two counts is followed by bytes that are no text.

    Example:
        >>> looks_binary(Path("a"), b"1 2\\nking \\x00\\x00\\x80?\\xcd\\xcc\\xcc=")
        True
        >>> looks_binary(Path("b"), b"1 2\\nking 1 2\\n")
        False
    """
    header, _, rest = head.partition(b"\n")
    fields = header.split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        return False
    row, line_end, _ = rest.partition(b"\n")
    numbers = row.split()[1:]
    # A binary row may begin with what a text would end with, so the count must be right as well.
    complete = len(numbers) == int(fields[1]) or (numbers and not line_end)
    if complete and all(byte in b"0123456789+-.eE" for number in numbers for byte in number):
        return False
    if path.suffix == ".bin":
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(rest)  # a character may be cut off at the end
    except UnicodeDecodeError:
        return True
    return any(byte < ord("\t") for byte in rest)


def read_word2vec_binary(
    path: Path, *, undecodable: Undecodable = "strict"
) -> tuple[Vocabulary, NDArray[np.float32], int]:
    """Read word2vec's binary format.

    Args:
        path: the file.
        undecodable: what to do with words that are not UTF-8: "strict" raises, "replace" puts U+FFFD
            for what cannot be decoded, and of words that become the same keeps the first.

    Returns:
        The words, their vectors, (V, D) float32, and how many words were replaced.

    Raises:
        FormatError: the file is shorter or longer than its header says, or a row is damaged.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        count, dim, at = _read_header(path, data)
        width = 4 * dim
        if at + count * (width + 1) > len(data):
            raise FormatError(
                f"{path}: the header promises {count:,} words of {dim} dimensions, which do not fit into "
                f"{len(data):,} bytes: the file is truncated, or the header lies"
            )
        vectors = np.empty((count, dim), dtype="<f4")
        rows, words = memoryview(vectors.data).cast("B"), []
        replaced = 0
        for row in range(count):
            end = data.find(b" ", at, at + LONGEST_WORD)
            if end < 0 or end + 1 + width > len(data):
                raise FormatError(f"{path}: row {row} of {count:,} is damaged or cut off at byte {at}")
            raw = data[at:end].lstrip(b"\n")
            word, lossy = _word(path, row, raw, end - len(raw), undecodable)
            words.append(word)
            replaced += lossy
            rows[row * width : (row + 1) * width] = data[end + 1 : end + 1 + width]
            at = end + 1 + width
        if left := data[at:].strip():
            raise FormatError(f"{path}: {len(left):,} bytes follow the {count:,} rows that the header has")
    table = vectors.astype(np.float32, copy=False)
    if replaced:
        first = first_of_equals(words)
        words, table = [words[row] for row in first], table[first]
    return *_checked(path, words, table), replaced


def write_word2vec_binary(path: Path, words: Vocabulary, vectors: NDArray[np.float32]) -> None:
    """Write word2vec's binary format, as word2vec.c does, as a whole file or none.

    Args:
        path: the file to write.
        words: V words without spaces.
        vectors: (V, D) float32.
    """
    with whole_file(path) as part, part.open("wb") as file:
        file.write(f"{len(words)} {vectors.shape[1]}\n".encode())
        for word, row in zip(words, vectors.astype("<f4", order="C"), strict=True):
            file.write(b"%b %b\n" % (word.encode(), row.tobytes()))


def _read_header(path: Path, data: mmap.mmap) -> tuple[int, int, int]:
    end = data.find(b"\n", 0, LONGEST_HEADER)
    fields = data[: max(end, 0)].split()
    if len(fields) != 2 or not all(field.isdigit() and int(field) > 0 for field in fields):
        raise FormatError(f"{path}: expected a first line 'count dimensions'")
    return int(fields[0]), int(fields[1]), end + 1


def _word(path: Path, row: int, raw: bytes, at: int, undecodable: Undecodable) -> tuple[str, bool]:
    """Return a row's word, and whether anything in it had to be replaced."""
    if not raw:
        raise FormatError(f"{path}: row {row} has no word at byte {at}: does the header lie?")
    try:
        return raw.decode("utf-8"), False
    except UnicodeDecodeError as error:
        if undecodable == "replace":
            return raw.decode("utf-8", errors="replace"), True
        where = f"{path}: row {row}: the word at byte {at}"
        raise FormatError(f"{where} is not valid UTF-8: {raw[:40]!r}; or ask for replacement") from error


def _checked(
    path: Path, words: list[str], vectors: NDArray[np.float32]
) -> tuple[Vocabulary, NDArray[np.float32]]:
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise FormatError(f"{path}: row {row}, {words[row]!r}, holds NaN or infinity")
    vectors.flags.writeable = False
    try:
        return Vocabulary(words), vectors
    except DataError as error:
        raise FormatError(f"{path}: {error}") from error
