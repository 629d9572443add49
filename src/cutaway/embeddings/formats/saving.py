"""Words and vectors to a file, in the format that its ending asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cutaway.core.errors import DataError, UsageError
from cutaway.core.files import whole_file
from cutaway.embeddings.formats.fasttext_binary import write_fasttext
from cutaway.embeddings.formats.safetensors_file import Storage, write_safetensors
from cutaway.embeddings.formats.word2vec_binary import write_word2vec_binary
from cutaway.embeddings.vocabulary import Vocabulary

if TYPE_CHECKING:
    from cutaway.embeddings.vectors import WordVectors

Layout = Literal["safetensors", "glove-text", "word2vec-text", "word2vec-binary", "fasttext-binary"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
ENDINGS: dict[str, Layout] = {
    ".safetensors": "safetensors",
    ".txt": "glove-text",
    ".vec": "word2vec-text",
    ".bin": "word2vec-binary",
}
ROWS_AT_A_TIME = 8192


def layout_of(path: Path) -> Layout:
    """Return the format that a file's ending stands for.

    Args:
        path: the file to be written.

    Returns:
        Its layout.

    Raises:
        UsageError: the ending stands for none.

    Example:
        >>> layout_of(Path("mine.vec"))
        'word2vec-text'
    """
    if path.suffix not in ENDINGS:
        endings = ", ".join(f"{ending} ({layout})" for ending, layout in ENDINGS.items())
        raise UsageError(f"cannot tell a format from {path.name!r}: end it with {endings}")
    return ENDINGS[path.suffix]


def write_vectors(path: Path, table: WordVectors, layout: Layout, storage: Storage = "float32") -> None:
    """Write words and vectors as a whole file or none.

    Args:
        path: the file to write.
        table: the words and their vectors.
        layout: the format; only "safetensors" can hold words with spaces or line ends.
        storage: the type of a number in a safetensors file.

    Raises:
        UsageError: the format cannot store numbers so, or cannot hold one dimension.
    """
    if layout == "safetensors":
        write_safetensors(path, table, storage=storage)
        return
    if storage != "float32":
        raise UsageError(f"{path}: only .safetensors stores {storage}; {layout} is always float32")
    words, vectors = table.words, table.vectors
    if layout == "glove-text" and vectors.shape[1] == 1:
        raise UsageError(f"{path}: GloVe text with one dimension could be taken for a header: use .vec")
    _refuse_spaces(path, words, layout)
    if layout == "fasttext-binary":
        write_fasttext(path, table)
        return
    if layout == "word2vec-binary":
        write_word2vec_binary(path, words, vectors)
        return
    header = f"{len(words)} {vectors.shape[1]}\n" if layout == "word2vec-text" else ""
    with whole_file(path) as part, part.open("wb") as file:
        file.write(header.encode())
        for start in range(0, len(words), ROWS_AT_A_TIME):
            some = words.arrow[start : start + ROWS_AT_A_TIME]
            file.write(_lines(some, vectors[start : start + ROWS_AT_A_TIME]))


def _lines(words: pa.StringArray, vectors: NDArray[np.float32]) -> bytes:
    """Write each number with the fewest digits that read back as the same float32."""
    columns = [pa.array(np.ascontiguousarray(column)).cast(pa.string()) for column in vectors.T]
    rows = pc.binary_join_element_wise(words, *columns, " ")
    return "".join(f"{row}\n" for row in rows.to_pylist()).encode()


def _refuse_spaces(path: Path, words: Vocabulary, layout: Layout) -> None:
    odd = pc.match_substring_regex(words.arrow, "[ \\n\\r]|^$|^\\x{FEFF}")
    if (count := pc.sum(odd).as_py()) > 0:
        first = words.arrow.filter(odd)[:5].to_pylist()
        raise DataError(
            f"{path}: {layout} cannot hold words with spaces or line ends or none at all: {count:,} "
            f"({', '.join(map(repr, first))}); save as .safetensors"
        )
