"""Training a sequence classifier: the task that the shared loop runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from cutaway.core.errors import UsageError
from cutaway.recurrent.classifier import ClassifierSettings, SequenceClassifier
from cutaway.recurrent.evaluate import Examples, evaluate
from cutaway.training.batches import token_budget_batches
from cutaway.training.checkpoints import Checkpoints
from cutaway.training.loop import History, Listener, LoopSettings, fit
from cutaway.training.optimizer import OptimizerSettings

Keep = Callable[[SequenceClassifier], object]


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How a classifier is trained.

    Attributes:
        model: its shape.
        batch_words: words in a training batch, at most; batches hold texts of similar length.
        loop: epochs, patience, seed, optimizer.
    """

    model: ClassifierSettings
    batch_words: int = 16_384
    loop: LoopSettings = field(
        default_factory=lambda: LoopSettings(
            epochs=8, optimizer=OptimizerSettings(rate=4e-3, weight_decay=0.01)
        )
    )

    def __post_init__(self) -> None:
        if self.batch_words < 1:
            raise UsageError(f"a batch needs at least one word, not {self.batch_words}")


def train_classifier(
    settings: TrainSettings,
    table: NDArray[np.floating],
    examples: tuple[Examples, Examples],
    *,
    keep: Keep,
    listen: Listener = lambda event, steps: None,
    checkpoints: Checkpoints | None = None,
) -> tuple[SequenceClassifier, History]:
    """Train a classifier, watching its loss on held-out sequences after each epoch.

    Args:
        settings: shape, batches, loop.
        table: word vectors, (V, E) float, not trained.
        examples: those to train on, and those held out.
        keep: called with the model whenever its held-out loss is the lowest so far.
        listen: told each step and each epoch.
        checkpoints: where its states are kept, so that it can go on; nowhere if not given.

    Returns:
        The model as it stands after the last epoch, and the history.
    """
    torch.manual_seed(settings.loop.seed)
    model = SequenceClassifier(settings.model, table)
    task = _Task(model, examples, settings, keep)
    return model, fit(task, settings.loop, listen, checkpoints=checkpoints)


class _Task:
    """Sequences in, cross-entropy out."""

    def __init__(
        self,
        model: SequenceClassifier,
        examples: tuple[Examples, Examples],
        settings: TrainSettings,
        keep: Keep,
    ) -> None:
        self.model = model
        self._training, self._held = examples
        self._settings = settings
        self._keep = keep
        self._lengths = [len(ids) for ids in self._training.rows]

    def batches(self, epoch: int) -> Sequence[NDArray[np.int64]]:
        return token_budget_batches(
            self._lengths,
            budget=self._settings.batch_words,
            seed=self._settings.loop.seed * 1000 + epoch,
        )

    def tokens(self, batch: NDArray[np.int64]) -> int:
        return sum(self._lengths[row] for row in batch)

    def loss(self, batch: NDArray[np.int64]) -> tuple[Tensor, int]:
        logits = self.model([self._training.rows[row] for row in batch])
        truth = torch.from_numpy(self._training.truth[batch]).to(logits.device)
        return functional.cross_entropy(logits, truth), len(batch)

    def validate(self) -> Mapping[str, float]:
        return evaluate(self.model, self._held)

    def keep(self, epoch: int) -> None:
        self._keep(self.model)
