"""A training's checkpoints: when one is due, what is in it, and what a signal does."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from torch import Tensor

from cutaway.core.errors import StoppedError
from cutaway.training.checkpoints import Checkpoint, Checkpoints, Position
from cutaway.training.history import History
from cutaway.training.snapshot import (
    Resumable,
    fill_optimizer,
    fill_weights,
    optimizer_tensors,
    random_states,
    set_random_states,
    weights_of,
)
from cutaway.training.stopping import Interrupted, Stop

if TYPE_CHECKING:
    from cutaway.training.loop import Training


class Saving:
    """Writes checkpoints of one training, and leads it back to the newest."""

    def __init__(self, training: Training, checkpoints: Checkpoints, stop: Stop) -> None:
        self._training, self._checkpoints, self._stop = training, checkpoints, stop
        self._recipe = {**checkpoints.recipe, "loop": asdict(training.settings), "steps": training.steps}
        self._saved: Position | None = None
        self._clock = time.monotonic()

    def resume(self) -> None:
        """Go to where the newest whole checkpoint stands, if there is one."""
        found = self._checkpoints.newest(self._recipe)
        if found is None:
            return
        training, task = self._training, self._training.task
        fill_weights(task.model, training.optimizer, found.tensors["weights"])
        fill_optimizer(training.optimizer, found.tensors["optimizer"])
        training.history = History.from_json(found.facts["history"])
        training.since_best = found.facts["since_best"]
        if isinstance(task, Resumable):
            task.restore(found.tensors["task"])
        set_random_states(found.tensors["random"])
        self._saved = found.position

    def after_step(self, *, left: int) -> None:
        """Save if it is time; the epoch's last step is saved once it is validated.

        Args:
            left: steps left in this epoch.

        Raises:
            StoppedError: a signal came.
        """
        every = self._checkpoints.every
        at = len(self._training.history.steps)
        waited = time.monotonic() - self._clock
        due = waited >= self._checkpoints.seconds or (every is not None and at % every == 0)
        if self._stop.asked or (due and left):
            self._save()
        self._leave_if_asked()

    def after_epoch(self) -> None:
        """Save, and leave if a signal came.

        Raises:
            StoppedError: a signal came.
        """
        self._save()
        self._leave_if_asked()

    def validate(self) -> Mapping[str, float]:
        """Validate; a signal ends it at once, for it changes nothing but random states.

        Raises:
            StoppedError: a signal came.
        """
        before = random_states()
        try:
            with self._stop.at_once():
                return self._training.validate()
        except Interrupted:
            set_random_states(before)
            self._save()
            raise self._stopped() from None

    def _save(self) -> None:
        training, task = self._training, self._training.task
        position = Position(len(training.history.epochs), len(training.history.steps))
        if position == self._saved:
            return
        tensors: dict[str, Mapping[str, Tensor]] = {
            "weights": weights_of(task.model, training.optimizer),
            "optimizer": optimizer_tensors(training.optimizer),
            "random": random_states(),
        }
        if isinstance(task, Resumable):
            tensors["task"] = task.state()
        facts = {"history": training.history.to_json(), "since_best": training.since_best}
        self._checkpoints.save(Checkpoint(position=position, tensors=tensors, facts=facts), self._recipe)
        self._saved, self._clock = position, time.monotonic()

    def _leave_if_asked(self) -> None:
        if self._stop.asked:
            raise self._stopped()

    def _stopped(self) -> StoppedError:
        number = self._stop.asked or signal.SIGINT
        return StoppedError(
            f"{signal.Signals(number).name} after step {len(self._training.history.steps)} of "
            f"{self._training.steps}: {self._checkpoints.folder} holds a checkpoint, the same training goes "
            "on from there",
            signal_number=number,
        )
