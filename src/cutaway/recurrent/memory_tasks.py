"""Two tasks that only memory solves: what must be known at the end was said long before.

Legend: B sequences, T steps, L symbols to remember, K kinds of symbol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from cutaway.core.errors import UsageError

TaskName = Literal["adding", "copy"]

# Hochreiter & Schmidhuber count a sum as right within this distance.
CLOSE = 0.04


@dataclass(frozen=True, kw_only=True)
class MemoryTask:
    """A task, and how far apart question and answer stand.

    Adding: T = distance steps of two numbers, one even in [0, 1), one a mark; two steps are marked, one
    in each half; after the last step the sum of the two marked numbers is wanted.

    Copy: L symbols, then distance − L blanks, one of them the sign to begin, then L steps in which the
    symbols are wanted back: each stands `distance` steps behind its answer.

    Attributes:
        name: "adding" or "copy".
        distance: steps.
        symbols: L, of the copy task.
        kinds: K, of the copy task.

    Raises:
        UsageError: there is no such task, or the distance is too short for it.

    Source:
        Hochreiter & Schmidhuber 1997, Long Short-Term Memory, section 5.4 (adding); Arjovsky, Shah &
        Bengio 2016, arXiv:1511.06464, section 5.1 (copy).
    """

    name: TaskName
    distance: int
    symbols: int = 5
    kinds: int = 8

    def __post_init__(self) -> None:
        if self.name not in get_args(TaskName):
            raise UsageError(f"the task must be one of {get_args(TaskName)}, not {self.name!r}")
        least = 2 if self.name == "adding" else self.symbols + 1
        if self.distance < least or min(self.symbols, self.kinds) < 1:
            raise UsageError(
                f"the {self.name} task needs a distance of at least {least}, not {self.distance}"
            )

    @property
    def inputs(self) -> int:
        """Numbers in an input vector."""
        return 2 if self.name == "adding" else self.kinds + 2

    @property
    def outputs(self) -> int:
        """Numbers that a model gives at each step."""
        return 1 if self.name == "adding" else self.kinds

    @property
    def answers(self) -> int:
        """At how many last steps an answer is wanted."""
        return 1 if self.name == "adding" else self.symbols

    def batch(self, size: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw sequences and what is wanted of them.

        Args:
            size: B.
            random: the source of chance.

        Returns:
            The sequences, (B, T, inputs) float32, and the answers: (B) float32 for adding, (B, L) int64
            for copy.

        Example:
            >>> x, y = MemoryTask(name="copy", distance=6, symbols=2).batch(3, torch.Generator())
            >>> x.shape, y.shape
            (torch.Size([3, 8, 10]), torch.Size([3, 2]))
        """
        if self.name == "adding":
            return self._adding(size, random)
        return self._copy(size, random)

    def loss(self, given: Tensor, wanted: Tensor) -> Tensor:
        """Return the mean squared error (adding) or the cross-entropy in nats (copy).

        Args:
            given: what the model gave at the last `answers` steps, (B, L, outputs) float.
            wanted: from `batch`.
        """
        if self.name == "adding":
            return functional.mse_loss(given[:, 0, 0], wanted)
        return functional.cross_entropy(given.flatten(0, 1), wanted.flatten())

    def accuracy(self, given: Tensor, wanted: Tensor) -> float:
        """Return the share of answers that are right: sums within 0.04, or symbols.

        Args:
            given: what the model gave at the last `answers` steps, (B, L, outputs) float.
            wanted: from `batch`.
        """
        if self.name == "adding":
            return float(((given[:, 0, 0] - wanted).abs() < CLOSE).float().mean())
        return float((given.argmax(dim=-1) == wanted).float().mean())

    def _adding(self, size: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        half = self.distance // 2
        numbers = torch.rand(size, self.distance, generator=random)  # (B, T)
        first = torch.randint(half, (size, 1), generator=random)  # (B, 1)
        second = torch.randint(half, self.distance, (size, 1), generator=random)  # (B, 1)
        marks = torch.zeros_like(numbers).scatter_(1, torch.cat([first, second], dim=1), 1.0)  # (B, T)
        return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(dim=1)

    def _copy(self, size: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        blank, begin = self.kinds, self.kinds + 1
        said = torch.randint(self.kinds, (size, self.symbols), generator=random)  # (B, L)
        ids = torch.full((size, self.distance + self.symbols), blank)  # (B, T)
        ids[:, : self.symbols] = said
        ids[:, self.distance - 1] = begin
        return functional.one_hot(ids, self.inputs).float(), said
