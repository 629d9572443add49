"""Where sentences come from: lists, files, folders, gzip, columns of Parquet; and a plain word splitter.

A corpus is read once, from front to back, and never held as a whole. What a training takes is any
iterable whose items are sentences: a list of words, or a text, which the plain splitter divides.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cutaway.core.errors import DataError, FormatError, MissingFileError, UnknownNameError
from cutaway.core.files import sha256_of
from cutaway.core.text import Undecodable, read_lines

Sentence = str | Sequence[str]
Tokenize = Callable[[str], Sequence[str]]

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
SUFFIXES = (".txt", ".text", ".gz", ".parquet")
ROWS_AT_A_TIME = 4096
CHUNK = 1 << 20
# A longer line is cut at a space: nothing that trains looks further than a window.
MOST_CHARACTERS = 1 << 20


def split_words(text: str) -> list[str]:
    """Return the words of a text in lower case: runs of letters and digits, apostrophes inside kept.

    Args:
        text: any text.

    Returns:
        The words in order.

    Example:
        >>> split_words("Don't stop: it's 'café' no. 9!")
        ["don't", 'stop', "it's", 'café', 'no', '9']
    """
    return WORD.findall(text.lower())


def read_corpus(
    source: str | Path,
    *,
    column: str = "text",
    tokenize: Tokenize | None = None,
    undecodable: Undecodable = "strict",
) -> Iterator[Sentence]:
    """Yield the sentences of a file or of every file in a folder, by name, sub-folders included.

    Args:
        source: a text file with a sentence a line, gzipped or not; a Parquet file; a folder of those.
        column: the column of a Parquet file that holds texts, or lists of words.
        tokenize: text to words; without one the texts come as they are.
        undecodable: bytes of text that are not UTF-8: "strict" raises, "replace" puts U+FFFD.

    Yields:
        Texts, or lists of words where `tokenize` or a column of lists gives those.
    """
    for file in corpus_files(source):
        for sentence in _read_file(file, column, undecodable):
            yield tokenize(sentence) if tokenize and isinstance(sentence, str) else sentence


def corpus_files(source: str | Path) -> list[Path]:
    """Return the files of a corpus in the order in which they are read.

    Args:
        source: as for `read_corpus`.

    Raises:
        MissingFileError: there is nothing at that path.
        DataError: a folder without a file that can be read.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise MissingFileError(f"there is no file or folder {path}")
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(f"{path} holds no file ending in {', '.join(SUFFIXES)}")
    return files


def corpus_sha256(source: str | Path) -> str:
    """Return what tells a corpus from all others: of one file its sha256, of several that of theirs in order.

    Args:
        source: as for `read_corpus`.
    """
    digests = [sha256_of(file) for file in corpus_files(source)]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def pieces(text: str) -> Iterator[str]:
    """Yield a text whole, or, where it is very long, in pieces cut at white space.

    Args:
        text: any text.

    Yields:
        Pieces of at most a million characters, or one word longer than that.

    Example:
        >>> [len(piece) for piece in pieces("word " * 300_000)]
        [1048574, 451426]
    """
    start = 0
    while len(text) - start > MOST_CHARACTERS:
        cut = text.rfind(" ", start, start + MOST_CHARACTERS)
        if cut <= start:
            cut = text.find(" ", start + MOST_CHARACTERS)
        if cut < 0:
            break
        yield text[start:cut]
        start = cut
    yield text[start:]


def _read_file(path: Path, column: str, undecodable: Undecodable) -> Iterator[Sentence]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(path, column)
    return _read_gzip(path, undecodable) if suffix == ".gz" else read_lines(path, undecodable=undecodable)


def _read_gzip(path: Path, undecodable: Undecodable) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")(undecodable)
    rest = ""
    try:
        with gzip.open(path, "rb") as file:
            while raw := file.read(CHUNK):
                *lines, rest = (rest + decoder.decode(raw)).split("\n")
                yield from (line.removesuffix("\r") for line in lines)
            rest += decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: what it unpacks to is not valid UTF-8: {error.reason}") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(f"{path}: damaged or cut gzip file: {error}") from error
    if rest:
        yield rest.removesuffix("\r")


def _read_parquet(path: Path, column: str) -> Iterator[Sentence]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        if column not in names:
            raise UnknownNameError(f"{path} has no column {column!r}: it has {', '.join(names)}")
        kind = file.schema_arrow.field(column).type
        if not (_is_text(kind) or (pa.types.is_list(kind) and _is_text(kind.value_type))):
            raise DataError(f"{path}: column {column!r} holds {kind}, not texts or lists of words")
        for batch in file.iter_batches(ROWS_AT_A_TIME, columns=[column]):
            yield from (row for row in batch.column(0).to_pylist() if row is not None)
    except pa.ArrowInvalid as error:
        raise FormatError(f"{path}: no whole Parquet file: {error}") from error


def _is_text(kind: object) -> bool:
    return str(kind) in ("string", "large_string")
