"""What two processes that torchrun started come to; each leaves `<rank>.json` in a folder.

torchrun --nproc-per-node 2 parallel_training.py FOLDER
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.training.small_training import digest

from cutaway.core.errors import CutawayError
from cutaway.training.checkpoints import Checkpoints
from cutaway.training.loop import LoopSettings, fit
from cutaway.training.optimizer import OptimizerSettings
from cutaway.training.parallel import Group, joined

SETTINGS = LoopSettings(epochs=3, patience=3, optimizer=OptimizerSettings(rate=0.03))


class Counted(nn.Module):
    """A mean of rows of a table, whose gradient is sparse, through a layer; one more layer is never used."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 4, sparse=True)
        self.first, self.unused = nn.Linear(4, 3), nn.Linear(2, 2)
        self.drop = nn.Dropout(dropout)

    def forward(self, ids: Tensor) -> Tensor:
        return self.first(self.drop(self.table(ids))).mean(1)


class Words:
    """Batches of two to seven examples, so that a mean of means is no mean; five batches: one is left over."""

    def __init__(self, dropout: float = 0.0, seed: int = 1) -> None:
        torch.manual_seed(seed)
        self.model = Counted(dropout)
        self.kept: list[int] = []
        self.before: Callable[[int], None] = lambda batch: None
        self.worst = 1.0

    def batches(self, epoch: int) -> Sequence[int]:
        return [epoch * 10 + at for at in range(5)]

    def loss(self, batch: int) -> tuple[Tensor, int]:
        self.before(batch)
        drawn = torch.Generator().manual_seed(batch)
        ids = torch.randint(0, 20, (2 + batch % 6, 5), generator=drawn)
        wanted = ids.float().sum(1, keepdim=True) / 50
        return (self.model(ids) - wanted).square().mean() * self.worst, len(ids)

    def validate(self) -> Mapping[str, float]:
        ids = torch.arange(20)[None]
        return {"loss": float((self.model(ids) - 4).square().mean())}

    def keep(self, epoch: int) -> None:
        self.kept.append(epoch)


def trained(task: Words, group: Group, folder: Path | None = None, **changed: Any) -> str:
    """Train and return the weights' digest, or the error's name."""
    checkpoints = Checkpoints(folder=folder, every=1) if folder else None
    try:
        fit(task, replace(SETTINGS, **changed), lambda event, of: None, checkpoints=checkpoints, group=group)
    except CutawayError as error:
        return f"{type(error).__name__}: {error}"
    return digest(task.model)


def main() -> int:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    told: dict[str, Any] = {}
    with joined() as group:
        # Each process begins with weights of its own: the first one's count.
        task = Words(seed=group.rank)
        told["weights"] = trained(task, group)
        told["kept"] = task.kept
        if group.rank == 0:
            save_file(dict(task.model.state_dict()), folder / "weights.safetensors")
        told["whole"] = trained(Words(dropout=0.3), group, folder / "whole")

        cut = Words(dropout=0.3)
        if group.rank == 1:
            cut.before = lambda batch: batch == 11 and os.kill(os.getpid(), signal.SIGTERM)  # type: ignore[assignment,func-returns-value]
        told["stopped"] = trained(cut, group, folder / "cut")
        told["resumed"] = trained(Words(dropout=0.3), group, folder / "cut")

        task = Words()
        task.worst = float("nan") if group.rank == 1 else 1.0
        told["diverged"] = trained(task, group)
        told["before"], told["after"] = digest(Words().model), digest(task.model)
        told["other"] = trained(Words(), group, seed=group.rank)
    (folder / f"{group.rank}.json").write_text(json.dumps(told), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
