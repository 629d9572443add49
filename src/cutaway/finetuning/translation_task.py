"""Translation as the loop sees it: pairs of ids, and the mean loss of each next target word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from cutaway.finetuning.parallel_text import EncodedPairs
from cutaway.finetuning.placing import placed
from cutaway.finetuning.pretraining_settings import PretrainSettings
from cutaway.training.batches import Rows
from cutaway.transformers.pretraining.translation import TranslationBatch, pack_pairs, translation_loss
from cutaway.transformers.seq2seq import Transformer


class TranslationTask:
    """Pairs in, the mean loss of the target out.

    Args:
        model: what learns.
        pairs: to learn from, and to score.
        settings: batch, smoothing, precision, seed.
        folder: where the best weights are kept.
    """

    def __init__(
        self,
        model: Transformer,
        pairs: tuple[EncodedPairs, EncodedPairs],
        settings: PretrainSettings,
        folder: Path,
    ) -> None:
        placed(model, settings)
        self.model, self._settings, self._folder = model, settings, folder
        self._pairs, self._held = pairs
        self.facts = {
            "pairs": len(self._pairs),
            "tokens": sum(map(len, self._pairs.targets)),
            "held_out_pairs": len(self._held),
            "held_out_tokens": sum(map(len, self._held.targets)),
        }

    def batches(self, epoch: int) -> Sequence[Rows]:
        """Return pairs of similar length together."""
        seed = self._settings.loop.seed * 1000 + epoch
        return self._pairs.batches(budget=self._settings.batch_tokens, seed=seed)

    def tokens(self, batch: Rows) -> int:
        """Return how many tokens both sides of a batch hold."""
        return self._pairs.tokens_of(batch)

    def loss(self, batch: Rows) -> tuple[Tensor, int]:
        """Return the mean loss, its answers smoothed, and how many words were asked for."""
        packed = self._packed(self._pairs, batch)
        return self._loss(packed, self._settings.smoothing), len(packed.words)

    def validate(self) -> Mapping[str, float]:
        """Return the mean loss of the held-out targets, in nats, not smoothed."""
        total, count = 0.0, 0
        for batch in self._held.batches(budget=self._settings.batch_tokens, seed=None):
            packed = self._packed(self._held, batch)
            total += float(self._loss(packed, 0.0)) * len(packed.words)
            count += len(packed.words)
        return {"loss": total / count}

    def keep(self, epoch: int) -> None:
        """Write the model."""
        del epoch
        self.model.save(self._folder)

    def _loss(self, packed: TranslationBatch, smoothing: float) -> Tensor:
        with self._settings.products():
            return translation_loss(self.model, packed, smoothing=smoothing)

    def _packed(self, pairs: EncodedPairs, batch: Rows) -> TranslationBatch:
        rows = batch.tolist()
        sources, targets = ([side[at] for at in rows] for side in (pairs.sources, pairs.targets))
        return pack_pairs(sources, targets, self.model.config).to(self._settings.place)
