"""Learning which text goes on: BERT's second task, beside the first.

Legend: B pairs, N tokens of all of them, D width.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from cutaway.core.errors import DataError, UsageError
from cutaway.core.files import whole_file, write_text
from cutaway.transformers.bert import Bert
from cutaway.transformers.checkpoint import CONFIG, WEIGHTS
from cutaway.transformers.packing import IntArray, PackedBatch
from cutaway.transformers.pretraining.masked_words import words_loss
from cutaway.transformers.pretraining.masking import MaskedBatch
from cutaway.transformers.tasks import MaskedWords, NextSentence


@dataclass(frozen=True, kw_only=True)
class SentencePair:
    """Two pieces of text.

    Attributes:
        first: ids of the one, (L,) int.
        second: ids of what stands behind it, or of something else.
        follows: 0 if the second follows the first in its document, 1 if it does not, as BERT counts.
    """

    first: IntArray
    second: IntArray
    follows: int


def draw_pairs(documents: Sequence[Sequence[IntArray]], *, seed: int) -> list[SentencePair]:
    """Pair each piece but a document's last: half the time with the next, else with one of another document.

    Args:
        documents: each a list of pieces, (L,) int, in their order.
        seed: of the draws.

    Returns:
        The pairs, in the order of the documents.

    Raises:
        DataError: there are fewer than two documents with a piece, or no document has two.

    Source:
        Devlin et al. 2019, arXiv:1810.04805, section 3.1, task 2.

    Example:
        >>> pieces = [[np.array([1]), np.array([2])], [np.array([3])]]
        >>> pair = draw_pairs(pieces, seed=1)[0]
        >>> (pair.second.tolist(), pair.follows) in (([2], 0), ([3], 1))
        True
    """
    full = [document for document in documents if document]
    if len(full) < 2 or all(len(document) < 2 for document in full):
        raise DataError(
            f"{len(full)} documents, the longest of {max(map(len, full), default=0)} pieces: next sentences "
            "need two documents, one of them of two pieces"
        )
    random = np.random.default_rng(seed)
    pairs = []
    for at, document in enumerate(full):
        for first, following in pairwise(document):
            if random.random() < 0.5:
                pairs.append(SentencePair(first=first, second=following, follows=0))
                continue
            other = full[(at + 1 + int(random.integers(len(full) - 1))) % len(full)]
            pairs.append(SentencePair(first=first, second=other[int(random.integers(len(other)))], follows=1))
    return pairs


def pack_sentence_pairs(pairs: Sequence[SentencePair], *, begin: int, end: int) -> PackedBatch:
    """Lay pairs out as BERT reads them: [CLS] first [SEP] second [SEP], types 0 and 1.

    Args:
        pairs: B pairs.
        begin: the id that comes first, [CLS].
        end: the id behind each piece, [SEP].

    Returns:
        The batch, with types.

    Example:
        >>> pair = SentencePair(first=np.array([7]), second=np.array([8, 9]), follows=0)
        >>> batch = pack_sentence_pairs([pair], begin=1, end=2)
        >>> batch.ids.tolist(), batch.types.tolist()
        ([1, 7, 2, 8, 9, 2], [0, 0, 0, 1, 1, 1])
    """
    rows = [np.concatenate(([begin], pair.first, [end], pair.second, [end])) for pair in pairs]
    types = [np.repeat([0, 1], [len(pair.first) + 2, len(pair.second) + 1]) for pair in pairs]
    return PackedBatch.from_rows(rows, types=types)


class WordsAndNextSentence(nn.Module):
    """A body with both of BERT's heads.

    Attributes:
        body: the encoder, which both heads share.
        words: says what stands behind a mask.
        next: says whether the second text follows the first.

    Raises:
        UsageError: the body has no pooler, which the second task reads, or no types.
    """

    def __init__(self, body: Bert) -> None:
        super().__init__()
        if body.family != "bert" or body.pooler is None or body.config.types < 2:
            raise UsageError(
                f"next sentences need a BERT with a pooler and two types: this {body.family} has "
                f"pooler {body.config.pooler!r} and {body.config.types} types"
            )
        self.body = body
        self.words = MaskedWords(body)
        self.next = NextSentence(body)

    def loss(self, masked: MaskedBatch, follows: Tensor) -> Tensor:
        """Return the sum of both mean losses, in nats.

            loss = −mean ln p(word) − mean ln p(follows)

        Args:
            masked: B pairs with something hidden.
            follows: 0 where the second text follows, else 1, (B,) int64.

        Returns:
            A scalar.
        """
        hidden = self.body(masked.batch)  # (N, D)
        answers: Tensor = self.next.head(self.body.pool(hidden, masked.batch))  # (B, 2)
        return words_loss(self.words, hidden, masked) + F.cross_entropy(answers.float(), follows)

    def save(self, folder: str | Path) -> None:
        """Write a folder that `MaskedWords.load`, `NextSentence.load`, `Bert.load` and the reference read.

        Args:
            folder: made if it is not there.
        """
        words, following = self.words.stored(), self.next.stored()
        fields = words.fields | {"architectures": ["BertForPreTraining"]}
        with whole_file(Path(folder) / WEIGHTS) as part:
            save_file(words.tensors | following.tensors, part, metadata={"format": "pt"})
        write_text(Path(folder) / CONFIG, json.dumps(fields, indent=2) + "\n")


def follows_of(pairs: Sequence[SentencePair]) -> Tensor:
    """Return the answers of pairs, (B,) int64.

    Args:
        pairs: B pairs.
    """
    return torch.tensor([pair.follows for pair in pairs])
