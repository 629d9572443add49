"""Ready-made questions: why this label, why this word behind the mask, why this next word?

Legend: T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from cutaway.core.errors import UsageError
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.packing import IntArray
from cutaway.transformers.question import Question, Readout, as_row, difference, one_place
from cutaway.transformers.task_heads import LabelHead, WordHead
from cutaway.transformers.tasks import MaskedWords, NextSentence, SequenceLabels, TokenLabels

if TYPE_CHECKING:
    from cutaway.transformers.bert import Bert
    from cutaway.transformers.question import Step


def why_label(
    task: SequenceLabels | NextSentence,
    ids: Sequence[int] | IntArray,
    label: str,
    *,
    against: str | None = None,
    tokens: Sequence[str] = (),
    types: IntArray | None = None,
) -> Question:
    """Ask why a text got a label.

    Args:
        task: the model, with the labels' names.
        ids: T token ids, the special ones among them.
        label: its logit is explained.
        against: a label whose logit is subtracted; of two labels' difference the probability follows.
        tokens: T labels for the tokens.
        types: T token types.

    Returns:
        The question.

    Raises:
        UsageError: the task has no such label.
    """
    row, head = as_row(ids), cast(LabelHead, task.head)
    pooler: tuple[Step, ...] = ()
    if task.pooled and task.body.pooler is not None:
        pooler = (task.body.pooler, "tanh")
    dense = () if head.dense is None or head.activation is None else (head.dense, head.activation)
    wanted = [_number(task.labels, name) for name in (label, against) if name is not None]
    weight, bias = difference(head.out.weight, head.out.bias, wanted[0], wanted[1] if against else None)
    readout = Readout(
        name=_name(label, against),
        places=one_place(0, row.size),
        steps=(*pooler, *dense),
        weight=weight,
        bias=bias,
    )
    return Question(model=task.body, ids=row, readout=readout, tokens=tokens, types=types)


def why_token_label(
    task: TokenLabels,
    ids: Sequence[int] | IntArray,
    label: str,
    *,
    place: int,
    tokens: Sequence[str] = (),
) -> Question:
    """Ask why a token got a label.

    Args:
        task: the model, with the labels' names.
        ids: T token ids.
        label: its logit is explained.
        place: of the token, from 0.
        tokens: T labels for the tokens.

    Returns:
        The question.

    Raises:
        UsageError: the task has no such label.
    """
    row, head = as_row(ids), cast(LabelHead, task.head)
    weight, bias = difference(head.out.weight, head.out.bias, _number(task.labels, label), None)
    steps = () if head.dense is None or head.activation is None else (head.dense, head.activation)
    places = one_place(place, row.size)
    readout = Readout(name=_name(label, None), places=places, steps=steps, weight=weight, bias=bias)
    return Question(model=task.body, ids=row, readout=readout, tokens=tokens)


def why_word(
    task: MaskedWords,
    ids: Sequence[int] | IntArray,
    word: int,
    *,
    place: int,
    against: int | None = None,
    tokens: Sequence[str] = (),
) -> Question:
    """Ask why a word is likely at a place, masked or not.

    Args:
        task: the model.
        ids: T token ids.
        word: its id; its logit is explained.
        place: where, from 0.
        against: another word's id, whose logit is subtracted.
        tokens: T labels for the tokens.

    Returns:
        The question.
    """
    row, head = as_row(ids), cast(WordHead, task.head)
    weight, bias = difference(task.body.embeddings.token.weight, head.bias, word, against)
    readout = Readout(
        name=_name(f"word {word}", None if against is None else f"word {against}"),
        places=one_place(place, row.size),
        steps=(head.dense, head.activation, head.norm),
        weight=weight,
        bias=bias,
    )
    return Question(model=task.body, ids=row, readout=readout, tokens=tokens)


def why_next(
    gpt: Gpt,
    ids: Sequence[int] | IntArray,
    word: int,
    *,
    against: int | None = None,
    tokens: Sequence[str] = (),
) -> Question:
    """Ask why a word is likely to come next.

    Args:
        gpt: the model.
        ids: T token ids so far.
        word: its id; its logit is explained.
        against: another word's id, whose logit is subtracted.
        tokens: T labels for the tokens.

    Returns:
        The question.
    """
    row = as_row(ids)
    weight, bias = difference(gpt.token.weight, None, word, against)
    name = _name(f"word {word}", None if against is None else f"word {against}")
    readout = Readout(name=name, places=one_place(-1, row.size), weight=weight, bias=bias)
    return Question(model=gpt, ids=row, readout=readout, tokens=tokens)


def why_mean(
    body: Bert,
    ids: Sequence[int] | IntArray,
    output: nn.Linear,
    answer: int,
    *,
    against: int | None = None,
    tokens: Sequence[str] = (),
) -> Question:
    """Ask why the mean of all tokens' vectors got an answer.

    Args:
        body: the encoder.
        ids: T token ids.
        output: the layer that scores the mean, one row an answer.
        answer: its row; its logit is explained.
        against: another row, whose logit is subtracted.
        tokens: T labels for the tokens.

    Returns:
        The question.
    """
    row = as_row(ids)
    weight, bias = difference(output.weight, output.bias, answer, against)
    name = _name(f"answer {answer}", None if against is None else f"answer {against}")
    places = torch.full((row.size,), 1 / row.size)  # (T)
    readout = Readout(name=name, places=places, weight=weight, bias=bias)
    return Question(model=body, ids=row, readout=readout, tokens=tokens)


def _number(labels: Sequence[str], name: str) -> int:
    if name not in labels:
        raise UsageError(f"there is no label {name!r}: the model knows {list(labels)}")
    return list(labels).index(name)


def _name(wanted: str, against: str | None) -> str:
    return f"logit of {wanted}" + ("" if against is None else f" − logit of {against}")
