"""A training of milliseconds that draws on every random state; as a script, it can be stopped and killed.

    python small_training.py FOLDER [--steps-of-sleep SECONDS] [--epochs N] [--wait SECONDS]

prints one line a step, and at the end the sha256 of its weights.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from cutaway.core.errors import CutawayError
from cutaway.training.checkpoints import Checkpoints
from cutaway.training.loop import Epoch, LoopSettings, Step, fit
from cutaway.training.optimizer import OptimizerSettings

WIDTH = 6


class Noisy:
    """Learns a random line through dropout, with noise from NumPy and Python and a state of its own."""

    def __init__(self, wait: float = 0.0) -> None:
        torch.manual_seed(1)
        self.model = nn.Sequential(
            nn.Linear(WIDTH, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 1)
        )
        self.kept: list[int] = []
        self.wait = wait
        self._carried = torch.zeros(1)

    def batches(self, epoch: int) -> Sequence[int]:
        return [epoch * 10 + at for at in range(4)]

    def loss(self, batch: int) -> tuple[Tensor, int]:
        time.sleep(self.wait)
        x = torch.randn(8, WIDTH, generator=torch.Generator().manual_seed(batch))
        noise = float(np.random.standard_normal()) + random.gauss()
        wanted = x.sum(1, keepdim=True) + 0.1 * noise + self._carried
        loss = (self.model(x) - wanted).square().mean()
        self._carried = self._carried * 0.5 + loss.detach() * 0.01
        return loss, len(x)

    def validate(self) -> Mapping[str, float]:
        time.sleep(self.wait)
        x = torch.randn(32, WIDTH, generator=torch.Generator().manual_seed(999))
        torch.rand(1)  # a validation may draw
        return {"loss": (self.model(x) - x.sum(1, keepdim=True)).square().mean().item()}

    def keep(self, epoch: int) -> None:
        self.kept.append(epoch)

    def state(self) -> Mapping[str, Tensor]:
        return {"carried": self._carried}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._carried = state["carried"]


def settings(epochs: int = 3) -> LoopSettings:
    return LoopSettings(epochs=epochs, patience=epochs, optimizer=OptimizerSettings(rate=0.03))


def digest(model: nn.Module) -> str:
    """The sha256 of all weights and buffers."""
    held = hashlib.sha256()
    for tensor in model.state_dict().values():
        held.update(tensor.numpy().tobytes())
    return held.hexdigest()


def train(
    folder: Path, *, every: int | None = 1, epochs: int = 3, wait: float = 0.0, told: list[str] | None = None
) -> str:
    """Train to the end and return the weights' digest."""
    random.seed(7)
    np.random.seed(7)
    task = Noisy(wait)
    lines = [] if told is None else told
    checkpoints = Checkpoints(folder=folder, recipe={"data": "noise"}, every=every, told=lines.append)

    def listen(event: Step | Epoch, steps: int | None) -> None:
        if wait and isinstance(event, Step):
            sys.stdout.write(f"step {event.step}\n")
            sys.stdout.flush()

    fit(task, settings(epochs), listen, checkpoints=checkpoints)
    return digest(task.model)


def main() -> int:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wait", type=float, default=0.0)
    parser.add_argument("--epochs", type=int, default=3)
    asked = parser.parse_args()
    try:
        sys.stdout.write(train(asked.folder, epochs=asked.epochs, wait=asked.wait) + "\n")
    except CutawayError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
