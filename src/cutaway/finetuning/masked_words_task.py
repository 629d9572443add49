"""Masked words as the loop sees them, alone or with BERT's next sentence or a teacher beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from cutaway.core.errors import UsageError
from cutaway.finetuning.corpus import Corpus, Ids, encode_documents, pieces_of
from cutaway.finetuning.placing import placed
from cutaway.finetuning.pretraining_settings import PretrainSettings
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.training.batches import token_budget_batches
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.pretraining.distillation import distillation_loss, halve
from cutaway.transformers.pretraining.masked_words import masked_word_loss
from cutaway.transformers.pretraining.masking import MaskedBatch, MaskingVocabulary, hide
from cutaway.transformers.pretraining.next_sentence import (
    SentencePair,
    WordsAndNextSentence,
    draw_pairs,
    follows_of,
    pack_sentence_pairs,
)
from cutaway.transformers.tasks import MaskedWords

# Of the masks over held-out text: the same ones each time.
_SCORING = 2**32


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A batch before anything is hidden: which rows, and the seed of its masks."""

    rows: tuple[int, ...]
    seed: tuple[int, ...]


def masking_vocabulary(tokenizer: Tokenizer) -> MaskingVocabulary:
    """Return what masking must know of a tokenizer.

    A word begins where a piece is spelled without WordPiece's `##`, or with the mark that byte pairs or
    SentencePiece put in a space's place; where no piece has such a mark, every piece is a word.

    Args:
        tokenizer: with a mask.

    Raises:
        UsageError: it has no mask.
    """
    mask = tokenizer.mask_id
    if mask is None:
        raise UsageError("this tokenizer has no mask token: masked words need a BERT or RoBERTa tokenizer")
    pieces = tokenizer.vocabulary.pieces
    special = np.zeros(len(pieces), dtype=bool)
    special[[token.id for token in tokenizer.pipeline.added if token.special]] = True
    inside = np.array([piece.startswith("##") for piece in pieces])
    spaced = np.array([piece.startswith(("Ġ", "▁")) for piece in pieces])
    begins = ~inside if inside.any() else spaced if spaced.any() else np.ones(len(pieces), dtype=bool)
    return MaskingVocabulary(mask=mask, special=special, begins=begins)


class MaskedWordsTask:
    """Rows of ids in, the mean loss of what was hidden out; other words are hidden in each epoch.

    Args:
        model: what learns.
        tokenizer: of the model.
        corpora: to learn from, and to score.
        settings: row length, batch, masking, precision, seed.
        folder: where the best weights are kept.
    """

    def __init__(
        self,
        model: MaskedWords,
        tokenizer: Tokenizer,
        corpora: tuple[Corpus, Corpus],
        settings: PretrainSettings,
        folder: Path,
    ) -> None:
        placed(model, settings)
        self.model: nn.Module = model
        self._words, self._tokenizer, self._settings = model, tokenizer, settings
        self._save: Callable[[Path], None] = model.save
        self._folder = folder
        if settings.trained == "head":
            model.body.requires_grad_(False)
        self._vocabulary = masking_vocabulary(tokenizer)
        self._rows, self._held = (self._rows_of(corpus) for corpus in corpora)
        self.facts = {
            "rows": len(self._rows),
            "tokens": sum(map(len, self._rows)),
            "held_out_rows": len(self._held),
            "held_out_tokens": sum(map(len, self._held)),
        }

    def batches(self, epoch: int) -> Sequence[Drawn]:
        """Return rows of similar length together, and the seed of each batch's masks."""
        seed = self._settings.loop.seed
        return self._grouped(
            [len(row) for row in self._rows], shuffle=seed * 1000 + epoch, seed=(seed, epoch)
        )

    def tokens(self, batch: Drawn) -> int:
        """Return how many tokens a batch holds."""
        return sum(len(self._rows[at]) for at in batch.rows)

    def loss(self, batch: Drawn) -> tuple[Tensor, int]:
        """Return the mean loss and how many words were asked for."""
        masked = self._hidden(self._rows, batch)
        if self._settings.trained == "head":
            self._words.body.eval()  # nothing is dropped in what does not learn
        with self._settings.products():
            return self._loss(masked, batch), len(masked.words)

    def validate(self) -> Mapping[str, float]:
        """Return the mean loss of held-out words, the same ones each time, in nats."""
        total, count = 0.0, 0
        for batch in self._grouped([len(row) for row in self._held], shuffle=None, seed=(_SCORING,)):
            masked = self._hidden(self._held, batch)
            with self._settings.products():
                total += float(masked_word_loss(self._words, masked)) * len(masked.words)
            count += len(masked.words)
        return {"loss": total / count}

    def keep(self, epoch: int) -> None:
        """Write the model."""
        del epoch
        self._save(self._folder)

    def _loss(self, masked: MaskedBatch, batch: Drawn) -> Tensor:
        del batch
        return masked_word_loss(self._words, masked)

    def _rows_of(self, corpus: Corpus) -> list[Ids]:
        cls, sep = self._tokenizer.cls_id, self._tokenizer.sep_id
        documents = encode_documents(self._tokenizer, corpus.documents)
        pieces = (piece for ids in documents for piece in pieces_of(ids, self._settings.tokens - 2))
        return [np.concatenate(([cls], piece, [sep])).astype(np.int32) for piece in pieces]

    def _grouped(self, lengths: list[int], *, shuffle: int | None, seed: tuple[int, ...]) -> list[Drawn]:
        groups = token_budget_batches(lengths, budget=self._settings.batch_tokens, seed=shuffle)
        return [Drawn(rows=tuple(rows.tolist()), seed=(*seed, at)) for at, rows in enumerate(groups)]

    def _hidden(self, rows: Sequence[Ids], batch: Drawn) -> MaskedBatch:
        packed = PackedBatch.from_rows([rows[at] for at in batch.rows]).to(self._settings.place)
        return hide(packed, self._vocabulary, self._settings.masking, np.random.default_rng(batch.seed))


