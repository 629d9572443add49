"""A command that torchrun started in several processes: one training, and one of them speaks.

The others write nothing, unless something goes wrong that the first one may not know of: whoever is the
first to meet an error tells it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TextIO

from cutaway.core.errors import DivergedError, StoppedError, UsageError

# The commands whose training several processes can share.
SHARED = ("finetune", "pretrain")
# torchrun ends the others as soon as one has failed: so many seconds are left to say what was heard of it.
GRACE = 5.0


def processes() -> int:
    """Return how many processes torchrun started; 1 if it started none."""
    count = os.environ.get("WORLD_SIZE", "1")
    return int(count) if "RANK" in os.environ and count.isdigit() else 1


def speaks() -> bool:
    """Tell whether this process speaks: it is alone, or the first."""
    return processes() == 1 or os.environ["RANK"] == "0"


def one_process_only(what: str) -> None:
    """Refuse to do in several processes what they cannot share.

    Args:
        what: for the error.

    Raises:
        UsageError: torchrun started several.
    """
    if processes() > 1:
        raise UsageError(f"{what} cannot be shared by the {processes()} processes that torchrun started")


@contextmanager
def one_voice(verb: str | None) -> Iterator[None]:
    """Let one process speak for all that torchrun started; alone it changes nothing.

    Args:
        verb: the command.
    """
    if processes() == 1:
        yield
        return
    from cutaway.training.parallel import first_to_tell, joined

    rank, streams = int(os.environ["RANK"]), (sys.stdout, sys.stderr)
    signal.signal(signal.SIGTERM, _end_soon)
    if rank:
        sys.stdout = sys.stderr = _silence()
    try:
        if verb not in SHARED:
            one_process_only(f"cutaway {verb or ''}".strip())
        with joined():
            yield
    except (StoppedError, DivergedError):
        raise  # all meet these at the same step
    except Exception:
        if first_to_tell():
            sys.stdout, sys.stderr = streams
        elif not rank:
            sys.stderr = _silence()
        raise


def _end_soon(number: int, frame: FrameType | None) -> None:
    del number, frame
    signal.setitimer(signal.ITIMER_REAL, GRACE)


def _silence() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")  # kept open to the end of the process
