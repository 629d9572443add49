"""A file that one process holds at a time; the system lets go of it when the process ends, however."""

from __future__ import annotations

import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cutaway.core.errors import ResourceError
from cutaway.core.files import FULL, REFUSED


@contextmanager
def hold(file: Path, *, of: Path) -> Iterator[None]:
    """Hold a folder for this process alone, by a file in it that tells who does.

    Args:
        file: the file; it and its folder are made if they are not there.
        of: the folder that the error names.

    Raises:
        ResourceError: another process holds it, or it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        opened = file.open("a+", encoding="utf-8")
    except OSError as error:
        if error.errno in (*REFUSED, *FULL):
            raise ResourceError(f"cannot write {of}: {error.strerror}") from error
        raise
    with opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            opened.seek(0)
            holder = opened.read().strip() or "another process"
            raise ResourceError(
                f"{of} is held by {holder}: wait for it, stop it, or name another folder"
            ) from None
        _sign(file)
        try:
            yield
        finally:
            opened.truncate(0)


def _sign(file: Path) -> None:
    """Write who holds it; on a full disk it is held without a name."""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    try:
        file.write_text(f"process {os.getpid()} on {platform.node()} since {since}", encoding="utf-8")
    except OSError as error:
        if error.errno not in FULL:
            raise
