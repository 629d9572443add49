"""Cutaway's own file of word vectors: safetensors, opened without reading it.

Tensors: `vectors` (V, D) in float32, float16 or int8; `vectors_scales` (V,) float32 with int8; `words`,
the UTF-8 bytes of all words one after the other; `word_starts` (V + 1,) int32, where each begins. With
n-grams also `rows` (V + G, D), stored as the vectors are, and `buckets` (G,) int64, and which n-grams in
the metadata. Vectors in float32 and words are mapped as they stand.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cutaway.core.errors import DataError, FormatError, ShapeError
from cutaway.core.files import whole_file
from cutaway.embeddings.vocabulary import Vocabulary

if TYPE_CHECKING:
    from cutaway.embeddings.vectors import WordVectors

Storage = Literal["float32", "float16", "int8"]
STORAGES: tuple[Storage, ...] = ("float32", "float16", "int8")
# Ours have a few hundred bytes; parsing costs many times a header's size in memory.
HEADER_LIMIT = 1 << 20
DTYPES = {
    "F32": np.float32, "F16": np.float16, "I8": np.int8, "U8": np.uint8, "I32": np.int32, "I64": np.int64,
}  # fmt: skip
TABLES = ("vectors", "rows")
NEEDED = ("vectors", "words", "word_starts")
OPTIONAL = ("vectors_scales", "rows", "rows_scales", "buckets")


def write_safetensors(path: Path, vectors: WordVectors, *, storage: Storage = "float32") -> None:
    """Write words and vectors, and n-grams where there are any, as a whole file or none.

    Args:
        path: the file to write.
        vectors: the table.
        storage: "float16" halves the file and keeps 3 digits; "int8" quarters it and rounds each
            number to 1/127 of the largest in its row.

    Raises:
        DataError: a number is too large for float16.
    """
    from safetensors.numpy import save_file

    from cutaway.embeddings.subword_vectors import SubwordVectors

    arrow = pa.concat_arrays([vectors.words.arrow])  # drops what a slice leaves outside
    starts = np.frombuffer(arrow.buffers()[1], dtype=np.int32, count=len(vectors) + 1)
    text = np.frombuffer(arrow.buffers()[2] or b"", dtype=np.uint8)[: starts[-1]]
    metadata = {"kind": "word vectors", "words_sha256": hashlib.sha256(text.tobytes()).hexdigest()}
    tensors: dict[str, NDArray[Any]] = {
        "word_starts": starts,
        "words": text,
        **_stored("vectors", vectors.vectors, storage),
    }
    if isinstance(vectors, SubwordVectors):
        tensors |= {"buckets": vectors.buckets, **_stored("rows", vectors.rows, storage)}
        metadata["grams"] = json.dumps(asdict(vectors.grams))
    if not all(np.isfinite(tensors[name]).all() for name in TABLES if name in tensors):
        raise DataError(f"{path}: a number beyond ±65504 does not fit into float16: keep float32")
    with whole_file(path) as part:
        save_file({name: np.ascontiguousarray(t) for name, t in tensors.items()}, part, metadata)


def looks_like_safetensors(head: bytes) -> bool:
    """Tell a safetensors file by its first bytes: a length that may be read, and JSON.

    Args:
        head: at least the first 9 bytes.

    Returns:
        True if they begin a safetensors file.
    """
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= HEADER_LIMIT


def read_safetensors(path: Path) -> WordVectors:
    """Map words and vectors.

    Args:
        path: a file that `write_safetensors` wrote.

    Returns:
        The table: mapped, or decoded from float16 or int8; with n-grams, where the file has them.

    Raises:
        FormatError: the file is damaged or holds something else than word vectors.
    """
    from cutaway.embeddings.vectors import WordVectors

    tensors, metadata = map_tensors(path, NEEDED, OPTIONAL)
    vectors, starts, text = tensors["vectors"], tensors["word_starts"], tensors["words"]
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    fits = starts.dtype == np.int32 and text.dtype == np.uint8 and text.ndim == starts.ndim == 1
    fits = fits and vectors.dtype in (np.float32, np.float16, np.int8)
    if not fits or vectors.ndim != 2 or len(starts) != len(vectors) + 1:
        raise FormatError(f"{path}: tensors of shapes {shapes} are no table of word vectors")
    words = _read_words(path, text, starts, metadata.get("words_sha256", ""))
    if "rows" in tensors:
        return _with_grams(path, words, tensors, metadata.get("grams", ""))
    return WordVectors(words, _decoded(path, "vectors", tensors))


def _with_grams(path: Path, words: Vocabulary, tensors: dict[str, NDArray[Any]], grams: str) -> WordVectors:
    from cutaway.embeddings.subword_vectors import SubwordVectors
    from cutaway.embeddings.subwords import GramSettings

    buckets, rows = tensors.get("buckets", np.empty(0)), _decoded(path, "rows", tensors)
    try:
        if buckets.dtype != np.int64 or buckets.ndim != 1 or rows.dtype != np.float32:
            raise ShapeError(f"n-grams in {rows.dtype}, their buckets in {buckets.dtype}")
        settings = GramSettings(**json.loads(grams))
        vectors = _decoded(path, "vectors", tensors)
        return SubwordVectors(words, rows, buckets, settings, vectors=vectors)
    except (ValueError, TypeError) as error:  # ours are ValueErrors too
        raise FormatError(f"{path}: its n-grams are damaged: {str(error)[:200]}") from error


def _stored(name: str, table: NDArray[np.float32], storage: Storage) -> dict[str, NDArray[Any]]:
    if storage == "float32":
        return {name: table}
    if storage == "float16":
        with np.errstate(over="ignore"):
            return {name: table.astype(np.float16)}
    scales = np.abs(table).max(axis=1, keepdims=True) / np.float32(127)
    safe = np.where(scales > 0, scales, 1)
    return {name: np.rint(table / safe).astype(np.int8), f"{name}_scales": scales[:, 0]}


def _decoded(path: Path, name: str, tensors: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    table, scales = tensors[name], tensors.get(f"{name}_scales")
    if table.dtype == np.float32:
        return table
    if table.dtype == np.int8:
        if scales is None or scales.shape != table.shape[:1] or scales.dtype != np.float32:
            raise FormatError(f"{path}: int8 {name} need float32 '{name}_scales', one for each row")
        decoded: NDArray[np.float32] = table * scales[:, None]
    else:
        decoded = table.astype(np.float32)
    decoded.flags.writeable = False
    return decoded


def _read_words(path: Path, text: NDArray[Any], starts: NDArray[Any], sha256: str) -> Vocabulary:
    array = pa.StringArray.from_buffers(len(starts) - 1, pa.py_buffer(starts), pa.py_buffer(text))
    try:
        array.validate(full=True)
        # What we wrote came from a Vocabulary, so its words are distinct.
        ours = hashlib.sha256(text.data).hexdigest() == sha256
        return Vocabulary(array, distinct="known" if ours else "check")
    except (pa.ArrowInvalid, DataError) as error:
        raise FormatError(f"{path}: its words are damaged: {' '.join(str(error).split())[:200]}") from error


def map_tensors(
    path: Path, needed: tuple[str, ...], optional: tuple[str, ...] = ()
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Map tensors; the safetensors library has checked the header against the file before.

    Args:
        path: the file.
        needed: tensors that must be there.
        optional: tensors that may be.

    Returns:
        Tensors by name, views of the mapped file, and the metadata.

    Raises:
        FormatError: damaged, or without a tensor that must be there.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > HEADER_LIMIT:
                raise FormatError(f"{path}: a header of {length:,} bytes, at most {HEADER_LIMIT:,} is read")
            header = json.loads(file.read(length))
        with safe_open(path, "numpy"):
            pass
    except (SafetensorError, ValueError, RecursionError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path} is no readable safetensors file: {str(error)[:200]}") from error
    metadata = header.pop("__metadata__", {})
    for name in needed:
        if name not in header:
            raise FormatError(f"{path} holds no word vectors: no tensor {name!r} among {sorted(header)[:5]}")
    whole = np.memmap(path, dtype=np.uint8, mode="r")[8 + length :].view(np.ndarray)
    known = [name for name in needed + optional if name in header]
    return {name: _tensor(path, name, whole, header[name]) for name in known}, metadata


def _tensor(path: Path, name: str, whole: NDArray[np.uint8], entry: dict[str, Any]) -> NDArray[Any]:
    if entry["dtype"] not in DTYPES:
        raise FormatError(f"{path}: tensor {name!r} is {entry['dtype']}, expected one of {sorted(DTYPES)}")
    start, end = entry["data_offsets"]
    return whole[start:end].view(DTYPES[entry["dtype"]]).reshape(entry["shape"])
