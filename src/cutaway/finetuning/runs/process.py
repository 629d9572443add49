"""The process, code and machine behind a run: enough to do it again, and to see whether it still runs."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cutaway.core.version import VERSION

PACKAGE = Path(__file__).parents[2]


def environment() -> dict[str, Any]:
    """Return versions, processor, threads, host and process, as a record keeps them."""
    torch = sys.modules.get("torch")  # a training that does without it does not wait for it here
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__) if torch else version("torch"),
        "numpy": version("numpy"),
        "system": platform.system(),
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads() if torch else None,
        "host": host(),
        "process": [os.getpid(), _begun(os.getpid())],
    }


@cache
def code_version() -> str:
    """Return the version, and the first eight digits of a sha256 of every source file in the package."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return f"{VERSION}+{digest.hexdigest()[:8]}"


def host() -> str:
    """Return this machine's name."""
    return platform.node()


def alive(process: Any) -> bool:
    """Tell whether a process of this host still runs; another one that got its number is not it.

    Args:
        process: its number and when it began, from `environment`.
    """
    try:
        number, begun = process
        os.kill(int(number), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, TypeError, ValueError, OverflowError):
        return False
    return begun is None or _begun(int(number)) == begun


def _begun(number: int) -> int | None:
    """The tick in which a process began; None where the system does not tell."""
    try:
        told = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return None
    # Behind the name, which is in brackets and may hold spaces, the start is the 20th field.
    return int(told.rpartition(")")[2].split()[19])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
