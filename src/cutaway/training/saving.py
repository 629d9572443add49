"""A training's checkpoints: when one is due, what is in it, and what a signal does."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING

from safetensors.torch import load
from safetensors.torch import save as packed
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
        self._group = training.group
        self._recipe = {**checkpoints.recipe, "loop": asdict(training.settings), "steps": training.steps}
        if self._group.size > 1:
            self._recipe["processes"] = self._group.size
        self._group.check_alike(self._recipe)
        self._saved: Position | None = None
        self._clock = time.monotonic()

    def resume(self) -> None:
        """Go to where the newest whole checkpoint stands, if there is one."""
        found = self._shared(self._checkpoints.newest(self._recipe) if self._group.rank == 0 else None)
        if found is None:
            return
        training, task = self._training, self._training.task
        fill_weights(task.model, training.optimizer, found.tensors["weights"])
        fill_optimizer(training.optimizer, found.tensors["optimizer"])
        training.history = History.from_json(found.facts["history"])
        training.since_best = found.facts["since_best"]
        if isinstance(task, Resumable):
            task.restore(found.tensors["task"])
        set_random_states(found.tensors[_random_file(self._group.rank)])
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
        # Clocks differ, and a signal may reach one process alone: they agree.
        save, asked = self._group.most([due, self._stop.asked or 0])
        if asked or (save and left):
            self._save()
        if asked:
            raise self._stopped(asked)

    def after_epoch(self) -> None:
        """Save, and leave if a signal came.

        Raises:
            StoppedError: a signal came.
        """
        (asked,) = self._group.most([self._stop.asked or 0])
        self._save()
        if asked:
            raise self._stopped(asked)

    def validate(self) -> Mapping[str, float]:
        """Validate; a signal ends it at once, for it changes nothing but random states.

        Raises:
            StoppedError: a signal came.
        """
        before, measures = random_states(), None
        try:
            with self._stop.at_once() if self._group.rank == 0 else nullcontext():
                measures = self._training.measured()
        except Interrupted:
            measures = None
            set_random_states(before)
        told: Mapping[str, float] | None = self._group.tell(measures)
        if told is None:
            (asked,) = self._group.most([self._stop.asked or 0])
            self._save()
            raise self._stopped(asked)
        return told

    def _save(self) -> None:
        training, task = self._training, self._training.task
        position = Position(len(training.history.epochs), len(training.history.steps))
        if position == self._saved:
            return
        states = self._group.collect(packed(random_states()) if self._group.size > 1 else b"")
        self._saved, self._clock = position, time.monotonic()
        if self._group.rank:
            return
        tensors: dict[str, Mapping[str, Tensor]] = {
            "weights": weights_of(task.model, training.optimizer),
            "optimizer": optimizer_tensors(training.optimizer),
            "random": random_states(),
            **{_random_file(rank): load(state) for rank, state in enumerate(states) if rank},
        }
        if isinstance(task, Resumable):
            tensors["task"] = task.state()
        facts = {"history": training.history.to_json(), "since_best": training.since_best}
        self._checkpoints.save(Checkpoint(position=position, tensors=tensors, facts=facts), self._recipe)
        self._clock = time.monotonic()

    def _shared(self, found: Checkpoint | None) -> Checkpoint | None:
        """Return the first process's checkpoint in all."""
        group = self._group
        if group.size == 1:
            return found
        told = group.tell(found and [found.position, found.facts, list(found.tensors)])
        if told is None:
            return None
        position, facts, names = told
        pieces = {name: group.send(packed(dict(found.tensors[name])) if found else b"") for name in names}
        return Checkpoint(
            position=Position(*position),
            tensors={name: load(piece) for name, piece in pieces.items()},
            facts=facts,
        )

    def _stopped(self, number: int) -> StoppedError:
        return StoppedError(
            f"{signal.Signals(number).name} after step {len(self._training.history.steps)} of "
            f"{self._training.steps}: {self._checkpoints.folder} holds a checkpoint, the same training goes "
            "on from there",
            signal_number=number,
        )


def _random_file(rank: int) -> str:
    """Each process draws from generators of its own."""
    return f"random-{rank}" if rank else "random"
