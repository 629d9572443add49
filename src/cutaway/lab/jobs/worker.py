"""The process of one job: `python -m cutaway.lab.jobs.worker FOLDER`."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from cutaway.core.errors import CutawayError, StoppedError
from cutaway.lab.jobs.events import Teller
from cutaway.lab.jobs.store import Job

# The page and whatever else the reader does come first.
NICENESS = 5

Training = Callable[[Any, Teller, Path], dict[str, Any]]


def work(job: Job) -> int:
    """Train what was asked, and tell how it ended.

    Args:
        job: whose folder holds the question and takes the answer.

    Returns:
        The exit code: 0 done, 143 stopped, else that of the error.
    """
    teller = Teller(job.folder)
    try:
        training = job.asked().training
        found = _training_of(training.kind)(training, teller, job.out)
    except (KeyboardInterrupt, StoppedError):
        teller.event("stopped", kept=sorted(path.name for path in job.out.iterdir()))
        return 128 + signal.SIGTERM
    except CutawayError as error:
        teller.event("failed", error=" ".join(str(error).split()), code=error.exit_code)
        return error.exit_code
    except MemoryError:
        teller.event("failed", error="the memory of this machine does not suffice: train on less", code=4)
        return 4
    except Exception as error:
        traceback.print_exc()
        teller.event("failed", error=f"unexpected {type(error).__name__}: {error}"[:500], code=1)
        return 1
    teller.event("done", result=found)
    return 0


def _training_of(kind: str) -> Training:
    """Import one kind of training: a tokenizer is learned without torch."""
    if kind == "tokenizer":
        from cutaway.lab.jobs.trainings.tokenizer import train_tokenizer

        return train_tokenizer
    if kind == "vectors":
        from cutaway.lab.jobs.trainings.vectors import train_vectors

        return train_vectors
    if kind == "language":
        from cutaway.lab.jobs.trainings.language import train_language

        return train_language
    from cutaway.lab.jobs.trainings.finetuning import fine_tune

    return fine_tune


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: what is kept shall be kept whole
    raise KeyboardInterrupt(number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    os.nice(NICENESS)
    _folder = Path(sys.argv[1])
    sys.exit(work(Job(name=_folder.name, folder=_folder)))
