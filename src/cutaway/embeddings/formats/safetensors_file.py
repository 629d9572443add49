"""Cutaway's own file of word vectors: safetensors, opened without reading it.

Tensors: `vectors` (V, D) in float32, float16 or int8; `scales` (V,) float32 with int8; `words`, the
UTF-8 bytes of all words one after the other; `word_starts` (V + 1,) int32, where each begins. Vectors
in float32 and words are mapped as they stand.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cutaway.core.errors import DataError, FormatError
from cutaway.core.files import whole_file
from cutaway.embeddings.vocabulary import Vocabulary

Storage = Literal["float32", "float16", "int8"]
STORAGES: tuple[Storage, ...] = ("float32", "float16", "int8")
HEADER_LIMIT = 16 << 20
DTYPES = {"F32": np.float32, "F16": np.float16, "I8": np.int8, "U8": np.uint8, "I32": np.int32}


def write_safetensors(
    path: Path, words: Vocabulary, vectors: NDArray[np.float32], *, storage: Storage = "float32"
) -> None:
    """Write words and vectors as a whole file or none.

    Args:
        path: the file to write.
        words: V words.
        vectors: (V, D) float32.
        storage: "float16" halves the file and keeps 3 digits; "int8" quarters it and rounds each
            number to 1/127 of the largest in its row.

    Raises:
        DataError: a number is too large for float16.
    """
    from safetensors.numpy import save_file

    arrow = pa.concat_arrays([words.arrow])  # drops what a slice leaves outside
    starts = np.frombuffer(arrow.buffers()[1], dtype=np.int32, count=len(words) + 1)
    text = np.frombuffer(arrow.buffers()[2] or b"", dtype=np.uint8)[: starts[-1]]
    tensors: dict[str, NDArray[Any]] = {"word_starts": starts, "words": text, **_stored(vectors, storage)}
    if not np.isfinite(tensors["vectors"]).all():
        raise DataError(f"{path}: a number beyond ±65504 does not fit into float16: keep float32")
    metadata = {"kind": "word vectors", "words_sha256": hashlib.sha256(text.tobytes()).hexdigest()}
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


def read_safetensors(path: Path) -> tuple[Vocabulary, NDArray[np.float32]]:
    """Map words and vectors.

    Args:
        path: a file that `write_safetensors` wrote.

    Returns:
        The words, and their vectors, (V, D) float32: mapped, or decoded from float16 or int8.

    Raises:
        FormatError: the file is damaged or holds something else than word vectors.
    """
    tensors, metadata = _map_tensors(path)
    vectors, starts, text = tensors["vectors"], tensors["word_starts"], tensors["words"]
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    fits = starts.dtype == np.int32 and text.dtype == np.uint8 and text.ndim == starts.ndim == 1
    fits = fits and vectors.dtype in (np.float32, np.float16, np.int8)
    if not fits or vectors.ndim != 2 or len(starts) != len(vectors) + 1:
        raise FormatError(f"{path}: tensors of shapes {shapes} are no table of word vectors")
    words = _read_words(path, text, starts, metadata.get("words_sha256", ""))
    return words, _decoded(path, vectors, tensors.get("scales"))


def _stored(vectors: NDArray[np.float32], storage: Storage) -> dict[str, NDArray[Any]]:
    if storage == "float32":
        return {"vectors": vectors}
    if storage == "float16":
        with np.errstate(over="ignore"):
            return {"vectors": vectors.astype(np.float16)}
    scales = np.abs(vectors).max(axis=1, keepdims=True) / np.float32(127)
    safe = np.where(scales > 0, scales, 1)
    return {"vectors": np.rint(vectors / safe).astype(np.int8), "scales": scales[:, 0]}


def _decoded(path: Path, vectors: NDArray[Any], scales: NDArray[Any] | None) -> NDArray[np.float32]:
    if vectors.dtype == np.float32:
        return vectors
    if vectors.dtype == np.int8:
        if scales is None or scales.shape != vectors.shape[:1] or scales.dtype != np.float32:
            raise FormatError(f"{path}: int8 vectors need float32 'scales', one for each row")
        decoded: NDArray[np.float32] = vectors * scales[:, None]
    else:
        decoded = vectors.astype(np.float32)
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


def _map_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Map every tensor; the safetensors library has checked the header against the file before."""
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
    for name in ("vectors", "words", "word_starts"):
        if name not in header:
            raise FormatError(f"{path} holds no word vectors: no tensor {name!r} among {sorted(header)[:5]}")
    whole = np.memmap(path, dtype=np.uint8, mode="r")[8 + length :].view(np.ndarray)
    known = [name for name in ("vectors", "words", "word_starts", "scales") if name in header]
    return {name: _tensor(path, name, whole, header[name]) for name in known}, metadata


def _tensor(path: Path, name: str, whole: NDArray[np.uint8], entry: dict[str, Any]) -> NDArray[Any]:
    if entry["dtype"] not in DTYPES:
        raise FormatError(f"{path}: tensor {name!r} is {entry['dtype']}, expected one of {sorted(DTYPES)}")
    start, end = entry["data_offsets"]
    return whole[start:end].view(DTYPES[entry["dtype"]]).reshape(entry["shape"])
