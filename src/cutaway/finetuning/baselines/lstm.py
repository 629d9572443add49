"""Room 3's LSTM over frozen word vectors: words in order, and no pretrained encoder."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cutaway.finetuning.baselines.baseline import Probabilities
from cutaway.finetuning.data import Labelled
from cutaway.finetuning.reader import Reader, train_reader
from cutaway.recurrent.classifier import ClassifierSettings
from cutaway.recurrent.train import TrainSettings
from cutaway.training.loop import LoopSettings
from cutaway.training.optimizer import OptimizerSettings


@dataclass(frozen=True, kw_only=True)
class Lstm:
    """The best epoch of a training, by a tenth of the texts held out from it.

    Attributes:
        vectors: the word vectors: a catalog name or a path.
        epochs: at most.
        title: what a table calls it.
    """

    vectors: str = "glove-6b-50d"
    epochs: int = 6
    title: str = "LSTM over word vectors"

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> FittedLstm:
        """Train.

        Args:
            texts: none of them without a word.
            labels: one each.

        Returns:
            The model.
        """
        labelled = Labelled(texts=list(texts), labels=list(labels), source="the training rows")
        settings = TrainSettings(
            model=ClassifierSettings(labels=tuple(labelled.classes)),
            loop=LoopSettings(epochs=self.epochs, optimizer=OptimizerSettings(rate=4e-3, weight_decay=0.01)),
        )
        held = max(len(labelled.classes), len(labelled) // 10)
        with tempfile.TemporaryDirectory(prefix="cutaway-") as folder:
            reader, _ = train_reader(
                labelled,
                self.vectors,
                settings,
                held_out=held,
                out=Path(folder) / "run",
                listen=lambda event, steps: None,
            )
        return FittedLstm(reader)


class FittedLstm:
    """Room 3's classifier with its vectors.

    Args:
        reader: as it was trained.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.size = sum(weight.nbytes for weight in reader.model.parameters()) + reader.vectors.vectors.nbytes

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """As `Fitted` says."""
        return self._reader.predict(texts).probabilities.astype(np.float64)
