"""Sentence embeddings of a pretrained encoder that is not trained any further, and a logistic regression.

Legend: B texts, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cutaway.finetuning.baselines.baseline import Probabilities, numbered
from cutaway.finetuning.baselines.logistic import Logistic
from cutaway.finetuning.inputs import InputSettings, rows_of
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.training.batches import token_budget_batches
from cutaway.transformers.encoders import load_encoder
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.prepared import BUDGETS


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """Embeddings, each number scaled to the same spread, with logistic regression.

    Attributes:
        model: the encoder: a catalog name or a checkpoint folder.
        inputs: how much of a text is read.
        strength: C of the regression.
        told: called with the number of texts that were just read.
        title: what a table calls it.

    Source:
        Reimers and Gurevych 2019, arXiv:1908.10084, section 5 (transfer to SentEval).
    """

    model: str = "all-MiniLM-L6-v2"
    inputs: InputSettings = field(default_factory=InputSettings)
    strength: float = 0.1
    told: Callable[[int], object] = field(default=lambda count: None, compare=False)
    title: str = "frozen encoder + logistic regression"

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> FittedFrozen:
        """Train.

        Args:
            texts: none of them empty.
            labels: one each.

        Returns:
            The model.
        """
        _, truth = numbered(labels)
        reader = _Reader(self)
        features = reader.read(texts)
        shift, scale = features.mean(0), features.std(0)
        scale[scale == 0] = 1.0
        return FittedFrozen(
            reader, (shift, scale), Logistic((features - shift) / scale, truth, self.strength)
        )


class FittedFrozen:
    """The encoder, the scaling, and the regression.

    Args:
        reader: texts to embeddings.
        scaling: what is taken off each number, and what it is divided by.
        regression: over the scaled embeddings.
    """

    def __init__(
        self,
        reader: _Reader,
        scaling: tuple[NDArray[np.float32], NDArray[np.float32]],
        regression: Logistic,
    ) -> None:
        self._reader, self._scaling, self._regression = reader, scaling, regression
        self.size = reader.size + regression.size

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """As `Fitted` says."""
        shift, scale = self._scaling
        return self._regression.probabilities((self._reader.read(texts) - shift) / scale)


class _Reader:
    """Texts to embeddings, similar lengths together."""

    def __init__(self, settings: Frozen) -> None:
        self._settings = settings
        self._encoder, self._tokenizer = load_encoder(settings.model), Tokenizer.load(settings.model)
        self._inputs = settings.inputs.at_most(self._encoder.config.longest)
        self.size = sum(weight.nbytes for weight in self._encoder.parameters())

    def read(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import torch

        rows = rows_of(self._tokenizer, texts, self._inputs)
        found = np.zeros((len(rows), self._encoder.config.width), dtype=np.float32)
        lengths = rows.lengths.tolist()
        for at in token_budget_batches(lengths, budget=BUDGETS["float32"], seed=None):
            with torch.inference_mode():
                found[at] = self._encoder.embed(PackedBatch.from_rows([rows[row] for row in at])).numpy()
            self._settings.told(len(at))
        return found
