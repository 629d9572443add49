"""Probabilities on their way to a file: appended block by block, so that a killed prediction goes on.

The journal is one line of JSON (what is predicted, with what) and then blocks of rows: four bytes of
CRC-32, then the float32 numbers. A block that a kill cut short, or that a disk garbled, is cut off.

Legend: B rows of a block, C classes.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import ResourceError
from cutaway.core.files import FULL, REFUSED

_CRC = 4
_LONGEST_HEADER = 1 << 16

Probabilities = NDArray[np.float32]


class Journal:
    """An open journal, at its end.

    Args:
        path: where it lies; made if it is not there.
        about: what the probabilities are of: another description starts anew.
        sizes: the rows of each block, in order, and C.

    Raises:
        ResourceError: another process writes it, or the folder cannot be written.
    """

    def __init__(self, path: Path, about: Mapping[str, object], sizes: tuple[list[int], int]) -> None:
        self.path = path
        self._rows, self._classes = sizes
        self._header = json.dumps(dict(about), sort_keys=True).encode() + b"\n"
        self.done = 0
        try:
            self._file: IO[bytes] = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        except OSError as error:
            raise _refused(path, error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._go_to_end()
        except OSError as error:
            self._file.close()
            raise _refused(path, error) from error

    def append(self, probabilities: Probabilities) -> None:
        """Write the next block and see it on the disk.

        Args:
            probabilities: (B, C) float32.

        Raises:
            ResourceError: the disk is full.
        """
        block = np.ascontiguousarray(probabilities, dtype="<f4").tobytes()
        try:
            self._file.write(zlib.crc32(block).to_bytes(_CRC, "little") + block)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _refused(self.path, error) from error
        self.done += 1

    def blocks(self) -> Iterator[Probabilities]:
        """Yield what was written, block by block, from the first on; several may read at once."""
        place = len(self._header)
        for rows in self._rows[: self.done]:
            self._file.seek(place + _CRC)
            numbers = np.frombuffer(self._file.read(self._size(rows) - _CRC), dtype="<f4")
            place += self._size(rows)
            yield numbers.reshape(rows, self._classes)

    def close(self) -> None:
        """Let go of the file; what was written stays."""
        self._file.close()

    def remove(self) -> None:
        """Let go of the file and take it away: everything stands elsewhere."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _go_to_end(self) -> None:
        """Count the whole blocks and cut off what follows them; start anew if it is about something else."""
        end = 0
        if self._file.readline(_LONGEST_HEADER) == self._header:
            end = len(self._header)
            for rows in self._rows:
                block = self._file.read(self._size(rows))
                if len(block) < self._size(rows) or zlib.crc32(block[_CRC:]) != _checksum(block):
                    break
                end += len(block)
                self.done += 1
        self._file.seek(end)
        self._file.truncate()
        if not end:
            self._file.write(self._header)
            self._file.flush()

    def _size(self, rows: int) -> int:
        return _CRC + 4 * rows * self._classes


def read_about(path: Path) -> dict[str, object]:
    """Return what a journal says it is about; nothing if there is none or it is damaged.

    Args:
        path: where it would lie.
    """
    try:
        with path.open("rb") as file:
            about = json.loads(file.readline(_LONGEST_HEADER))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


def _checksum(block: bytes) -> int:
    return int.from_bytes(block[:_CRC], "little")


def _refused(path: Path, error: OSError) -> ResourceError:
    if isinstance(error, BlockingIOError):
        return ResourceError(f"another process is writing {path}: wait for it or stop it")
    if error.errno in FULL:
        return ResourceError(f"no space left to write {path}: free some and run again: it goes on from there")
    if error.errno in REFUSED:
        return ResourceError(f"cannot write {path}: {os.strerror(error.errno or 0)}")
    return ResourceError(f"cannot write {path}: {error}")
