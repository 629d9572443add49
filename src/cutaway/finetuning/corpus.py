"""Text without labels, for pre-training: documents from files, folders and tables, as ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, MissingFileError, UsageError
from cutaway.core.text import read_lines, scrub
from cutaway.finetuning.tables import formats, read_table
from cutaway.tokenization.tokenizer import Tokenizer

Ids = NDArray[np.integer[Any]]

_LOT = 1024


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Documents, in their order.

    Attributes:
        documents: each a text: a whole file, or a row of a table.
        source: where they came from, for people.
    """

    documents: Sequence[str]
    source: str

    def __len__(self) -> int:
        return len(self.documents)

    @property
    def characters(self) -> int:
        """Code points of all documents."""
        return sum(map(len, self.documents))

    @property
    def sha256(self) -> str:
        """A digest of every document, in order."""
        digest = hashlib.sha256()
        for document in self.documents:
            digest.update(f"{len(document)}\x1f".encode())
            digest.update(document.encode())
        return digest.hexdigest()

    def split(self, held_out: float) -> tuple[Corpus, Corpus]:
        """Return the corpus without its end, and the end: of one document characters, else documents.

        Args:
            held_out: the end's share.

        Raises:
            UsageError: the share leaves one part empty.

        Example:
            >>> before, end = Corpus(documents=["abcdefghij"], source="letters").split(0.1)
            >>> before.documents, end.documents
            (['abcdefghi'], ['j'])
        """
        whole: Sequence[str] = self.documents[0] if len(self) == 1 else self.documents
        count = round(len(whole) * held_out)
        if not 0 < count < len(whole):
            what = "characters" if len(self) == 1 else "documents"
            raise UsageError(f"a share of {held_out} held out of {len(whole)} {what} leaves one part empty")
        parts = (whole[:-count], whole[-count:])
        texts = [[part] if isinstance(part, str) else part for part in parts]
        return (
            Corpus(documents=texts[0], source=f"{self.source}, all but the last {held_out:.0%}"),
            Corpus(documents=texts[1], source=f"{self.source}, the last {held_out:.0%}"),
        )


def read_corpus(paths: Sequence[str | Path], *, column: str = "text", limit: int | None = None) -> Corpus:
    """Read documents.

    Args:
        paths: text files in UTF-8, each a document with its line ends; tables (.csv, .tsv, .jsonl, .parquet,
            .arrow), each row a document; folders of such files, in the order of their names.
        column: of the tables.
        limit: take so many documents only, the first ones.

    Returns:
        The documents that hold more than white space; lone surrogates replaced.

    Raises:
        MissingFileError: a file or folder is not there.
        DataError: there is no text in them.
        UsageError: a table has no such column, or limit is below 1.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"limit is {limit}: take at least 1 document")
    found = (text for path in paths for file in _files(Path(path)) for text in _documents(file, column))
    documents = list(islice((scrub(text) for text in found if text.strip()), limit))
    source = ", ".join(map(str, paths))
    if not documents:
        raise DataError(f"{source or 'nothing'}: there is no text to learn from")
    return Corpus(documents=documents, source=source)


def encode_documents(tokenizer: Tokenizer, documents: Sequence[str]) -> list[Ids]:
    """Turn documents into ids, without special tokens.

    Args:
        tokenizer: of the model.
        documents: any number.

    Returns:
        One array a document, (L,) int; documents without a token are left out.

    Raises:
        DataError: nothing in them is a token.
    """
    rows: list[Ids] = []
    for at in range(0, len(documents), _LOT):
        rows.extend(tokenizer.encode_batch(list(documents[at : at + _LOT]), special=False))
    kept = [row for row in rows if len(row)]
    if not kept:
        raise DataError(f"{len(documents)} documents hold no token, only characters that are removed")
    return kept


def pieces_of(document: Ids, longest: int) -> list[Ids]:
    """Cut a document into pieces of nearly equal length.

    Args:
        document: its ids, (L,) int.
        longest: tokens of a piece, at most.

    Returns:
        The pieces, in order.

    Example:
        >>> [piece.tolist() for piece in pieces_of(np.arange(5), 4)]
        [[0, 1, 2], [3, 4]]
    """
    return np.array_split(document, -(-len(document) // longest))


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        known = (".txt", ".text", *formats())
        yield from sorted(file for file in path.rglob("*") if file.suffix.lower() in known)
    elif path.is_file():
        yield path
    else:
        raise MissingFileError(f"there is no file or folder {path}")


def _documents(path: Path, column: str) -> Iterator[str]:
    if path.suffix.lower() not in formats():
        yield "".join(read_lines(path, ends="kept"))
        return
    table = read_table(path)
    if column not in table.columns:
        raise UsageError(f"{path} has no column {column!r}: it has {list(table.columns)}")
    yield from table.columns[column]
