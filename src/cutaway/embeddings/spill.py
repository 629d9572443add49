"""Arrays that grow: in memory up to a limit, beyond it in a file that vanishes with its owner."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cutaway.core.errors import ResourceError

PREFIX = "cutaway-spill-"
FIRST_ROOM = 1 << 16


class SpillFolder:
    """A temporary folder that goes with the object, the process, or the next start after a crash.

    Args:
        below: the folder to make it in; the system's temporary folder, if none is given.

    Raises:
        ResourceError: no folder can be made there.
    """

    def __init__(self, below: Path | None = None) -> None:
        parent = Path(below or tempfile.gettempdir()).expanduser()
        try:
            clear_dead(parent)
            self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
        except OSError as error:
            raise ResourceError(f"cannot spill into {parent}: {error.strerror}") from error
        self.close = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def clear_dead(parent: Path) -> None:
    """Delete what processes that no longer live have spilled into a folder.

    Args:
        parent: where spill folders are made.
    """
    for folder in parent.glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)


class GrowingArray:
    """An array that is appended to, then read.

    Args:
        dtype: the type of its numbers.
        budget: bytes it may take in memory; more goes into a file.
        folder: where that file would be.

    Example:
        >>> import tempfile
        >>> numbers = GrowingArray(np.int32, 8, SpillFolder())
        >>> for some in ([1, 2], [3], [4, 5]):
        ...     numbers.append(np.array(some, dtype=np.int32))
        >>> numbers.finish().tolist(), numbers.spilled
        ([1, 2, 3, 4, 5], True)
    """

    def __init__(self, dtype: DTypeLike, budget: int, folder: SpillFolder) -> None:
        self._folder = folder
        self._budget = budget
        self._room: NDArray[Any] = np.empty(0, dtype=dtype)
        self._used = 0
        self._path: Path | None = None

    @property
    def spilled(self) -> bool:
        """Whether it is in a file."""
        return self._path is not None

    def append(self, some: NDArray[Any]) -> None:
        """Add numbers at the end.

        Args:
            some: (n,) of the array's type.

        Raises:
            ResourceError: the disk is full; everything spilled so far is deleted.
        """
        if self._path is None and (self._used + len(some)) * self._room.itemsize <= self._budget:
            self._make_room(self._used + len(some))
            self._room[self._used : self._used + len(some)] = some
        else:
            self._write(some)
        self._used += len(some)

    def finish(self) -> NDArray[Any]:
        """Return the whole array; a spilled one is mapped from its file.

        Returns:
            (n,) of the array's type, to be read only.
        """
        if self._path is None:
            return self._room[: self._used]
        # Kernels take what may be written; what would be is never kept ("c").
        return np.memmap(self._path, dtype=self._room.dtype, mode="c", shape=(self._used,)).view(np.ndarray)

    def _write(self, some: NDArray[Any]) -> None:
        try:
            if self._path is None:
                self._path = self._folder.path / f"{len(list(self._folder.path.iterdir()))}"
                self._path.write_bytes(self._room[: self._used].data)
                self._room = np.empty(0, dtype=self._room.dtype)
            with self._path.open("ab") as file:
                file.write(np.ascontiguousarray(some).data)
        except OSError as error:
            self._folder.close()
            raise ResourceError(_reason(error, self._folder.path.parent)) from error

    def _make_room(self, wanted: int) -> None:
        if wanted > len(self._room):
            # In place where the system can: a large block moves without a copy.
            self._room.resize(max(wanted, FIRST_ROOM, len(self._room) * 5 // 4), refcheck=False)


def _reason(error: OSError, parent: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"no space left in {parent} to spill word pairs: free some, name another folder, or allow more "
            "memory; what was spilled is deleted"
        )
    return f"cannot spill word pairs into {parent}: {error.strerror}"
