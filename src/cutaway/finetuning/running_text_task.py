"""Causal language modeling as the loop sees it: windows of a running text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from cutaway.core.errors import DataError
from cutaway.finetuning.corpus import Corpus, Ids, encode_documents
from cutaway.finetuning.placing import placed
from cutaway.finetuning.pretraining_settings import PretrainSettings
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.pretraining.causal import causal_loss, text_nats, window_starts


def running_ids(tokenizer: Tokenizer, corpus: Corpus, end: int | None) -> Ids:
    """Return all documents' ids in one row, the end token between them.

    Args:
        tokenizer: of the model.
        corpus: the documents.
        end: the id that ends a text; none writes nothing between documents.

    Returns:
        (tokens,) int.
    """
    rows = encode_documents(tokenizer, corpus.documents)
    if end is None or len(rows) == 1:
        return np.concatenate(rows)
    return np.concatenate([part for row in rows for part in (row, np.array([end], row.dtype))][:-1])


class RunningTextTask:
    """Windows in, the mean loss of each next token out.

    Args:
        model: what learns.
        tokenizer: of the model.
        corpora: to learn from, and to score.
        settings: row length, batch, precision, seed.
        folder: where the best weights are kept.

    Raises:
        DataError: the text to score is shorter than two tokens.
    """

    def __init__(
        self,
        model: Gpt,
        tokenizer: Tokenizer,
        corpora: tuple[Corpus, Corpus],
        settings: PretrainSettings,
        folder: Path,
    ) -> None:
        placed(model, settings)
        self.model, self._folder, self._settings = model, folder, settings
        training, held = corpora
        self._ids, self._held = (running_ids(tokenizer, one, model.config.end) for one in corpora)
        if len(self._held) < 2:
            raise DataError(f"{held.source} is {len(self._held)} token: scoring needs at least 2")
        self._characters = held.characters
        self.facts = {
            "tokens": len(self._ids),
            "characters": training.characters,
            "held_out_tokens": len(self._held),
            "held_out_characters": held.characters,
        }

    def batches(self, epoch: int) -> Sequence[Ids]:
        """Return where the windows of each batch begin."""
        seed = self._settings.loop.seed * 1000 + epoch
        starts = window_starts(len(self._ids), self._settings.tokens, seed=seed)
        count = self._settings.batch_tokens // self._settings.tokens
        return [starts[at : at + count] for at in range(0, len(starts), count)]

    def tokens(self, batch: Ids) -> int:
        """Return how many tokens a batch holds."""
        return self._settings.tokens * len(batch)

    def loss(self, batch: Ids) -> tuple[Tensor, int]:
        """Return the mean loss and how many tokens were asked for."""
        length = self._settings.tokens
        rows = [self._ids[start : start + length + 1] for start in batch.tolist()]
        with self._settings.products():
            return causal_loss(self.model, rows), length * len(rows)

    def validate(self) -> Mapping[str, float]:
        """Score the held-out text in windows side by side: nats a token and a character."""
        length = self._settings.tokens
        with self._settings.products():
            nats = text_nats(self.model, self._held, length=length, stride=length)
        return {"loss": nats / (len(self._held) - 1), "nats_a_character": nats / self._characters}

    def keep(self, epoch: int) -> None:
        """Write the model."""
        del epoch
        self.model.save(self._folder)