class DistillationTask(MaskedWordsTask):
    """The same with a teacher: its student has every second one of its blocks.

    Args:
        teacher: a BERT with its word head.
        tokenizer: of the teacher.
        corpora: to learn from, and to score.
        settings: as for masked words, and the losses' weights.
        folder: where the best student is kept.
    """

    def __init__(
        self,
        teacher: MaskedWords,
        tokenizer: Tokenizer,
        corpora: tuple[Corpus, Corpus],
        settings: PretrainSettings,
        folder: Path,
    ) -> None:
        super().__init__(halve(teacher), tokenizer, corpora, settings, folder)
        # In `eval` mode for ever: it is no part of what the loop trains.
        self._teacher = teacher.eval()
        placed(self._teacher, settings)

    def _loss(self, masked: MaskedBatch, batch: Drawn) -> Tensor:
        del batch
        return distillation_loss(self._words, self._teacher, masked, self._settings.distillation).total


class NextSentenceTask(MaskedWordsTask):
    """Pairs of pieces in: masked words and whether the second piece follows; pairs are drawn anew each epoch.

    Args:
        model: a body with both heads.
        tokenizer: of the model.
        corpora: to learn from, and to score.
        settings: as for masked words.
        folder: where the best weights are kept.
    """

    def __init__(
        self,
        model: WordsAndNextSentence,
        tokenizer: Tokenizer,
        corpora: tuple[Corpus, Corpus],
        settings: PretrainSettings,
        folder: Path,
    ) -> None:
        super().__init__(model.words, tokenizer, corpora, settings, folder)
        model.to(settings.place)  # its second head too
        self.model, self._both, self._save = model, model, model.save
        room = (settings.tokens - 3) // 2
        documents, held = (
            [pieces_of(ids, room) for ids in encode_documents(tokenizer, corpus.documents)]
            for corpus in corpora
        )
        self._documents = documents
        self._held_pairs = draw_pairs(held, seed=_SCORING)
        self._pairs: dict[int, list[SentencePair]] = {}

    def batches(self, epoch: int) -> Sequence[Drawn]:
        """Return pairs of similar length together, and the seed of each batch's masks."""
        seed = self._settings.loop.seed
        pairs = self._pairs_of(epoch)
        return self._grouped(_lengths(pairs), shuffle=seed * 1000 + epoch, seed=(seed, epoch))

    def tokens(self, batch: Drawn) -> int:
        """Return how many tokens a batch holds."""
        pairs = self._pairs_of(batch.seed[1])
        return sum(_lengths([pairs[at] for at in batch.rows]))

    def loss(self, batch: Drawn) -> tuple[Tensor, int]:
        """Return the sum of both losses and how many words were asked for."""
        pairs = self._pairs_of(batch.seed[1])
        masked, follows = self._asked([pairs[at] for at in batch.rows], batch)
        with self._settings.products():
            return self._both.loss(masked, follows), len(masked.words)

    def validate(self) -> Mapping[str, float]:
        """Return both mean losses of held-out pairs, their sum as "loss", and how often it was right."""
        words = following = right = 0.0
        count = 0
        for batch in self._grouped(_lengths(self._held_pairs), shuffle=None, seed=(_SCORING,)):
            masked, follows = self._asked([self._held_pairs[at] for at in batch.rows], batch)
            with self._settings.products():
                words += float(masked_word_loss(self._words, masked)) * len(masked.words)
                answers = self._both.next(masked.batch).float()
            following += float(F.cross_entropy(answers, follows, reduction="sum"))
            right += int((answers.argmax(1) == follows).sum())
            count += len(masked.words)
        pairs = len(self._held_pairs)
        words, following = words / count, following / pairs
        return {
            "loss": words + following,
            "words_loss": words,
            "next_loss": following,
            "accuracy": right / pairs,
        }

    def _asked(self, pairs: Sequence[SentencePair], batch: Drawn) -> tuple[MaskedBatch, Tensor]:
        place, ends = self._settings.place, (self._tokenizer.cls_id, self._tokenizer.sep_id)
        packed = pack_sentence_pairs(pairs, begin=ends[0], end=ends[1]).to(place)
        random = np.random.default_rng(batch.seed)
        return hide(packed, self._vocabulary, self._settings.masking, random), follows_of(pairs).to(place)

    def _pairs_of(self, epoch: int) -> list[SentencePair]:
        """One epoch's pairs, drawn when they are first asked for: those of one epoch are kept."""
        if epoch not in self._pairs:
            self._pairs = {epoch: draw_pairs(self._documents, seed=self._settings.loop.seed * 1000 + epoch)}
        return self._pairs[epoch]


def _lengths(pairs: Sequence[SentencePair]) -> list[int]:
    return [len(pair.first) + len(pair.second) + 3 for pair in pairs]
