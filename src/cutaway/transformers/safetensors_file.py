"""Weights from a safetensors file: every byte accounted for, then mapped without a copy.

A file is an 8-byte length, a JSON header of that length, and the tensors' bytes. The header comes from
anywhere, so nothing in it is believed: each claim is checked against the file before any memory is
taken for it.

Source:
    https://huggingface.co/docs/safetensors, section "Format".
"""

from __future__ import annotations

import json
import math
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from typing import Any, BinaryIO, NamedTuple

import torch
from torch import Tensor

from cutaway.core.errors import FormatError, MissingFileError

DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
}
PICKLES = (".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt", ".model")
_PREFIX = 8
_DIMENSIONS = 8


@dataclass(frozen=True, kw_only=True)
class HeaderLimits:
    """How much header is read at all.

    Attributes:
        header_bytes: the longest header.
        tensors: the most tensors.
    """

    header_bytes: int = 16_000_000
    tensors: int = 100_000


class TensorRecord(NamedTuple):
    """What the header says of one tensor: dtype, shape, and its bytes behind the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def map_tensors(path: Path, *, limits: HeaderLimits | None = None) -> dict[str, Tensor]:
    """Check a file's header and map its tensors.

    The tensors are views of the file's pages, private to this process: writing to one changes memory,
    never the file. A tensor that is not aligned to its dtype is copied.

    Args:
        path: the file.
        limits: how long a header may be; 16 MB and 100,000 tensors if not given.

    Returns:
        The tensors by name.

    Raises:
        MissingFileError: there is no such file.
        FormatError: the file holds pickled objects, or any claim of its header is false.
    """
    if path.suffix in PICKLES:
        raise FormatError(
            f"{path} may hold pickled objects, which can run any code and are never read: "
            "save the model as .safetensors"
        )
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start, records = _read_header(file, size, str(path), limits or HeaderLimits())
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    if len(pages) != size:
        raise FormatError(
            f"{path} changed from {size} to {len(pages)} bytes while it was read: load it again"
        )
    return {name: _view(pages, start, record) for name, record in records.items()}


def _view(pages: mmap.mmap, start: int, record: TensorRecord) -> Tensor:
    dtype, count = DTYPES[record.dtype], math.prod(record.shape)
    if count == 0:
        return torch.empty(record.shape, dtype=dtype)
    begin, end = start + record.begin, start + record.end
    if begin % dtype.itemsize:
        return torch.frombuffer(bytearray(pages[begin:end]), dtype=dtype).view(record.shape)
    return torch.frombuffer(pages, dtype=dtype, count=count, offset=begin).view(record.shape)


def _read_header(
    file: BinaryIO, size: int, where: str, limits: HeaderLimits
) -> tuple[int, Mapping[str, TensorRecord]]:
    """Return where the tensors' bytes start, and the checked records."""
    if size < _PREFIX:
        raise FormatError(f"{where} has {size} bytes: a safetensors file starts with {_PREFIX} of length")
    prefix = file.read(_PREFIX)
    length = int.from_bytes(prefix, "little")
    if length > limits.header_bytes:
        # Only here: an honest header of 128 or 640 bytes also begins like a pickle.
        if prefix[:4] == b"PK\x03\x04" or prefix[:1] == b"\x80":
            raise FormatError(f"{where} is a pickle or an archive under another name: it is never read")
        raise FormatError(f"{where}: a header of {length} bytes is over the limit of {limits.header_bytes}")
    if length > size - _PREFIX:
        raise FormatError(f"{where} is truncated: a header of {length} bytes in a file of {size}")
    records = _parse(file.read(length), where, limits)
    _check_layout(records, size - _PREFIX - length, where)
    return _PREFIX + length, records


def _parse(raw: bytes, where: str, limits: HeaderLimits) -> Mapping[str, TensorRecord]:
    # Counting bytes is cheap; building 500,000 Python objects to find them too many is not.
    for byte, allowed in ((b"{", limits.tensors + 2), (b"[", 3 * limits.tensors), (b",", 8 * limits.tensors)):
        if raw.count(byte) > allowed:
            raise FormatError(f"{where}: the header lists more than {limits.tensors} tensors, the limit")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{where}: header byte {_PREFIX + error.start} is not valid UTF-8") from error
    del raw
    if not text.startswith("{"):
        raise FormatError(f"{where}: the header starts with {text[:1]!r}, not with an object")
    try:
        header = json.loads(text, object_pairs_hook=_object)
    except FormatError as error:
        raise FormatError(f"{where}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where}: the header is not JSON: {error}") from error
    if isinstance(header, TensorRecord):
        raise FormatError(f"{where}: the header is one tensor's record, not an object of records")
    _check_metadata(header.pop("__metadata__", {}), where)
    for name, record in header.items():
        if not isinstance(record, TensorRecord):
            raise FormatError(f"{where}: {_short(name)} lacks dtype, shape and data_offsets")
        _check_record(name, record, where)
    checked: Mapping[str, TensorRecord] = header
    return checked


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | TensorRecord:
    """Make a record or a dictionary of one JSON object; a key that comes twice is an error."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise FormatError(f"the header has the key {_short(twice)} twice")
    if fields.keys() != {"dtype", "shape", "data_offsets"}:
        return fields
    shape, offsets = fields["shape"], fields["data_offsets"]
    if not (_are_sizes(shape) and _are_sizes(offsets) and len(offsets) == 2):
        raise FormatError(f"a record has shape {_short(shape)} and data_offsets {_short(offsets)}")
    dtype = fields["dtype"]
    return TensorRecord(intern(dtype) if isinstance(dtype, str) else dtype, tuple(shape), *offsets)


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _check_metadata(metadata: Any, where: str) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FormatError(f"{where}: __metadata__ must map names to text")


def _check_record(name: str, record: TensorRecord, where: str) -> None:
    if not isinstance(record.dtype, str) or record.dtype not in DTYPES:
        raise FormatError(
            f"{where}: {_short(name)} has dtype {_short(record.dtype)}: known are {list(DTYPES)}"
        )
    if len(record.shape) > _DIMENSIONS:
        raise FormatError(f"{where}: {_short(name)} has {len(record.shape)} dimensions, over {_DIMENSIONS}")
    # Python's integers do not overflow: a product past 2^63 is simply not the size of these bytes.
    needed = math.prod(record.shape) * DTYPES[record.dtype].itemsize
    if needed != record.end - record.begin:
        raise FormatError(
            f"{where}: {_short(name)} of shape {list(record.shape)} in {record.dtype} takes {needed} bytes, "
            f"but its offsets {record.begin} to {record.end} hold {record.end - record.begin}"
        )


def _check_layout(records: Mapping[str, TensorRecord], held: int, where: str) -> None:
    """The tensors must cover the bytes behind the header once each, in some order, to the end."""
    at, before = 0, "the header"
    for name, record in sorted(records.items(), key=lambda item: (item[1].begin, item[1].end)):
        if record.begin != at:
            what = "overlap" if record.begin < at else "leave a hole"
            raise FormatError(
                f"{where}: {before} and {_short(name)} {what}: bytes {record.begin} and {at} should be one"
            )
        at, before = record.end, _short(name)
    if at > held:
        raise FormatError(f"{where} is truncated: {at - held} bytes are missing, from {before} backwards")
    if at < held:
        raise FormatError(f"{where} has {held - at} trailing bytes behind {before}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
