"""Teaching a smaller model what a larger one answers: DistilBERT's three losses.

Legend: N tokens of all rows, M places that are asked for, D width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from cutaway.core.errors import UsageError
from cutaway.training.word_loss import word_loss
from cutaway.transformers.bert import Bert, DistilBert
from cutaway.transformers.pretraining.masking import MaskedBatch
from cutaway.transformers.task_heads import WordHead
from cutaway.transformers.tasks import MaskedWords


@dataclass(frozen=True, kw_only=True)
class DistillationSettings:
    """How a student is taught.

    Attributes:
        temperature: T, which flattens both models' answers: what the teacher thinks nearly likely is told.
        teacher: weight of the soft answers' loss.
        words: weight of the masked words' loss.
        hidden: weight of the angle between the last layers' vectors.
    """

    temperature: float = 2.0
    teacher: float = 5.0
    words: float = 2.0
    hidden: float = 1.0

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise UsageError(f"temperature is {self.temperature}: it must be above 0")
        weights = (self.teacher, self.words, self.hidden)
        if min(weights) < 0 or not any(weights):
            raise UsageError(f"the losses' weights are {weights}: at least 0, and not all of them")


class DistillationLoss(NamedTuple):
    """The weighted sum and its three parts, scalars."""

    total: Tensor
    teacher: Tensor
    words: Tensor
    hidden: Tensor


def distillation_loss(
    student: MaskedWords, teacher: MaskedWords, masked: MaskedBatch, settings: DistillationSettings
) -> DistillationLoss:
    """Compare a student with its teacher on a batch with something hidden.

        teacher = −T² mean over m Σ t ln s,   t = softmax(z_teacher / T), s = softmax(z_student / T)
        words   = −mean over m of ln p(wordₘ)
        hidden  = mean over n of 1 − cos(h_student, h_teacher)

    T² keeps the soft answers' gradient as large as at temperature 1. The soft answers are those at the M
    places that are asked for; every token's vector counts in the third part.

    Args:
        student: what learns.
        teacher: in `eval` mode; it gets no gradient.
        masked: from `hide`.
        settings: temperature and weights.

    Returns:
        The loss and its parts.

    Source:
        Sanh et al. 2019, arXiv:1910.01108, sections 2 and 3; Hinton et al. 2015, arXiv:1503.02531,
        section 2.
    """
    with torch.no_grad():
        known = teacher.body(masked.batch)  # (N, D)
        soft = F.softmax(_scores(teacher, known[masked.places]) / settings.temperature, dim=-1)  # (M, V)
    hidden = student.body(masked.batch)  # (N, D)
    asked = hidden[masked.places]  # (M, D)
    logs = F.log_softmax(_scores(student, asked) / settings.temperature, dim=-1)  # (M, V)
    told = -(soft * logs).sum(-1).mean() * settings.temperature**2
    head: WordHead = student.head  # type: ignore[assignment]
    table = student.body.embeddings.token.weight
    words = word_loss(head.change(asked), table, head.bias, masked.words)
    angle = (1 - F.cosine_similarity(hidden.float(), known.float(), dim=-1)).mean()
    total = settings.teacher * told + settings.words * words + settings.hidden * angle
    return DistillationLoss(total, told, words, angle)


def halve(teacher: MaskedWords) -> MaskedWords:
    """Return a student of half the teacher's blocks: the first, third, fifth one's weights, and so on.

    The student is a DistilBERT, which has no types: what type 0 adds to each token is added to the
    positions, so that the first block reads the same.

    Departs: the paper's own student starts without the teacher's type vector.

    Args:
        teacher: a BERT with its word head.

    Returns:
        The student, sharing nothing with the teacher, in `train` mode.

    Raises:
        UsageError: the teacher is no BERT or DistilBERT, has one block only, or choices that a
            DistilBERT has not.

    Source:
        Sanh et al. 2019, arXiv:1910.01108, section 3 (student initialization).
    """
    body = teacher.body
    config = body.config
    if body.family == "roberta" or config.layers < 2:
        raise UsageError(
            f"a {body.family} of {config.layers} blocks cannot be halved: take a BERT of 2 or more"
        )
    if config.block.norm_epsilon != _EPSILON:
        raise UsageError(f"norm_epsilon is {config.block.norm_epsilon}: a DistilBERT's is {_EPSILON}")
    small = replace(config, layers=(config.layers + 1) // 2, types=0, pooler="none")
    student = MaskedWords(DistilBert(small))
    _copy_body(student.body, body)
    student.head.load_state_dict(teacher.head.state_dict())
    return student.train()


_EPSILON = 1e-12


@torch.no_grad()
def _copy_body(student: Bert, teacher: Bert) -> None:
    ours, theirs = student.embeddings, teacher.embeddings
    ours.token.weight.copy_(theirs.token.weight)
    ours.position.weight.copy_(theirs.position.weight)
    if theirs.token_type is not None:
        ours.position.weight.add_(theirs.token_type.weight[0])
    ours.norm.load_state_dict(theirs.norm.state_dict())
    for at, block in enumerate(student.blocks):
        block.load_state_dict(teacher.blocks[2 * at].state_dict())


def _scores(model: MaskedWords, hidden: Tensor) -> Tensor:
    scores: Tensor = model.head(hidden, model.body.embeddings.token.weight)
    return scores.float()
