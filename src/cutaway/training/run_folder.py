"""A run's folder from its first step to its last: who may begin in it, who goes on, what goes at the end.

While a training is not over, its folder holds `checkpoints`; a finished run has none.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from cutaway.core.errors import UsageError
from cutaway.core.lock import hold
from cutaway.training.checkpoints import Checkpoints, Position, warn_of_repair

CHECKPOINTS = "checkpoints"
# Not the lock of the checkpoints themselves: this one is held before the first step and after the last.
_LOCK = "run.lock"
_GONE = ".checkpoints.gone"

Unfinished = Literal["refuse", "resume"]


@dataclass(frozen=True, kw_only=True)
class SavingSettings:
    """How a run is kept from being lost; nothing here changes what it learns.

    Attributes:
        unfinished: what to do with a folder whose training is not over: "refuse", or "resume" it where
            its newest checkpoint stands.
        every: steps from one checkpoint to the next; None looks at the clock only.
        seconds: and so many seconds from one to the next, at most. An epoch's end always has one.
        told: hears of damaged checkpoints, a line each.
    """

    unfinished: Unfinished = "refuse"
    every: int | None = None
    seconds: float = 600.0
    told: Callable[[str], None] = warn_of_repair

    def __post_init__(self) -> None:
        if self.unfinished not in get_args(Unfinished):
            raise UsageError(f"unfinished is {self.unfinished!r}: choose one of {list(get_args(Unfinished))}")
        self.checkpoints(Path(), {})

    def checkpoints(self, folder: Path, recipe: Mapping[str, Any]) -> Checkpoints:
        """Return where a run keeps its states.

        Args:
            folder: the run's.
            recipe: all that must be the same for a checkpoint to fit.
        """
        return Checkpoints(
            folder=folder / CHECKPOINTS,
            recipe=recipe,
            every=self.every,
            seconds=self.seconds,
            told=self.told,
        )


def newest_position(folder: Path) -> Position | None:
    """Return how far the unfinished training of a folder came; None where there is none.

    Args:
        folder: a run's.
    """
    return max(Checkpoints(folder=folder / CHECKPOINTS).positions(), default=None)


def newest_unfinished(runs: Path) -> Path:
    """Return the folder whose training left a checkpoint last.

    Args:
        runs: the folder of all runs.

    Raises:
        UsageError: no run there is unfinished.
    """
    found = [path for path in runs.glob(f"*/{CHECKPOINTS}") if newest_position(path.parent)]
    if not found:
        raise UsageError(f"no run in {runs} is unfinished: name the folder of the one to resume")
    return max(found, key=lambda path: path.stat().st_mtime).parent


@contextmanager
def open_run(folder: Path, saving: SavingSettings, *, mark: str) -> Iterator[None]:
    """Hold a run's folder while it is trained; when all is done, remove its checkpoints.

    Args:
        folder: the run's, made if it is not there.
        saving: whether to go on where a training ended.
        mark: a file that no finished run lacks.

    Raises:
        UsageError: the folder holds a finished run, an unfinished one that was not to be resumed, or
            nothing to resume.
    """
    place = folder / CHECKPOINTS
    shutil.rmtree(folder / _GONE, ignore_errors=True)
    if (folder / mark).exists() and not place.is_dir():
        raise UsageError(f"{folder} already holds a run: name another folder")
    if saving.unfinished == "resume" and newest_position(folder) is None:
        raise UsageError(f"{folder} holds no unfinished training to resume: start it without resuming")
    with hold(place / _LOCK, of=folder):
        position = newest_position(folder)
        if position and saving.unfinished == "refuse":
            raise UsageError(
                f"{folder} holds an unfinished training (step {position.step}, {position.epoch} epochs "
                "over): resume it (--resume), or name another folder"
            )
        try:
            yield
        except BaseException:
            _remove_if_empty(folder)
            raise
        place.rename(folder / _GONE)
    shutil.rmtree(folder / _GONE, ignore_errors=True)


def _remove_if_empty(folder: Path) -> None:
    """Leave nothing behind where nothing was written but the lock."""
    place = folder / CHECKPOINTS
    if place.is_dir() and list(folder.iterdir()) == [place] and newest_position(folder) is None:
        shutil.rmtree(place, ignore_errors=True)
        folder.rmdir()
