"""A name or a path to words and vectors: find the file, see what kind it is, read it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cutaway.catalog.entry import entries
from cutaway.catalog.resolve import Resolved, resolve
from cutaway.core.errors import FormatError, MissingFileError, ResourceError, UnknownNameError
from cutaway.core.text import Undecodable
from cutaway.embeddings.formats.fasttext_binary import looks_like_fasttext, read_fasttext
from cutaway.embeddings.formats.npy import read_npy_parquet
from cutaway.embeddings.formats.refused import reason_to_refuse
from cutaway.embeddings.formats.safetensors_file import looks_like_safetensors, read_safetensors
from cutaway.embeddings.formats.text import read_text
from cutaway.embeddings.formats.word2vec_binary import looks_binary, read_word2vec_binary

if TYPE_CHECKING:
    from cutaway.embeddings.vectors import WordVectors

HEAD = 4096


def open_vectors(source: str | Path, *, undecodable: Undecodable = "strict") -> WordVectors:
    """Read word vectors from a path or, where there is none of that name, from the catalog.

    Args:
        source: a file, a folder that holds one `.npy` and one `.parquet` file, or a catalog name.
        undecodable: "replace" reads a file of words that are not UTF-8, and counts them.

    Returns:
        The vectors; with n-grams, where the file has them.

    Raises:
        MissingFileError: it looks like a path, and nothing is there.
        UnknownNameError: it is no path, and the catalog has no vectors of that name.
        ResourceError: the file is there but cannot be read.
    """
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            return _read_folder(path)
        if path.exists():
            return _read_file(path, undecodable)
    except PermissionError as error:
        raise ResourceError(f"cannot read {path}: {error.strerror}") from error
    name = str(source)
    known = [entry.name for entry in entries().values() if entry.kind == "vectors"]
    if name in known:
        return _read_resolved(resolve(name))
    if path.suffix or os.sep in name:
        raise MissingFileError(f"there is no file {path}")
    raise UnknownNameError(f"no vectors called {name!r}: the catalog has {', '.join(known)}; or give a path")


def _read_resolved(found: Resolved) -> WordVectors:
    from cutaway.embeddings.vectors import WordVectors

    if found.layout == "npy-parquet":
        [array] = [path for name, path in found.files.items() if name.endswith(".npy")]
        [table] = [path for name, path in found.files.items() if name.endswith(".parquet")]
        # Verified by sha256: these words are known to be distinct.
        return WordVectors(*read_npy_parquet(array, table, distinct="known"))
    [text] = found.files.values()
    return WordVectors(*read_text(text)[:2])


def _read_folder(folder: Path) -> WordVectors:
    from cutaway.embeddings.vectors import WordVectors

    arrays, tables = sorted(folder.glob("*.npy")), sorted(folder.glob("*.parquet"))
    if len(arrays) != 1 or len(tables) != 1:
        raise FormatError(
            f"folder {folder} has {len(arrays)} .npy and {len(tables)} .parquet files: expected one of each, "
            "the vectors and their words"
        )
    return WordVectors(*read_npy_parquet(arrays[0], tables[0]))


def _read_file(path: Path, undecodable: Undecodable) -> WordVectors:
    from cutaway.embeddings.vectors import WordVectors

    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise FormatError(f"{path} is empty")
    if reason := reason_to_refuse(path, head):
        raise FormatError(f"{path} {reason}")
    if head.startswith((b"\x93NUMPY", b"PAR1")):
        raise FormatError(f"{path} is half of a pair: give the folder with the .npy and the .parquet file")
    if looks_like_fasttext(head):
        return read_fasttext(path, undecodable=undecodable)
    if path.suffix == ".safetensors" or looks_like_safetensors(head):
        return read_safetensors(path)
    read = read_word2vec_binary if looks_binary(path, head) else read_text
    words, vectors, replaced = read(path, undecodable=undecodable)
    return WordVectors(words, vectors, replaced=replaced)
