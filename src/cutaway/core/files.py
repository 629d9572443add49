"""Files that are whole or absent: write beside, sync, rename."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cutaway.core.errors import ResourceError

CHUNK = 1 << 20

REFUSED = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOENT,
    errno.ENAMETOOLONG,
)  # fmt: skip
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def sha256_of(path: Path) -> str:
    """Return the hex sha256 of a file, read in pieces of one megabyte."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it and rename it there.

    A reader sees the old file or the new one, never a part. On any error the temporary file goes
    and the old file stays; parts left by a process that died are cleared first.

    Raises:
        ResourceError: the disk is full or the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_dead_parts(path)
        yield part
        sync(part)
        part.replace(path)
        sync(path.parent)
    except Exception as error:
        number = _errno_of(error)
        if number in FULL:
            raise ResourceError(f"no space left to write {path}: free some and run again") from error
        if number in REFUSED:
            raise ResourceError(f"cannot write {path}: {os.strerror(number)}") from error
        raise
    finally:
        if part.parent.is_dir():
            part.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """See before long work whether its result can be written.

    Raises:
        ResourceError: the folder cannot be made or written, or the path is a folder itself.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror}") from error
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        reason = "it is a folder" if path.is_dir() else f"folder {path.parent} is not writable"
        raise ResourceError(f"cannot write {path}: {reason}")


def sync(path: Path) -> None:
    """Ask the disk to hold what was written to a file or folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file or none, in UTF-8."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def _errno_of(error: Exception) -> int | None:
    """Return the system's number of an error; safetensors, written in Rust, has it in its text alone."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found and type(error).__name__ == "SafetensorError" else None


def _clear_dead_parts(path: Path) -> None:
    for part in path.parent.glob(f".{path.name}.*.part"):
        pid = part.name.split(".")[-2]
        if pid.isdigit() and int(pid) != os.getpid() and not _alive(int(pid)):
            part.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
