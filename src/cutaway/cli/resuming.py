"""What trainings at the command line share: where the run goes, and how it goes on after it was ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.training.run_folder import SavingSettings

RESUME_HELP = (
    "Go on where an ended training left its newest checkpoint: the same command with this, and with --out "
    "if there are several."
)
STEPS_HELP = "Write a checkpoint after so many steps too; always after an epoch, and every ten minutes."


def run_folder(out: Path | None, *, resume: bool) -> Path:
    """Return the run's folder; to resume without a name, the one that left a checkpoint last.

    Args:
        out: as it was asked for.
        resume: whether a training goes on.
    """
    import time

    from cutaway.core.home import runs_home
    from cutaway.training.run_folder import newest_position, newest_unfinished

    if out is None:
        out = newest_unfinished(runs_home()) if resume else runs_home() / time.strftime("%Y%m%d-%H%M%S")
    position = newest_position(out) if resume else None
    if position:
        output.warn(f"{out}: going on behind step {position.step}, {position.epoch} epochs are over")
    return out


def saving(*, resume: bool, every: int | None) -> SavingSettings:
    """Return how a run is saved, damage told on standard error.

    Args:
        resume: whether a training goes on.
        every: steps from one checkpoint to the next.

    Raises:
        UsageError: that is less than one.
    """
    from cutaway.core.errors import UsageError
    from cutaway.training.run_folder import SavingSettings

    if every is not None and every < 1:
        raise UsageError(f"--save-steps is {every}: 1 step or more")
    return SavingSettings(unfinished="resume" if resume else "refuse", every=every, told=output.warn)


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Let a training that a signal ends say how it goes on.

    Args:
        folder: the run's.

    Raises:
        StoppedError: as the training raised it, with the words to type.
    """
    from cutaway.core.errors import StoppedError

    try:
        yield
    except StoppedError as error:
        raise StoppedError(
            f"{error}: add --resume --out {folder} to the same command",
            signal_number=error.exit_code - 128,
        ) from None
