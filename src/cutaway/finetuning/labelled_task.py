"""Fine-tuning as the loop sees it: labelled rows, a loss, measures on rows held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cutaway.finetuning.class_loss import class_loss, class_weights
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.data import Labelled, Rows
from cutaway.finetuning.finetune_settings import FinetuneSettings
from cutaway.finetuning.inputs import Row, rows_of
from cutaway.finetuning.metrics import measure
from cutaway.finetuning.placing import placed
from cutaway.finetuning.runs.predictions import Answers
from cutaway.finetuning.saved import save_classifier
from cutaway.training.batches import token_budget_batches
from cutaway.training.precision import products_in, training_precision
from cutaway.transformers.packing import PackedBatch


class LabelledTask:
    """The loop's task: rows of ids in, cross-entropy out, the trained part kept in the run folder.

    Args:
        classifier: what learns.
        labelled: the texts and their classes.
        split: row numbers for training and held out.
        settings: all of them.
        folder: where the best is kept.
    """

    def __init__(
        self,
        classifier: Classifier,
        labelled: Labelled,
        split: tuple[Rows, Rows],
        settings: FinetuneSettings,
        folder: Path,
    ) -> None:
        place = placed(classifier, settings)
        self.model = classifier
        self.best_probabilities = np.zeros((0, 0), dtype=np.float32)
        self._folder, self._settings = folder, settings
        self._place, self._precision = place, training_precision(settings.precision, place)
        number = {name: at for at, name in enumerate(classifier.settings.labels)}
        truth = np.array([number[label] for label in labelled.labels], dtype=np.int64)
        rows = rows_of(classifier.tokenizer, labelled.texts, classifier.settings.inputs)
        training, held = split
        self._rows, self._truth = [rows[at] for at in training], torch.from_numpy(truth[training]).to(place)
        self._held, self._held_rows, self._held_truth = held, [rows[at] for at in held], truth[held]
        classes = len(classifier.settings.labels)
        weights = class_weights(truth[training], classes, settings.class_weights)
        self._weights = None if weights is None else weights.to(place)

    def batches(self, epoch: int) -> Sequence[Rows]:
        """Return this epoch's rows, similar lengths together."""
        seed = self._settings.loop.seed * 1000 + epoch
        return token_budget_batches(
            [len(row) for row in self._rows], budget=self._settings.batch_tokens, seed=seed
        )

    def tokens(self, batch: Rows) -> int:
        """Return how many tokens a batch holds."""
        return sum(len(self._rows[at]) for at in batch)

    def loss(self, batch: Rows) -> tuple[Tensor, int]:
        """Return the mean cross-entropy, and of how many rows."""
        rows: list[Row] = [self._rows[at] for at in batch]
        with products_in(self._precision, self._place):
            logits = self.model(PackedBatch.from_rows(rows).to(self._place))
        loss = class_loss(
            logits.float(), self._truth[batch], weights=self._weights, smoothing=self._settings.smoothing
        )
        return loss, len(batch)

    def validate(self) -> Mapping[str, float]:
        """Answer the held-out rows and return the measures."""
        probabilities = np.zeros((len(self._held_rows), len(self.model.settings.labels)), dtype=np.float32)
        for at, answer in self.model.predict_rows(self._held_rows, precision=self._precision):
            probabilities[at] = answer
        self._probabilities = probabilities
        return measure(probabilities, self._held_truth)

    def keep(self, epoch: int) -> None:
        """Write what was trained, and keep the answers."""
        save_classifier(self.model, self._folder)
        self.best_probabilities = self._probabilities

    def answers(self, labelled: Labelled) -> Answers:
        """Return the best epoch's answers to the held-out examples."""
        picked = labelled.pick(self._held)
        return Answers(
            rows=self._held if picked.rows is None else picked.rows,
            texts=picked.texts,
            truth=self._held_truth,
            tokens=np.array([len(row) for row in self._held_rows], dtype=np.int64),
            probabilities=self.best_probabilities,
            classes=self.model.settings.labels,
        )

    def depth(self, name: str) -> int:
        """Return how many layers lie above a parameter: none above the head, then block by block."""
        part = name.split(".")
        layers = len(self.model.encoder.blocks)
        if part[:2] == ["encoder", "blocks"]:
            return layers - int(part[2])
        return layers + 1 if part[:2] == ["encoder", "embeddings"] else 0

    def state(self) -> Mapping[str, Tensor]:
        """Return the best answers so far."""
        return {"best_probabilities": torch.from_numpy(self.best_probabilities)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take them back."""
        self.best_probabilities = state["best_probabilities"].numpy()
