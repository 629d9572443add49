"""Learning to fill gaps: BERT's first task.

Legend: N tokens of all rows, M places that are asked for, D width.
"""

from __future__ import annotations

from torch import Tensor

from cutaway.core.errors import ShapeError
from cutaway.training.word_loss import word_loss
from cutaway.transformers.pretraining.masking import MaskedBatch
from cutaway.transformers.task_heads import WordHead
from cutaway.transformers.tasks import MaskedWords


def masked_word_loss(model: MaskedWords, masked: MaskedBatch) -> Tensor:
    """Return the mean loss of the words behind the masks, in nats.

        loss = −mean over m of ln p(wordₘ | the batch with something hidden)

    Only the M places that are asked for are scored, a seventh of the work of scoring all.

    Args:
        model: what learns.
        masked: from `hide`.

    Returns:
        A scalar.

    Source:
        Devlin et al. 2019, arXiv:1810.04805, section 3.1, task 1.
    """
    return words_loss(model, model.body(masked.batch), masked)


def words_loss(model: MaskedWords, hidden: Tensor, masked: MaskedBatch) -> Tensor:
    """Return the same for a batch that the body has read already, as when two tasks share it.

    Args:
        model: whose head is asked.
        hidden: (N, D) float, the body's output.
        masked: from `hide`.

    Returns:
        A scalar.

    Raises:
        ShapeError: the vectors are not those of the batch.
    """
    if len(hidden) != len(masked.batch.ids):
        raise ShapeError(f"{len(hidden)} vectors for a batch of {len(masked.batch.ids)} tokens")
    head: WordHead = model.head  # type: ignore[assignment]
    changed = head.change(hidden[masked.places])  # (M, D)
    return word_loss(changed, model.body.embeddings.token.weight, head.bias, masked.words)
